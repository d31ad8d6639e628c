/** One device: its projects, the tasks of the one that was chosen, what was deleted, and what is wrong. */
import type { LiveValue, MemoryLink, Problem } from "holdfast/sync";
import { useQuery } from "holdfast/react";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { focused } from "../focus";
import { plural } from "../format";
import { say } from "../notices";
import { type Store, useStore } from "../store";
import { UndoButtons } from "../views/undo_buttons";
import { DeletedList } from "../views/deleted_list";
import { change, type Device, type LinkState, takeBack, useLinkState } from "./devices";
import { HistoryDialog } from "./history_dialog";
import { tellFate } from "./fate";
import { parting } from "./parting";
import type { Id, Project, Task } from "./schema";
import { TaskView } from "./task_view";

export function DeviceView({ device, link, news }: { device: Device; link: MemoryLink; news: Store<number> }) {
  const state = useLinkState(link);
  const projects = useQuery(device.db.query("projects"));
  const [chosen, choose] = useState<Id<"projects">>();
  /** The task that somebody wants to be led to. */
  const [wanted, want] = useState<Id<"tasks">>();
  const goTo = (task: Task): void => {
    choose(task.projectId);
    want(task._id);
  };
  const project = projects?.find(({ _id }) => _id === chosen) ?? projects?.[0];
  return (
    <>
      <Heading device={device} state={state} />
      <Problems device={device} projects={projects ?? []} goTo={goTo} />
      {projects === undefined ? (
        <p className="loading">Reading the projects…</p>
      ) : project === undefined ? (
        <p className="hint">
          Nothing is here yet. {state === "apart" ? "Connect the devices: " : "It is on its way: "}
          what the other one has comes over.
        </p>
      ) : (
        <>
          <div className="switcher" role="group" aria-label={`Project on the ${device.device}`}>
            {projects.map(({ _id, name }) => (
              <button key={_id} type="button" aria-pressed={_id === project._id} onClick={() => choose(_id)}>
                {name}
              </button>
            ))}
          </div>
          <Tasks
            key={project._id}
            device={device}
            project={project}
            projects={projects}
            news={news}
            wanted={wanted}
            found={() => want(undefined)}
          />
        </>
      )}
    </>
  );
}

/** The device's name; beside it is room for what concerns the device as a whole. */
function Heading({ device, state }: { device: Device; state: LinkState }) {
  const isWaiting = useStore(parting)?.[device.device] ?? false;
  return (
    <div className="toolbar">
      <h2>{device.device}</h2>
      <small>{state === "apart" && (isWaiting ? "offline, changed" : "offline")}</small>
      <Undo device={device} />
    </div>
  );
}

/** Takes back what was done on this device; what the other one has done stays. */
function Undo({ device }: { device: Device }) {
  const title = `What was done on the ${device.device}`;
  return (
    <UndoButtons
      undo={device.undo}
      label={title}
      titles={[title, title]}
      takeBack={(isRedo) => takeBack(device, isRedo)}
    />
  );
}

interface TasksProps {
  device: Device;
  project: Project;
  projects: readonly Project[];
  news: Store<number>;
}

interface WantedProps {
  /** The task that is to get the focus as soon as it is there. */
  wanted: Id<"tasks"> | undefined;
  found: () => void;
}

function Tasks({ device, project, projects, news, wanted, found }: TasksProps & WantedProps) {
  const query = device.db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project._id));
  const tasks = useQuery(query);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const row = wanted && list.current?.querySelector<HTMLElement>(`[data-id="${wanted}"]`);
    if (!row) return;
    row.focus();
    found();
  }, [wanted, tasks]);
  useGoneTask(device, tasks);
  return (
    <>
      {tasks === undefined ? (
        <p className="loading">Reading the tasks…</p>
      ) : (
        <ul ref={list} className="tasks" aria-label={`Tasks of ${project.name}`} tabIndex={-1}>
          {tasks.map((task) => (
            <TaskView key={task._id} device={device} task={task} projects={projects} news={news} />
          ))}
          {tasks.length === 0 && <li className="hint">No tasks here. Add one, or move one here.</li>}
        </ul>
      )}
      <AddTask device={device} project={project} />
      <Bin device={device} project={project} projects={projects} news={news} />
    </>
  );
}

/** When a task goes while somebody is at it, they are told what has become of it, unless it was done on this device. */
function useGoneTask(device: Device, tasks: readonly Task[] | undefined): void {
  const before = useRef(tasks);
  useLayoutEffect(() => {
    const used = focused()?.closest<HTMLElement>(".task")?.dataset.id;
    const task = before.current?.find(({ _id }) => _id === used);
    before.current = tasks;
    if (task && tasks && !tasks.some(({ _id }) => _id === used)) void tellFate(device, task);
  }, [device, tasks]);
}

function AddTask({ device, project }: { device: Device; project: Project }) {
  const [title, setTitle] = useState("");
  const add = async (): Promise<void> => {
    const given = title.trim();
    if (given === "") return;
    setTitle("");
    const task = { projectId: project._id, title: given, isDone: false, notes: "", votes: 0 };
    const isAdded = await change(device, [project._id], `“${given}” was not added.`, (db) => db.insert("tasks", task));
    // What was typed is not lost.
    if (!isAdded) setTitle((now) => (now === "" ? given : now));
  };
  return (
    <form
      className="add"
      aria-label={`New task on the ${device.device}`}
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <input
        name="title"
        aria-label="Title of a new task"
        placeholder="A new task"
        autoComplete="off"
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
      <button type="submit" disabled={title.trim() === ""}>
        Add
      </button>
    </form>
  );
}

/** Tasks that were deleted, from whichever device. */
function Bin({ device, project, projects, news }: TasksProps) {
  const [shown, show] = useState<{ _id: Id<"tasks">; title: string }>();
  const { value = [] } = useLiveValue(device.db.deleted("tasks"));
  const deleted = value
    .filter(({ root }) => root === project._id)
    .map(({ id, fields }) => ({ _id: id, title: fields.title }));
  const restore = async ({ _id, title }: { _id: Id<"tasks">; title: string }): Promise<void> => {
    const isBack = await change(
      device,
      [project._id],
      `“${title}” was not restored.`,
      async () => undefined,
      () => device.db.restore(_id),
    );
    if (isBack) say(`“${title}” is back.`);
  };
  return (
    <>
      <DeletedList tasks={deleted} showHistory={show} restore={restore} />
      {/* Outside of the list, which a task leaves when it is restored. */}
      {shown && (
        <HistoryDialog
          device={device}
          task={{ ...shown, projectId: project._id }}
          projects={projects}
          news={news}
          close={() => show(undefined)}
        />
      )}
    </>
  );
}

function useLiveValue<T>(live: LiveValue<T>) {
  const subscribe = useCallback((changed: () => void) => live.subscribe(changed), [live]);
  return useSyncExternalStore(subscribe, () => live.snapshot);
}

interface ProblemsProps {
  device: Device;
  projects: readonly Project[];
  goTo: (task: Task) => void;
}

function Problems({ device, projects, goTo }: ProblemsProps) {
  const { value = [] } = useLiveValue(device.db.problems());
  if (value.length === 0) return null;
  return (
    <div className="trouble" role="status">
      <strong>{plural(value.length, "problem")}</strong>
      <ul>
        {value.map((problem) => (
          <li key={`${problem.id} ${problem.root}`}>
            {problem.kind === "duplicate" ? (
              <Duplicate device={device} problem={problem} projects={projects} goTo={goTo} />
            ) : (
              wordsFor(problem)
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

const titleIn = ({ fields: { title, name } }: Problem): string =>
  [title, name].find((text) => typeof text === "string") ?? "Something";

/** A task that was moved to several projects at once, with the way to where it is shown. */
function Duplicate({ device, problem, projects, goTo }: ProblemsProps & { problem: Problem }) {
  const id = problem.id as Id<"tasks">;
  const task = useQuery(async ({ db }) => (db as Device["db"]).get(id), [device, id]);
  const what = `“${titleIn(problem)}” was moved to different projects at once.`;
  if (!task) return <p>{what}</p>;
  const project = projects.find(({ _id }) => _id === task.projectId);
  return (
    <>
      <p>
        {what} It is shown in {project?.name ?? "another project"}: choose where it belongs at its “conflict”.
      </p>
      <button type="button" aria-label={`Show “${task.title}”`} onClick={() => goTo(task)}>
        Show it
      </button>
    </>
  );
}

/** Another problem, with what to do. */
function wordsFor(problem: Problem): string {
  const { kind, message } = problem;
  if (kind === "misfit")
    return `“${titleIn(problem)}” is kept, but can't be shown: ${message} Reload this page, which may be an old version.`;
  return `${message} Start over, or go on without it.`;
}
