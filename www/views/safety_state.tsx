/** Always in sight: whether what was written is safe. */
import { useDurability } from "holdfast/react";
import { costs } from "../costs";
import type { Storage } from "../database";
import { duration, number } from "../format";
import { explain } from "../problems";
import { useStore } from "../store";
import { isAny, useUnderWay } from "../under_way";

export function SafetyState({ storage }: { storage: Storage }) {
  const { state, pending } = useDurability();
  // A large work is saved part by part: between the parts it is not done either.
  const isWriting = isAny(useUnderWay(), "generating", "restoring");
  const saving = pending > 0 ? `Saving ${number(pending)}…` : "Saving…";
  const [text, kind] =
    state === "closed"
      ? ["Closed", "bad"]
      : state === "degraded"
        ? [pending > 0 ? `Not saved: ${number(pending)}` : "Storage fails", "bad"]
        : state === "pending" || isWriting
          ? [saving, "busy"]
          : storage === "memory"
            ? ["In memory only", "warning"]
            : ["All saved", "saved"];
  return (
    <span id="state" role="status" className={kind}>
      {text}
    </span>
  );
}

/** What the last change took, where the panels are out of sight, too. */
export function LastChange() {
  const { change } = useStore(costs);
  return (
    <span id="last-change" className="hint">
      {change && `last change ${duration(change.ms)}`}
    </span>
  );
}

/** What is wrong with the storage, and what to do, as long as it is. */
export function Trouble() {
  const { state, reason } = useDurability();
  if (state !== "degraded" || reason === undefined) return null;
  const { code, message, advice } = explain(reason);
  return (
    <div className="trouble" role="alert">
      <p>
        <strong>The storage fails.</strong> <code>{code}</code> {message} {advice}
      </p>
      <p>
        What was saved is safe and can be read. The next change that is saved ends this warning; until then keep this
        tab open, and make a backup of what matters.
      </p>
    </div>
  );
}
