/** One project: what can be done with it as a whole, and its tasks. */
import { useQuery } from "holdfast/react";
import { useEffect, useState } from "react";
import { TitleField } from "../devices/title_field";
import { plural } from "../format";
import { useApp } from "./database";
import { AddTask } from "./add_task";
import { Bin } from "./bin";
import { Board } from "./board";
import { MembersDialog } from "./members_dialog";
import { RemoveDialog } from "./remove_dialog";
import type { Id, Member, Project, Task } from "./schema";
import { ShareDialog } from "./share_dialog";
import { Undo } from "./undo";
import { rename } from "./writes";

export function ProjectPage({ id }: { id: string }) {
  const { db } = useApp();
  const projectId = id as Id<"projects">;
  // An address may have anything in it: what is no id is no project.
  const projects = useQuery(db.query("projects"));
  const project = projects?.find(({ _id }) => _id === projectId);
  if (projects === undefined) return <p className="loading">Reading the project…</p>;
  if (project === undefined) {
    return (
      <div className="empty">
        <h2>This project is not here</h2>
        <p>
          It was deleted or left, or its address is wrong. A link that somebody has shared brings it to this device.
        </p>
        <a href="#">All projects</a>
      </div>
    );
  }
  return <Opened project={project} />;
}

function Opened({ project }: { project: Project }) {
  const app = useApp();
  const [asked, ask] = useState<"share" | "members" | "remove">();
  const [searched, search] = useState("");
  const tasks = useQuery(app.db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project._id)));
  const members = useQuery(app.db.query("members").withIndex("by_project", (q) => q.eq("projectId", project._id)));
  const close = (): void => ask(undefined);
  const { name } = project;
  useEffect(() => {
    const before = document.title;
    document.title = name;
    return () => void (document.title = before);
  }, [name]);
  const found = tasks && members && filtered(tasks, members, searched);
  return (
    <div className="opened">
      <nav aria-label="Projects">
        <a href="#">← All projects</a>
      </nav>
      <div className="bar">
        <h2>
          <TitleField title={project.name} isDone={false} save={(given) => void rename(app, project, given)} />
        </h2>
        <div className="buttons">
          <button type="button" onClick={() => ask("members")}>
            Members{members && members.length > 0 ? ` (${members.length})` : ""}
          </button>
          <button type="button" onClick={() => ask("share")}>
            Share
          </button>
          <button
            type="button"
            className="danger"
            aria-label="Delete or leave the project"
            onClick={() => ask("remove")}
          >
            Delete…
          </button>
        </div>
      </div>
      <div className="bar">
        <input
          type="search"
          aria-label="Search in this project"
          placeholder="Search title, notes, assignee"
          value={searched}
          onChange={(event) => search(event.target.value)}
        />
        <Undo />
      </div>
      <p role="status" className="hint found">
        {found && searched.trim() !== "" && `${plural(found.length, "task")} of ${tasks.length} found`}
      </p>
      <AddTask project={project} tasks={tasks ?? []} />
      {tasks === undefined || members === undefined || found === undefined ? (
        <p className="loading">Reading the tasks…</p>
      ) : (
        <Board project={project} tasks={found} all={tasks} members={members} />
      )}
      <Bin project={project} members={members ?? []} />
      {asked === "share" && <ShareDialog project={project} close={close} />}
      {asked === "members" && <MembersDialog project={project} members={members ?? []} close={close} />}
      {asked === "remove" && <RemoveDialog project={project} close={close} />}
    </div>
  );
}

/** The tasks that have all words somewhere. */
function filtered(tasks: readonly Task[], members: readonly Member[], searched: string): readonly Task[] {
  const words = searched.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return tasks;
  return tasks.filter(({ title, notes, assigneeId }) => {
    const assignee = members.find(({ _id }) => _id === assigneeId)?.name ?? "";
    const text = `${title}\n${notes}\n${assignee}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
