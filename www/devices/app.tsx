/** The page: how the devices stand to each other, and the devices. */
import { HoldfastProvider } from "holdfast/react";
import { useState } from "react";
import { useStore } from "../store";
import { Boundary } from "../views/boundary";
import { Notices } from "../views/notices_view";
import { ActionButton, Dialog } from "../views/parts";
import { DeviceView } from "./device_view";
import { explained, type Opened, phase, type Phase, start, startOver, useLinkState } from "./devices";
import { parting, setConnected } from "./parting";

export function App() {
  const now = useStore(phase);
  return (
    <>
      <header>
        <div className="brand">
          <h1>Two devices</h1>
          <p>
            <span>Two databases in one page. They work apart, and merge when they meet.</span>{" "}
            <a href="../">Back to the database</a>
          </p>
        </div>
        <div className="state">{now.is === "open" ? <Connection opened={now} /> : <Closed now={now} />}</div>
      </header>
      <main className="devices" tabIndex={-1}>
        {now.is === "open" ? (
          now.devices.map((device) => (
            <HoldfastProvider key={device.session} database={device.db}>
              <section className="device panel" aria-label={device.device} tabIndex={-1}>
                <Boundary>
                  <DeviceView device={device} link={now.link} news={now.news} />
                </Boundary>
              </section>
            </HoldfastProvider>
          ))
        ) : now.is === "refused" ? (
          <Refusal {...now} />
        ) : (
          <p className="loading">{now.is === "opening" ? "Opening both databases…" : "Deleting both databases…"}</p>
        )}
      </main>
      <Notices />
    </>
  );
}

function Connection({ opened }: { opened: Opened }) {
  const state = useLinkState(opened.link);
  const areWaiting = Object.values(useStore(parting) ?? {}).includes(true);
  const [isAsking, setAsking] = useState(false);
  const text = {
    same: "Both have the same",
    meeting: "Passing on changes…",
    apart: areWaiting ? "Offline: changes wait" : "Offline: no changes yet",
  }[state];
  return (
    <>
      <span id="state" role="status" className={{ same: "saved", meeting: "busy", apart: "warning" }[state]}>
        {text}
      </span>
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          checked={state !== "apart"}
          onChange={(event) => setConnected(event.target.checked)}
        />
        Connected
      </label>
      <button type="button" onClick={() => setAsking(true)}>
        Start over
      </button>
      {isAsking && <StartOver close={() => setAsking(false)} />}
    </>
  );
}

function StartOver({ close }: { close: () => void }) {
  return (
    <Dialog labelledBy="start-over" onClose={close}>
      <form method="dialog" onSubmit={(event) => event.preventDefault()}>
        <h2 id="start-over">Start over?</h2>
        <p>Both databases are deleted, with all that you have changed. Then the samples are made anew.</p>
        <div className="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <ActionButton text="Delete both" busyText="Deleting…" className="danger" action={startOver} />
        </div>
      </form>
    </Dialog>
  );
}

function Closed({ now }: { now: Phase }) {
  return (
    <span id="state" role="status" className={now.is === "refused" ? "bad" : "busy"}>
      {now.is === "refused" ? "Not open" : now.is === "opening" ? "Opening…" : "Deleting…"}
    </span>
  );
}

/** What to do when there are no devices to show. */
function Refusal({ error, isGone }: Extract<Phase, { is: "refused" }>) {
  const { code, message, advice } = explained(error);
  return (
    <div className="empty" role="alert">
      <h2>{isGone ? "The databases are gone" : "The databases can't be opened"}</h2>
      <p>
        {isGone
          ? "They were deleted in another tab or window, or the browser has removed them. Opening them again shows what is there now."
          : advice}
      </p>
      <p className="error">
        {code && <code>{code}</code>} {message}
      </p>
      <button type="button" className="primary" onClick={() => void start()}>
        {isGone ? "Open them again" : "Try again"}
      </button>
    </div>
  );
}
