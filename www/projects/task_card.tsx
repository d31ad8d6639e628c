/** A task in its column: what matters at a glance, and the rest when it is asked for. */
import type { Conflict } from "holdfast/sync";
import { usePending } from "holdfast/react";
import { type KeyboardEvent, type PointerEvent, memo, useId, useState } from "react";
import { TitleField } from "../devices/title_field";
import { show } from "../notices";
import { Conflicts } from "./conflicts";
import { useApp } from "./database";
import { Face } from "./members";
import type { Id, Member, Task } from "./schema";
import { TaskDetails } from "./task_details";
import { dayText } from "./words";
import { write } from "./writes";

interface Props {
  task: Task;
  members: readonly Member[];
  conflicts: readonly Conflict[];
  isDragged: boolean;
  startDrag: (event: PointerEvent, id: Id<"tasks">) => void;
  byKey: (event: KeyboardEvent, task: Task) => void;
}

/** Rendered only when something of it has changed: a project may have hundreds. */
export const TaskCard = memo(function TaskCard({ task, members, conflicts, isDragged, startDrag, byKey }: Props) {
  const app = useApp();
  const [isOpen, open] = useState(() => opened.has(task._id));
  const details = useId();
  const isPending = usePending(task._id);
  const { title, status, priority, dueDate, notes } = task;
  const assignee = members.find(({ _id }) => _id === task.assigneeId);
  const rename = (given: string): void => {
    if (given === "") show({ kind: "bad", text: "A task needs a title.", of: "change" });
    else if (given !== title) void write(app, task, { title: given });
  };
  const toggle = (): void => {
    // A card that moves is made anew, and stays as it was.
    if (isOpen) opened.delete(task._id);
    else opened.add(task._id);
    open(!isOpen);
  };
  return (
    <li className={`task card${isDragged ? " dragged" : ""}`} data-id={task._id} tabIndex={-1}>
      <div className="line">
        <button
          type="button"
          name="move"
          className="handle"
          aria-label={`Move ${title}`}
          aria-describedby="how-to-move"
          title="Drag, or use the arrow keys"
          onPointerDown={(event) => startDrag(event, task._id)}
          onKeyDown={(event) => byKey(event, task)}
        >
          <span aria-hidden="true">⠿</span>
        </button>
        <TitleField title={title} isDone={status === "done"} save={rename} />
        <button
          type="button"
          name="details"
          className="quiet more"
          aria-label={`Details of ${title}`}
          aria-expanded={isOpen}
          aria-controls={details}
          onClick={toggle}
        >
          <span aria-hidden="true">{isOpen ? "▴" : "▾"}</span>
        </button>
      </div>
      <div className="facts">
        {priority !== "medium" && (
          <span className={`priority ${priority}`}>{priority === "high" ? "High" : "Low"}</span>
        )}
        {dueDate !== undefined && (
          <span className={isLate(dueDate) && status !== "done" ? "late" : ""}>
            {isLate(dueDate) && status !== "done" ? "Overdue: " : "Due "}
            {dayText(dueDate)}
          </span>
        )}
        {assignee && <Face member={assignee} />}
        {notes !== "" && !isOpen && <span className="snippet">{notes}</span>}
        {isPending && <span>saving…</span>}
        <Conflicts task={task} conflicts={conflicts} members={members} />
      </div>
      <div id={details} hidden={!isOpen}>
        {isOpen && <TaskDetails task={task} members={members} />}
      </div>
    </li>
  );
});

/** The tasks whose details are shown. */
const opened = new Set<string>();

/** Whether a day is over, as the person counts days. */
function isLate(dueDate: number): boolean {
  const now = new Date();
  return dueDate < Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
}
