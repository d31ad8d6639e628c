/** Always in sight: how this device stands to the server, and whether what was written is saved. */
import { useDurability } from "holdfast/react";
import { number } from "../format";
import { useStore } from "../store";
import { explained, useApp } from "./database";
import { isOffline, server } from "./settings";
import { obey, retryText, told, useFailure, useSeconds, useSync } from "./syncing";

export function SyncState() {
  const address = useStore(server);
  const isOnline = useStore(isOffline) === "";
  const { text, kind } = told(useSync(), address);
  return (
    <>
      <span className="states">
        <span id="state" role="status" className={kind}>
          {text}
        </span>
        <Saved />
      </span>
      {address !== "" && (
        <label className="switch">
          <input
            type="checkbox"
            role="switch"
            checked={isOnline}
            onChange={(event) => isOffline.set(event.target.checked ? "" : "yes")}
          />
          Online
        </label>
      )}
    </>
  );
}

/** Whether it is on this device's disk. */
function Saved() {
  const { state, pending } = useDurability();
  const text = {
    saved: "Saved on this device",
    pending: pending > 1 ? `Saving ${number(pending)}…` : "Saving…",
    degraded: pending > 0 ? `Not saved: ${number(pending)}` : "Storage fails",
    memory: "In memory only: gone with this tab",
    closed: "Closed",
  }[state];
  return (
    <small id="durability" className={state === "degraded" || state === "memory" ? "bad" : ""}>
      {text}
    </small>
  );
}

/** What is wrong with the storage, and what to do, as long as it is. */
export function Unsafe() {
  const { state, reason } = useDurability();
  if (state !== "degraded" || reason === undefined) return null;
  const { code, message, advice } = explained(reason);
  return (
    <div className="trouble" role="alert">
      <p>
        <strong>The storage fails.</strong> <code>{code}</code> {message} {advice}
      </p>
      <p>What was saved is safe. Keep this tab open until the warning ends, and make a backup in “Settings”.</p>
    </div>
  );
}

/** Why there is no connection, and when there may be one again. */
export function Failure({ openSettings }: { openSettings: () => void }) {
  const failure = useFailure();
  const { db } = useApp();
  const now = useSeconds(failure !== undefined);
  if (failure === undefined) return null;
  const retry = (): void => {
    db.sync.disconnect();
    obey();
  };
  return (
    <div className="trouble failure">
      <p role="alert">
        <strong>Not connected.</strong> {failure.message} What you change is kept on this device, and synced later.
      </p>
      <div className="buttons">
        {/* Told without being asked once a second, it would be noise. */}
        <span className="hint retry">{retryText(failure.retryAt, now)}</span>
        <button type="button" onClick={retry}>
          Try now
        </button>
        <button type="button" onClick={openSettings}>
          Change the server
        </button>
      </div>
    </div>
  );
}
