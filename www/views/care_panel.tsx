/** What one does with the database as a whole: fill it, check it, back it up, choose its durability, delete it. */
import { useState } from "react";
import { destroy, setDurability, type Durability } from "../database";
import { plural } from "../format";
import { useDb } from "../hooks";
import { forget } from "../lists";
import { during, isAny, useUnderWay, type Work } from "../under_way";
import { BackupPart } from "./backup_part";
import { ManyTasks } from "./many_tasks";
import { Dialog, Labelled, Select } from "./parts";
import { VerifyPart } from "./verify_part";

/** When those controls may be used again that would take the database away. */
const ends: Partial<Record<Work, string>> = {
  generating: "When the tasks are generated",
  "backing up": "When the backup is made",
  restoring: "When the file is restored",
};

export function CarePanel({ durability }: { durability: Durability }) {
  const underWay = useUnderWay();
  const title = Object.entries(ends).find(([work]) => underWay.has(work as Work))?.[1];
  return (
    <section className="panel" aria-label="Database">
      <h2>Database</h2>
      <BackupPart />
      <VerifyPart />
      <ManyTasks />
      <Labelled text="Durability">
        <Select
          name="durability"
          label="Durability"
          value={durability}
          options={[
            ["relaxed", "Relaxed: survives a crash"],
            ["strict", "Strict: also a power cut"],
          ]}
          onChange={(wanted) => void during("reopening", () => setDurability(wanted as Durability))}
          // It would take the database away under what is being read or written.
          disabled={underWay.size > 0}
          {...(title && { title })}
        />
      </Labelled>
      <DeletePart isBusy={isAny(underWay, "generating", "backing up", "restoring")} title={title} />
    </section>
  );
}

function DeletePart({ isBusy, title }: { isBusy: boolean; title: string | undefined }) {
  const db = useDb();
  const [tasks, setTasks] = useState<number>();
  const ask = async (): Promise<void> => {
    setTasks(
      await db
        .query("tasks")
        .count()
        .catch(() => 0),
    );
  };
  const close = (): void => setTasks(undefined);
  return (
    <div className="buttons">
      <button type="button" className="danger" disabled={isBusy} title={title} onClick={() => void ask()}>
        Delete database
      </button>
      {tasks !== undefined && (
        <Dialog labelledBy="delete-title" onClose={close}>
          <form
            method="dialog"
            onSubmit={(event) => {
              event.preventDefault();
              close();
            }}
          >
            <h2 id="delete-title">Delete the database?</h2>
            <p>{`${plural(tasks, "task")} and everything else in it will be gone, in every tab of this browser.`}</p>
            <div className="buttons">
              <button type="submit">Keep it</button>
              <button
                type="button"
                className="danger"
                onClick={() => {
                  forget();
                  void destroy();
                }}
              >
                Delete everything
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </div>
  );
}
