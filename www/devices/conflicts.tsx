/** What was written to a task on both devices at once: one value is shown, the other one can be had instead. */
import type { Conflict, HistoryEntry } from "holdfast/sync";
import { Fragment, useEffect, useId, useState } from "react";
import { plural } from "../format";
import { type Store, useStore } from "../store";
import { ActionButton } from "../views/parts";
import { readHistory } from "./authors";
import { change, type Device, fail, isEnd } from "./devices";
import type { Id, Project, Task } from "./schema";
import { nameOf, textOf } from "./words";

interface Props {
  device: Device;
  task: Task;
  projects: readonly Project[];
  news: Store<number>;
}

/** A value that was written to a field, whether it is shown or not. */
interface Choice {
  readonly field: keyof Task;
  readonly value: unknown;
}

interface Found {
  readonly conflicts: readonly Conflict[];
  /** Whose a value is, where history knows. */
  readonly authorOf: (choice: Choice) => string | undefined;
}

const none: Found = { conflicts: [], authorOf: () => undefined };

/** The writers of values are among those of so many changes, or it is long ago. */
const lookedAt = 50;

async function find(db: Device["db"], id: Id<"tasks">): Promise<Found> {
  const conflicts = await db.conflicts(id);
  if (conflicts.length === 0) return none;
  const { entries, authors } = await readHistory(db, id, lookedAt);
  const authorOf = ({ field, value }: Choice): string | undefined => {
    const isIts = ({ kind, root, fields }: HistoryEntry): boolean =>
      field === "projectId"
        ? kind === "arrived" && root === value
        : fields.some(({ name, after }) => name === field && after === value);
    const actors = entries.filter(isIts).map(({ actor }) => authors.get(actor));
    // If both have written the same, it is nobody's.
    return actors.every((author) => author === actors[0]) ? actors[0] : undefined;
  };
  return { conflicts, authorOf };
}

/** They may change with the task, and with what comes from the other device even if the task shows the same. */
function useConflicts({ db }: Device, task: Task, news: number): Found {
  const [found, setFound] = useState(none);
  useEffect(() => {
    let isAsked = true;
    find(db, task._id).then(
      (found) => isAsked && setFound(found),
      // A database that is gone says so elsewhere.
      (error: unknown) => isAsked && !isEnd(error) && fail(error, "Conflicts could not be looked up."),
    );
    return () => {
      isAsked = false;
    };
  }, [db, task, news]);
  return found;
}

export function Conflicts({ device, task, projects, news }: Props) {
  const id = useId();
  const [kept, setKept] = useState(0);
  const { conflicts, authorOf } = useConflicts(device, task, useStore(news) + kept);
  const fields = conflicts.flatMap(({ path, others }) => {
    const field = path[0] as keyof Task;
    const values = others.filter((value) => value !== task[field]);
    return values.length === 0 ? [] : [{ field, values }];
  });
  if (fields.length === 0) return null;
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
      <button
        type="button"
        name="conflict"
        className="conflict"
        popoverTarget={id}
        aria-label={`Conflict in ${task.title}`}
      >
        {plural(fields.flatMap(({ values }) => values).length, "conflict")}
      </button>
      <div id={id} popover="auto" className="popover" role="dialog" aria-label={`Conflict in ${task.title}`}>
        <p>Both devices have changed this while they were apart.</p>
        <ul>
          {fields.map(({ field, values }) => (
            <li key={field}>
              <dl>
                <dt>{nameOf(field)} shown</dt>
                <Value of={{ field, value: task[field] }} projects={projects} authorOf={authorOf} />
                {values.map((value) => (
                  <Fragment key={JSON.stringify(value)}>
                    <dt>{values.length === 1 ? "The other one" : "Another one"}</dt>
                    <Value of={{ field, value }} projects={projects} authorOf={authorOf} />
                  </Fragment>
                ))}
              </dl>
              {values.map((value) => (
                <ActionButton
                  key={JSON.stringify(value)}
                  text={values.length === 1 ? "Use the other one" : `Use ${textOf(value, projects)}`}
                  busyText="Changing…"
                  action={() => choose(field, value)}
                />
              ))}
              <ActionButton text="Keep what is shown" busyText="Keeping…" action={() => choose(field, task[field])} />
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}

function Value({ of, projects, authorOf }: { of: Choice; projects: readonly Project[]; authorOf: Found["authorOf"] }) {
  const author = authorOf(of);
  return (
    <dd>
      {textOf(of.value, projects)}
      {author !== undefined && <small> by the {author}</small>}
    </dd>
  );
}
