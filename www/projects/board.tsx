/** Tasks in columns by their status, and the way from one to another by pointer and by keys. */
import type { Conflict } from "holdfast/sync";
import { type KeyboardEvent, useCallback, useLayoutEffect, useRef, useState } from "react";
import { useApp } from "./database";
import { useProjectConflicts } from "./conflicts_found";
import { type Target, useDrag } from "./drag";
import { column, placeAt } from "./order";
import type { Id, Member, Project, Status, Task } from "./schema";
import { TaskCard } from "./task_card";
import { statuses, statusName } from "./words";
import { move } from "./writes";

interface Props {
  project: Project;
  /** Those that are shown. */
  tasks: readonly Task[];
  all: readonly Task[];
  members: readonly Member[];
}

const none: readonly Conflict[] = [];
const order = statuses.map(([status]) => status);

export function Board({ project, tasks, all, members }: Props) {
  const app = useApp();
  const board = useRef<HTMLDivElement>(null);
  const [said, say] = useState("");
  const moved = useRef<Id<"tasks">>(undefined);
  const conflicts = useProjectConflicts(project._id, tasks);

  const moveTo = (task: Task, { status, index }: Target): void => {
    const isOther = ({ _id }: Task): boolean => _id !== task._id;
    const others = column(tasks, status).filter(isOther);
    const among = column(all, status).filter(isOther);
    // Between those that are shown there may be others.
    const at = others[index] ? among.indexOf(others[index]) : among.indexOf(others.at(-1)!) + 1;
    say(`“${task.title}” is in ${statusName(status)} now, ${index + 1} of ${others.length + 1}.`);
    moved.current = task._id;
    void move(app, task, status, placeAt(among, at));
  };
  const drag = useDrag(board, (id, target) => {
    const task = tasks.find(({ _id }) => _id === id);
    if (task !== undefined) moveTo(task, target);
  });
  // A card that goes to another column is another element, and the focus goes with it.
  useLayoutEffect(() => {
    if (moved.current === undefined) return;
    const handle = board.current?.querySelector<HTMLElement>(`[data-id="${moved.current}"] [name="move"]`);
    moved.current = undefined;
    handle?.focus({ preventScroll: true });
    handle?.scrollIntoView({ block: "nearest" });
  }, [tasks]);

  const byKey = (event: KeyboardEvent, task: Task): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const own = column(tasks, task.status);
    const at = own.findIndex(({ _id }) => _id === task._id);
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const along = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (across === undefined && along === undefined) return;
    event.preventDefault();
    if (along !== undefined) {
      if (own[at + along] === undefined) return say(`“${task.title}” is ${along < 0 ? "first" : "last"} already.`);
      return moveTo(task, { status: task.status, index: at + along });
    }
    const status = order[order.indexOf(task.status) + across!];
    if (status === undefined) return say("There is no column there.");
    moveTo(task, { status, index: Math.min(at, column(tasks, status).length) });
  };

  const latest = useRef(byKey);
  useLayoutEffect(() => {
    latest.current = byKey;
  });
  const pressed = useCallback((event: KeyboardEvent, task: Task) => latest.current(event, task), []);

  return (
    <>
      <p id="how-to-move" hidden>
        Arrow keys move the task: left and right to another column, up and down within its own.
      </p>
      <p role="status" className="unseen">
        {said}
      </p>
      <div ref={board} className="board">
        {statuses.map(([status, name]) => (
          <Column key={status} status={status} name={name} isEmpty={all.length === 0} target={drag.target}>
            {column(tasks, status).map((task) => (
              <TaskCard
                key={task._id}
                task={task}
                members={members}
                conflicts={conflicts.get(task._id) ?? none}
                isDragged={drag.dragged === task._id}
                startDrag={drag.start}
                byKey={pressed}
              />
            ))}
          </Column>
        ))}
      </div>
    </>
  );
}

interface ColumnProps {
  status: Status;
  name: string;
  isEmpty: boolean;
  target: Target | undefined;
  children: React.ReactElement<{ isDragged: boolean }>[];
}

function Column({ status, name, isEmpty, target, children }: ColumnProps) {
  const isTarget = target?.status === status;
  const cards: React.ReactNode[] = [];
  let index = 0;
  for (const child of children) {
    if (isTarget && index === target.index && !child.props.isDragged) cards.push(<Gap key="gap" />);
    cards.push(child);
    if (!child.props.isDragged) index += 1;
  }
  if (isTarget && index === target.index) cards.push(<Gap key="gap" />);
  return (
    <section className={`column ${status}${isTarget ? " target" : ""}`} data-status={status} aria-label={name}>
      <h3>
        {name} <span className="badge">{children.length}</span>
      </h3>
      <ul className="tasks" aria-label={`${name}: tasks`} tabIndex={-1}>
        {cards}
        {children.length === 0 && (
          <li className="hint">
            {isEmpty && status === "todo" ? "No tasks yet: add the first one above." : "Nothing here."}
          </li>
        )}
      </ul>
    </section>
  );
}

/** Where a card would go. */
const Gap = () => <li className="gap" aria-hidden="true" />;
