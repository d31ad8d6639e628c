/** What was written to a task by several at once: one value is shown, another one can be had instead. */
import type { Conflict } from "holdfast/sync";
import { useId } from "react";
import { plural } from "../format";
import { ActionButton } from "../views/parts";
import { change, useApp } from "./database";
import type { Member, Task } from "./schema";
import { nameOf, textOf } from "./words";

interface Props {
  task: Task;
  conflicts: readonly Conflict[];
  members: readonly Member[];
}

export function Conflicts({ task, conflicts, members }: Props) {
  const app = useApp();
  const id = useId();
  const fields = conflicts.flatMap(({ path, others }) => {
    const field = path[0] as keyof Task;
    const values = [...new Set(others)].filter((value) => value !== task[field]);
    return values.length === 0 ? [] : [{ field, values }];
  });
  if (fields.length === 0) return null;
  const choose = async (field: keyof Task, value: unknown): Promise<void> => {
    await change(app, [task.projectId], `“${task.title}” was not changed.`, (db) =>
      db.patch(task._id, { [field]: value } as Partial<Task>),
    );
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
        <p>This was changed in two places at once. Choose what counts, for everybody.</p>
        <ul>
          {fields.map(({ field, values }) => (
            <li key={field}>
              <strong>{nameOf(field)}</strong>
              <ActionButton
                text={`Keep ${textOf(field, task[field], members)}`}
                busyText="Keeping…"
                action={() => choose(field, task[field])}
              />
              {values.map((value) => (
                <ActionButton
                  key={JSON.stringify(value)}
                  text={`Use ${textOf(field, value, members)}`}
                  busyText="Changing…"
                  action={() => choose(field, value)}
                />
              ))}
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}
