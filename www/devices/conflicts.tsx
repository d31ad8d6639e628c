/** What was written to a task on both devices at once: one value is shown, the other one can be had instead. */
import type { Conflict } from "holdfast/sync";
import { useEffect, useId, useState } from "react";
import { plural } from "../format";
import { type Store, useStore } from "../store";
import { ActionButton } from "../views/parts";
import { change, type Device, fail, isEnd } from "./devices";
import type { Id, Project, Task } from "./schema";
import { nameOf, textOf } from "./words";

interface Props {
  device: Device;
  task: Task;
  projects: readonly Project[];
  news: Store<number>;
}

const none: readonly Conflict[] = [];

/** They may change with the task, and with what comes from the other device even if the task shows the same. */
function useConflicts({ db }: Device, task: Task, news: number): readonly Conflict[] {
  const [conflicts, setConflicts] = useState(none);
  useEffect(() => {
    let isAsked = true;
    db.conflicts(task._id).then(
      (found) => isAsked && setConflicts(found.length === 0 ? none : found),
      // A database that is gone says so elsewhere.
      (error: unknown) => isAsked && !isEnd(error) && fail(error, "Conflicts could not be looked up."),
    );
    return () => {
      isAsked = false;
    };
  }, [db, task, news]);
  return conflicts;
}

export function Conflicts({ device, task, projects, news }: Props) {
  const id = useId();
  const [kept, setKept] = useState(0);
  const choices = useConflicts(device, task, useStore(news) + kept).flatMap(({ path, others }) => {
    const field = path[0] as keyof Task;
    return others.filter((value) => value !== task[field]).map((value) => ({ field, value }));
  });
  if (choices.length === 0) return null;
  const choose = async (field: keyof Task, value: unknown): Promise<void> => {
    const projectIds = field === "projectId" ? [task.projectId, value as Id<"projects">] : [task.projectId];
    await change(device, projectIds, `“${task.title}” was not changed.`, (db) =>
      db.patch(task._id, { [field]: value } as Partial<Task>),
    );
    // What is shown may be the same.
    setKept((count) => count + 1);
  };
  return (
    <>
      <button type="button" className="conflict" popoverTarget={id} aria-label={`Conflict in ${task.title}`}>
        {plural(choices.length, "conflict")}
      </button>
      <div id={id} popover="auto" className="popover" role="dialog" aria-label={`Conflict in ${task.title}`}>
        <p>Both devices have changed this while they were apart.</p>
        <ul>
          {choices.map(({ field, value }) => (
            <li key={`${field} ${JSON.stringify(value)}`}>
              <dl>
                <dt>{nameOf(field)} shown</dt>
                <dd>{textOf(task[field], projects)}</dd>
                <dt>The other one</dt>
                <dd>{textOf(value, projects)}</dd>
              </dl>
              <ActionButton text="Use this instead" busyText="Changing…" action={() => choose(field, value)} />
              <ActionButton text="Keep what is shown" busyText="Keeping…" action={() => choose(field, task[field])} />
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}
