/** All projects of this device, those that are waited for, and those that were deleted. */
import { useQuery } from "holdfast/react";
import { type FormEvent, useState } from "react";
import { plural } from "../format";
import { say } from "../notices";
import { useStore } from "../store";
import { TitleField } from "../devices/title_field";
import { ActionButton, Labelled } from "../views/parts";
import { change, fail, useApp, useLiveValue } from "./database";
import { JoinForm, Waiting } from "./join_view";
import { colorOf } from "./members";
import { RemoveDialog } from "./remove_dialog";
import { goTo } from "./route";
import type { Id, Project } from "./schema";
import { me } from "./settings";
import { ShareDialog } from "./share_dialog";
import { Undo } from "./undo";
import { rename } from "./writes";

export function ProjectList({ openSettings }: { openSettings: () => void }) {
  const { db } = useApp();
  const projects = useQuery(db.query("projects"));
  return (
    <div className="overview">
      <section aria-label="Your projects" className="yours">
        <div className="bar">
          <h2>Your projects</h2>
          <Undo />
        </div>
        {projects === undefined ? (
          <p className="loading">Reading the projects…</p>
        ) : projects.length === 0 ? (
          <div className="empty">
            <h2>No projects yet</h2>
            <p>
              Make one, or join one that somebody shares with you. Without a server, what you make stays on this device
              alone.
            </p>
          </div>
        ) : (
          <ul className="projects" aria-label="Projects" tabIndex={-1}>
            {projects.map((project) => (
              <ProjectCard key={project._id} project={project} />
            ))}
          </ul>
        )}
        <Waiting openSettings={openSettings} />
        <DeletedProjects />
      </section>
      <div className="side">
        <NewProject />
        <JoinForm />
      </div>
    </div>
  );
}

function ProjectCard({ project }: { project: Project }) {
  const app = useApp();
  const [asked, ask] = useState<"share" | "remove">();
  const { _id, name } = project;
  const tasks = app.db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", _id));
  const count = useQuery(tasks, "count");
  const close = (): void => ask(undefined);
  return (
    <li className="panel project" data-id={_id}>
      <div className="line">
        <TitleField title={name} isDone={false} save={(given) => void rename(app, project, given)} />
        <a className="open" href={`#${_id}`} aria-label={`Open ${name}`}>
          Open
        </a>
      </div>
      <div className="line foot">
        <span className="count">{count === undefined ? "" : plural(count, "task")}</span>
        <button type="button" name="share" aria-label={`Share ${name}`} onClick={() => ask("share")}>
          Share
        </button>
        <button
          type="button"
          name="remove"
          className="danger"
          aria-label={`Delete or leave ${name}`}
          onClick={() => ask("remove")}
        >
          Delete…
        </button>
      </div>
      {asked === "share" && <ShareDialog project={project} close={close} />}
      {asked === "remove" && <RemoveDialog project={project} close={close} />}
    </li>
  );
}

function NewProject() {
  const app = useApp();
  const [name, setName] = useState("");
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const given = name.trim();
    if (given === "") return;
    setName("");
    let id: Id<"projects"> | undefined;
    const isMade = await change(app, [], `“${given}” was not made.`, async (db) => {
      id = await db.insert("projects", { name: given });
      if (me.value !== "") await db.insert("members", { projectId: id, name: me.value, color: colorOf(0) });
    });
    // What was typed is not lost.
    if (!isMade) return setName((now) => (now === "" ? given : now));
    goTo(id!);
    // Without a gesture some browsers say no.
    await app.db.storage.requestPersistence().catch(fail);
  };
  return (
    <form className="panel" aria-label="New project" onSubmit={(event) => void add(event)}>
      <h2>New project</h2>
      <Labelled text="Name">
        <input name="name" autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
      </Labelled>
      <button type="submit" className="primary" disabled={name.trim() === ""}>
        Make it
      </button>
      {useStore(me) === "" && (
        <p className="hint">Say your name in “Settings”: then others see who has changed what.</p>
      )}
    </form>
  );
}

function DeletedProjects() {
  const app = useApp();
  const { value = [] } = useLiveValue(app.db.deleted("projects"));
  const [asked, ask] = useState<Project>();
  const restore = async (id: Id<"projects">, name: string): Promise<void> => {
    const isBack = await change(
      app,
      [],
      `“${name}” was not restored.`,
      async () => undefined,
      () => app.db.restore(id),
    );
    if (isBack) say(`“${name}” is back, with its tasks.`);
  };
  return (
    <>
      {value.length > 0 && (
        <details className="bin">
          <summary>Deleted projects ({value.length})</summary>
          <ul>
            {value.map(({ id, fields: { name } }) => (
              <li key={id}>
                <span>{name}</span>
                <ActionButton name="restore" text="Restore" busyText="Restoring…" action={() => restore(id, name)} />
                <button
                  type="button"
                  name="remove"
                  className="danger"
                  onClick={() => ask({ _id: id, name, _creationTime: 0 })}
                >
                  Remove
                </button>
              </li>
            ))}
          </ul>
        </details>
      )}
      {asked && <RemoveDialog project={asked} isDeleted close={() => ask(undefined)} />}
    </>
  );
}
