/** How safe what was saved is: room, the browser's promise, and who deletes what is not visited. */
import { useDurability } from "holdfast/react";
import { useState } from "react";
import { fail } from "../database";
import { bytes } from "../format";
import { useDb } from "../hooks";
import { Fact } from "./sizes_panel";
import { ActionButton } from "./parts";

export function SafetyPanel() {
  const { state, usage, quota, persisted, evictedAfterDays } = useDurability();
  const db = useDb();
  const [isRefused, setRefused] = useState(false);
  const ask = async (): Promise<void> => {
    try {
      setRefused(!(await db.storage.requestPersistence()));
    } catch (error) {
      fail(error);
    }
  };
  if (state === "memory")
    return (
      <section className="panel" aria-label="What is safe">
        <h2>What is safe</h2>
        <p className="said">
          Nothing: all of it is in memory, and gone when this tab is closed. Make a backup to keep it.
        </p>
      </section>
    );
  const isFull = usage !== undefined && quota !== undefined && usage > 0.8 * quota;
  return (
    <section className="panel" aria-label="What is safe">
      <h2>What is safe</h2>
      {usage !== undefined && quota !== undefined && (
        <meter aria-label="Storage in use" min={0} max={quota} high={0.8 * quota} value={usage} />
      )}
      <dl className="sizes">
        <Fact
          name="In use"
          value={usage === undefined ? "the browser doesn't say" : `${bytes(usage)} of ${bytes(quota ?? 0)}`}
        />
        <Fact name="When the disk is full" value={persisted ? "the browser keeps it" : "the browser may delete it"} />
      </dl>
      {isFull && <p className="said bad">Little room is left: delete what you don't need, or make a backup.</p>}
      {evictedAfterDays !== undefined && (
        <p className="said bad">
          {`This browser deletes what a site has stored after ${evictedAfterDays} days of use without a visit, whatever ` +
            "it has promised. Make backups, or add this page to the home screen."}
        </p>
      )}
      {!persisted && (
        <div className="buttons">
          <ActionButton text="Ask the browser to keep it" busyText="Asking…" action={ask} />
        </div>
      )}
      <p className="said" role="status">
        {isRefused && !persisted && "It has not promised that: browsers do for pages that are used often or installed."}
      </p>
    </section>
  );
}
