/** A task, and all that can be done with it. */
import { useState } from "react";
import { say, show } from "../notices";
import type { Store } from "../store";
import { Select } from "../views/parts";
import { Conflicts } from "./conflicts";
import { change, type Device, shown } from "./devices";
import { HistoryDialog } from "./history_dialog";
import { NotesField } from "./notes_field";
import type { Id, Project, Task, Writer } from "./schema";
import { TitleField } from "./title_field";
import { keepTyping, saveTyping } from "./typing";

interface Props {
  device: Device;
  task: Task;
  projects: readonly Project[];
  news: Store<number>;
}

export function TaskView({ device, task, projects, news }: Props) {
  const [isHistoryShown, showHistory] = useState(false);
  const { _id, projectId, title, isDone, notes, votes } = task;
  const write = (action: (db: Writer) => Promise<unknown>): Promise<boolean> =>
    change(device, [projectId], `“${title}” was not changed.`, action);

  const rename = (given: string): void => {
    if (given === "") show({ kind: "bad", text: "A task needs a title.", of: "change" });
    else if (given !== title) void write((db) => db.patch(_id, { title: given }));
  };
  const move = (to: string): void =>
    void change(device, [projectId, to as Id<"projects">], `“${title}” was not moved.`, (db) =>
      db.patch(_id, { projectId: to as Id<"projects"> }),
    );
  const remove = async (): Promise<void> => {
    const isDeleted = await change(device, [projectId], `“${title}” was not deleted.`, (db) => db.delete(_id));
    if (isDeleted) say(`Deleted “${title}”. It can be restored from “Deleted tasks”.`);
  };

  return (
    <li className="task" data-id={_id} tabIndex={-1}>
      <div className="line">
        <input
          type="checkbox"
          name="done"
          aria-label={`Done: ${title}`}
          checked={isDone}
          onChange={(event) => {
            const { checked } = event.target;
            void write((db) => db.patch(_id, { isDone: checked }));
          }}
        />
        <TitleField title={title} isDone={isDone} save={rename} />
        <Conflicts device={device} task={task} projects={projects} news={news} />
        <span className="votes">
          {votes}
          <small>{votes === 1 ? "vote" : "votes"}</small>
          <button
            type="button"
            name="vote"
            aria-label={`Add a vote for ${title}`}
            title="Add a vote"
            onClick={() => void write((db) => db.increment(_id, "votes"))}
          >
            +
          </button>
        </span>
      </div>
      <NotesField
        label={`Notes of ${title}`}
        notes={notes}
        current={() => shown(device, _id)?.notes}
        save={(before, edit) => saveTyping(device, { task: _id, title, before, edit })}
        keep={(before, edit) => keepTyping(device, { task: _id, title, before, edit })}
      />
      <div className="line foot">
        <Select
          name="project"
          label={`Project of ${title}`}
          value={projectId}
          options={projects.map(({ _id, name }) => [_id, name])}
          onChange={move}
        />
        <button type="button" name="history" aria-label={`History of ${title}`} onClick={() => showHistory(true)}>
          History
        </button>
        <button
          type="button"
          name="delete"
          className="danger"
          aria-label={`Delete ${title}`}
          onClick={() => void remove()}
        >
          Delete
        </button>
      </div>
      {isHistoryShown && (
        <HistoryDialog
          device={device}
          task={task}
          now={task}
          projects={projects}
          news={news}
          close={() => showHistory(false)}
        />
      )}
    </li>
  );
}
