/** Changes of a task or a project that several parts of the page make. */
import { show } from "../notices";
import { change, type Opened } from "./database";
import { type Place } from "./order";
import type { Id, Project, Status, Task } from "./schema";

export const rename = async (app: Opened, { _id, name }: Project, given: string): Promise<unknown> => {
  if (given === "") return show({ kind: "bad", text: "A project needs a name.", of: "change" });
  if (given === name) return;
  return change(app, [_id], `“${name}” was not renamed.`, (db) => db.patch(_id, { name: given }));
};

export type Changes = Partial<Omit<Task, "_id" | "_creationTime" | "projectId">>;

export const write = (app: Opened, { _id, projectId, title }: Task, changes: Changes): Promise<boolean> =>
  change(app, [projectId], `“${title}” was not changed.`, (db) => db.patch(_id, changes));

/** What a task's status says of its completion, too. */
export const asStatus = (task: Task, status: Status): Changes =>
  status === task.status ? {} : { status, completedAt: status === "done" ? Date.now() : undefined };

/** Moves a task to a place in a column. */
export const move = (app: Opened, task: Task, status: Status, { order, others }: Place): Promise<boolean> =>
  change(app, [task.projectId], `“${task.title}” was not moved.`, async (db) => {
    await db.patch(task._id, { ...asStatus(task, status), order });
    for (const [id, order] of others) if ((await db.get(id)) !== null) await db.patch(id, { order });
  });

export const remove = (app: Opened, projectId: Id<"projects">, id: Id<"tasks">, title: string): Promise<boolean> =>
  change(app, [projectId], `“${title}” was not deleted.`, (db) => db.delete(id));
