/** All fields of a task, and what can be done with it. */
import { useState } from "react";
import { NotesField } from "../devices/notes_field";
import { say } from "../notices";
import { Labelled, Select } from "../views/parts";
import { fail, shown, useApp } from "./database";
import { DayField } from "./day_field";
import { HistoryDialog } from "./history_dialog";
import type { Id, Member, Priority, Status, Task } from "./schema";
import { keepTyping, saveTyping } from "./typing";
import { priorities, statuses } from "./words";
import { asStatus, remove, write } from "./writes";

export function TaskDetails({ task, members }: { task: Task; members: readonly Member[] }) {
  const app = useApp();
  const [isHistoryShown, showHistory] = useState(false);
  const { _id, projectId, title, status, priority, dueDate, assigneeId, notes } = task;
  const typing = (before: string, edit: Parameters<typeof keepTyping>[0]["edit"]) => ({
    task: _id,
    projectId,
    title,
    before,
    edit,
  });
  const isGone = assigneeId !== undefined && !members.some(({ _id }) => _id === assigneeId);
  const assignees = [
    ["", "Nobody"],
    ...members.map(({ _id, name }) => [_id, name]),
    ...(isGone ? [[assigneeId, "Somebody who was removed"]] : []),
  ] as [string, string][];
  const drop = async (): Promise<void> => {
    if (!(await remove(app, projectId, _id, title))) return;
    say(`Deleted “${title}”. It can be restored from “Deleted tasks”.`, {
      text: "Restore",
      run: async () => app.db.restore(_id).catch((error: unknown) => fail(error, `“${title}” was not restored.`)),
    });
  };
  return (
    <div className="details">
      <div className="pairs">
        <Labelled text="Status">
          <Select
            name="status"
            label={`Status of ${title}`}
            value={status}
            options={statuses}
            onChange={(value) => void write(app, task, asStatus(task, value as Status))}
          />
        </Labelled>
        <Labelled text="Priority">
          <Select
            name="priority"
            label={`Priority of ${title}`}
            value={priority}
            options={priorities}
            onChange={(value) => void write(app, task, { priority: value as Priority })}
          />
        </Labelled>
        <Labelled text="Due">
          <DayField
            label={`Due date of ${title}`}
            value={dueDate}
            save={(value) => void write(app, task, { dueDate: value })}
          />
        </Labelled>
        <Labelled text="Assignee">
          <Select
            name="assignee"
            label={`Assignee of ${title}`}
            value={assigneeId ?? ""}
            options={assignees}
            onChange={(value) =>
              void write(app, task, { assigneeId: value === "" ? undefined : (value as Id<"members">) })
            }
          />
        </Labelled>
      </div>
      <NotesField
        label={`Notes of ${title}`}
        notes={notes}
        current={() => shown(app, _id)?.notes}
        save={(before, edit) => saveTyping(app, typing(before, edit))}
        keep={(before, edit) => keepTyping(typing(before, edit))}
      />
      <div className="buttons">
        <button type="button" name="history" aria-label={`History of ${title}`} onClick={() => showHistory(true)}>
          History
        </button>
        <button
          type="button"
          name="delete"
          className="danger"
          aria-label={`Delete ${title}`}
          onClick={() => void drop()}
        >
          Delete
        </button>
      </div>
      {isHistoryShown && <HistoryDialog task={task} now={task} members={members} close={() => showHistory(false)} />}
    </div>
  );
}
