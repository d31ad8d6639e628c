/** What is kept of projects, and how it is merged. */
import {
  type DataModelFromSchemaDefinition,
  defineSchema,
  defineTable,
  type Doc,
  type GenericMutationCtx,
  type Id as AnyId,
  v,
} from "holdfast";
import { root, type SyncedDatabase, text, within } from "holdfast/sync";

export const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({
    projectId: v.id("projects"),
    assigneeId: v.optional(v.id("members")),
    title: v.string(),
    notes: v.string(),
    status: v.union(v.literal("todo"), v.literal("doing"), v.literal("done")),
    priority: v.union(v.literal("low"), v.literal("medium"), v.literal("high")),
    /** A day: its midnight in UTC. */
    dueDate: v.optional(v.number()),
    completedAt: v.optional(v.number()),
    /** Where it stands in its column: see order.ts. */
    order: v.number(),
  }).index("by_project", ["projectId"]),
  members: defineTable({ projectId: v.id("projects"), name: v.string(), color: v.string() }).index("by_project", [
    "projectId",
  ]),
  /** Who is behind a session, told once in each project that it writes to: see authors.ts. */
  signatures: defineTable({ projectId: v.id("projects"), name: v.string(), session: v.string() }).index(
    "by_project_and_session",
    ["projectId", "session"],
  ),
});

/** A project is shared as a whole: all that belongs to it lies in its document. */
export const sync = {
  projects: root(),
  tasks: within("projectId", { notes: text() }),
  members: within("projectId"),
  signatures: within("projectId"),
};

export type Model = DataModelFromSchemaDefinition<typeof schema>;
export type Db = SyncedDatabase<Model>;
export type Writer = GenericMutationCtx<Model>["db"];
export type Project = Doc<typeof schema, "projects">;
export type Task = Doc<typeof schema, "tasks">;
export type Member = Doc<typeof schema, "members">;
export type Id<Table extends "projects" | "tasks" | "members"> = AnyId<Table>;
export type Status = Task["status"];
export type Priority = Task["priority"];
