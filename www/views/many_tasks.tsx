/** As many tasks as hardly anybody has, to see how the list goes on. */
import { useRef, useState } from "react";
import { fail } from "../database";
import { duration, number, plural } from "../format";
import { useDb, useFirst, useReader } from "../hooks";
import { addTasks } from "../sample";
import { during, isAny, useUnderWay } from "../under_way";
import { ActionButton } from "./parts";

const many = 100_000;

export function ManyTasks() {
  const db = useDb();
  const hasProjects = useFirst(useReader().query("projects")) != null;
  const isBusy = isAny(useUnderWay(), "generating", "restoring", "reopening");
  const [done, setDone] = useState<number>();
  const [said, setSaid] = useState("");
  const cancel = useRef<AbortController>(undefined);

  const generate = async (): Promise<void> => {
    const { signal } = (cancel.current = new AbortController());
    const started = performance.now();
    let count = 0;
    setDone(0);
    setSaid("");
    try {
      await addTasks(db, many, signal, (now) => {
        count = now;
        setDone(now);
        setSaid(`${number(now)} of ${number(many)}`);
      });
      const ms = performance.now() - started;
      const rate = `${number(Math.round((count / ms) * 1000))} a second`;
      setSaid(`${signal.aborted ? "Cancelled: " : ""}${plural(count, "task")} in ${duration(ms)}, ${rate}.`);
    } catch (error) {
      setSaid(`Stopped after ${plural(count, "task")}.`);
      fail(error);
    }
    setDone(undefined);
  };
  return (
    <>
      <div className="buttons">
        <ActionButton
          text={`Generate ${number(many)} tasks`}
          busyText="Generating…"
          action={() => during("generating", generate)}
          // What is generated while a file is restored would be replaced by it.
          disabled={!hasProjects || isBusy}
          title={hasProjects ? undefined : "Add the sample data first"}
        />
        {done !== undefined && (
          <button type="button" onClick={() => cancel.current?.abort()}>
            Cancel
          </button>
        )}
      </div>
      {done !== undefined && <progress max={many} value={done} aria-label="Tasks generated" />}
      <p className="said" role="status">
        {said}
      </p>
    </>
  );
}
