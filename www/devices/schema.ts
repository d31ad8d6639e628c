/** What both devices keep, and how it is merged. */
import {
  type DataModelFromSchemaDefinition,
  defineSchema,
  defineTable,
  type Doc,
  type GenericMutationCtx,
  type Id as AnyId,
  v,
} from "holdfast";
import { counter, root, type SyncedDatabase, text, within } from "holdfast/sync";

export const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({
    projectId: v.id("projects"),
    title: v.string(),
    isDone: v.boolean(),
    notes: v.string(),
    votes: v.number(),
  }).index("by_project", ["projectId"]),
  /** Which device a session belongs to, told once in each project that it writes to: see authors.ts. */
  signatures: defineTable({ projectId: v.id("projects"), device: v.string(), session: v.string() }).index(
    "by_project_and_session",
    ["projectId", "session"],
  ),
});

/** A project is shared as a whole: all that belongs to it lies in its document. */
export const sync = {
  projects: root(),
  tasks: within("projectId", { notes: text(), votes: counter() }),
  signatures: within("projectId"),
};

export type Model = DataModelFromSchemaDefinition<typeof schema>;
export type Db = SyncedDatabase<Model>;
export type Writer = GenericMutationCtx<Model>["db"];
export type Project = Doc<typeof schema, "projects">;
export type Task = Doc<typeof schema, "tasks">;
export type Id<Table extends "projects" | "tasks"> = AnyId<Table>;

const samples: Record<string, readonly (readonly [title: string, notes: string])[]> = {
  "Summer party": [
    ["Invite the neighbours", "Also those from number 12."],
    ["Borrow a tent", ""],
    ["Choose the music", "Nothing too loud after ten."],
  ],
  "New kitchen": [
    ["Measure the wall", "Twice."],
    ["Compare ovens", ""],
  ],
  "Trip to the coast": [
    ["Book the train", "Seats by the window."],
    ["Look for the small cottage", ""],
  ],
};

/** Something to begin with, if there is nothing. Answers the ids of the new projects. */
export async function addSamples(db: Writer): Promise<Id<"projects">[]> {
  if ((await db.query("projects").first()) !== null) return [];
  const projects: Id<"projects">[] = [];
  for (const [name, tasks] of Object.entries(samples)) {
    const projectId = await db.insert("projects", { name });
    projects.push(projectId);
    for (const [title, notes] of tasks) await db.insert("tasks", { projectId, title, isDone: false, notes, votes: 0 });
  }
  return projects;
}
