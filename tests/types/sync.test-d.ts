// Databases with synced tables and without, and what must not compile.
import { type Database, defineSchema, defineTable, type Id, openDatabase, v } from "../../ts/index.js";
import { livePages } from "../../ts/pages.js";
import { HoldfastProvider, useDatabase } from "../../ts/react/index.js";
import {
  type Conflict,
  counter,
  type DatabaseSync,
  type HistoryEntry,
  linkInMemory,
  type LiveValue,
  local,
  type Problem,
  root,
  type SyncedDatabase,
  text,
  type UndoManager,
  type UndoOptions,
  type UndoScope,
  within,
} from "../../ts/sync/index.js";
import { openTestDatabase } from "../../ts/testing.js";
import type { DataModelOf, GenericDataModel } from "../../ts/index.js";
import { assertType, type IsExact } from "./helpers.js";

const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({
    projectId: v.id("projects"),
    title: v.string(),
    notes: v.optional(v.string()),
    votes: v.optional(v.number()),
  }),
  shapes: defineTable(
    v.union(v.object({ kind: v.literal("dot") }), v.object({ kind: v.literal("line"), length: v.number() })),
  ),
});
type Model = DataModelOf<typeof schema>;
const sync = { projects: root(), tasks: within("projectId"), shapes: local() };

declare const task: Id<"tasks">;
declare const project: Id<"projects">;
declare const user: Id<"users">;
declare const shape: Id<"shapes">;
declare const entry: HistoryEntry;

/** What `openDatabase` answers with depends on whether there is `sync`. */
export async function opened(): Promise<void> {
  const synced = await openDatabase({ name: "synced", schema, sync });
  assertType<IsExact<typeof synced, SyncedDatabase<Model>>>();
  const plain = await openDatabase({ name: "plain", schema });
  assertType<IsExact<typeof plain, Database<Model>>>();
  const forTests = await openTestDatabase({ schema, sync });
  assertType<IsExact<typeof forTests, SyncedDatabase<Model>>>();
  const plainForTests = await openTestDatabase({ schema });
  assertType<IsExact<typeof plainForTests, Database<Model>>>();
  // @ts-expect-error: a table that the schema does not have
  await openDatabase({ name: "synced", schema, sync: { nowhere: 1 } });
  // @ts-expect-error: a field that holds no id
  await openDatabase({ name: "synced", schema, sync: { ...sync, tasks: within("title") } });
  // @ts-expect-error: a misspelt option
  await openDatabase({ name: "synced", schema, sync, durabilty: "strict" });

  const kinds = { notes: text(), title: text() };
  await openDatabase({
    name: "kinds",
    schema,
    sync: { ...sync, tasks: within("projectId", { ...kinds, votes: counter() }) },
  });
  // @ts-expect-error: a text that is a number
  await openDatabase({ name: "kinds", schema, sync: { ...sync, tasks: within("projectId", { votes: text() }) } });
  // @ts-expect-error: a counter that is a string
  await openDatabase({ name: "kinds", schema, sync: { projects: root({ name: counter() }) } });
  // @ts-expect-error: a field that is not there
  await openDatabase({ name: "kinds", schema, sync: { projects: root({ title: text() }) } });
  // @ts-expect-error: a text that is an id
  await openDatabase({ name: "kinds", schema, sync: { ...sync, tasks: within("projectId", { projectId: text() }) } });

  // Whatever takes a database takes one with synced tables.
  const database: Database<Model> = synced;
  HoldfastProvider({ database: synced, children: null });
  livePages(synced, synced.query("tasks"), { initialNumItems: 3 });
  linkInMemory(synced, forTests);
  // @ts-expect-error: nothing of it is synced
  linkInMemory(synced, database);
  // @ts-expect-error: nothing of it is synced
  void plain.sync;
  // @ts-expect-error: nothing of it is synced
  await plain.restore(task);
  // @ts-expect-error: nothing of it is synced
  plain.deleted("tasks");
}

export async function ofRows(db: SyncedDatabase<Model>): Promise<void> {
  assertType<IsExact<typeof db.sync, DatabaseSync>>();
  assertType<IsExact<typeof db.sync.settled, Promise<void>>>();
  const conflicts = await db.conflicts(task);
  assertType<IsExact<typeof conflicts, Conflict[]>>();
  await db.conflicts("projects", project);
  const problems = db.problems();
  assertType<IsExact<typeof problems, LiveValue<Problem[]>>>();
  const history = await db.history(task, { limit: 3, before: entry });
  assertType<IsExact<typeof history, HistoryEntry[]>>();
  await db.revert(project, entry);
  await db.restore(task);
  await db.restore("tasks", task);
  const undo = db.undoManager({ scope: ["tasks", project] });
  assertType<IsExact<typeof undo, UndoManager>>();
  db.undoManager({ scope: project });
  const scope: UndoScope<Model>[] = ["projects", task];
  const options: UndoOptions<Model> = { scope, limit: 3 };
  db.undoManager(options);
  // @ts-expect-error: a table that the schema does not have
  db.undoManager({ scope: "nowhere" });
  // @ts-expect-error: an id of a table that is not here
  db.undoManager({ scope: ["tasks", user] });
  // @ts-expect-error: a text is no id
  db.undoManager({ scope: String(project) });
  // @ts-expect-error: an id of a table that is not here
  await db.conflicts(user);
  // @ts-expect-error: an id of another table
  await db.restore("tasks", project);
  // @ts-expect-error: a text is no id
  await db.history("abc");
  // @ts-expect-error: no entry of its history
  await db.revert(task, 3);
  // @ts-expect-error: it is about rows
  void db.sync.restore;
}

/** Texts and numbers are changed where they are. */
export async function ofFields(db: SyncedDatabase<Model>): Promise<void> {
  await db.mutate(async (ctx) => {
    await ctx.db.splice(task, "title", 0, 1, "x");
    await ctx.db.splice(task, "notes", 0, 1);
    await ctx.db.splice(project, "name", 0, 1);
    await ctx.db.increment(task, "votes");
    await ctx.db.increment(task, "votes", -2);
    await ctx.db.splice(shape, "kind", 0, 1);
    // @ts-expect-error: a number is no text
    await ctx.db.splice(task, "votes", 0, 1);
    // @ts-expect-error: nor is an id
    await ctx.db.splice(task, "projectId", 0, 1);
    // @ts-expect-error: nor is its own
    await ctx.db.splice(task, "_id", 0, 1);
    // @ts-expect-error: a field of another table
    await ctx.db.splice(project, "title", 0, 1);
    // @ts-expect-error: a text is no number
    await ctx.db.increment(task, "title");
    // @ts-expect-error: when it was made stays
    await ctx.db.increment(task, "_creationTime");
  });
}

/** What knows no schema takes any. */
export async function ofAny(loose: SyncedDatabase<any>, generic: SyncedDatabase<GenericDataModel>): Promise<void> {
  for (const db of [loose, generic]) db.undoManager({ scope: ["tasks", String(task)], name: "x" });
  const options: UndoOptions = { scope: "tasks" };
  loose.undoManager(options);
  await loose.mutate(async (ctx) => {
    await ctx.db.splice(task, "whatever", 0, 1);
    await ctx.db.increment(task, "whatever");
  });
  await generic.mutate(async (ctx) => {
    await ctx.db.splice(task, "whatever", 0, 1);
    await ctx.db.increment(task, "whatever");
  });
}

export function ofReact(): void {
  const plain = useDatabase<Model>();
  assertType<IsExact<typeof plain, Database<Model>>>();
  const synced = useDatabase<Model, SyncedDatabase<Model>>();
  assertType<IsExact<typeof synced, SyncedDatabase<Model>>>();
}

export function deleted(db: SyncedDatabase<Model>): void {
  const [row] = db.deleted("tasks").value!;
  const { id, root, fields } = row!;
  assertType<IsExact<typeof id, Id<"tasks">>>();
  assertType<IsExact<typeof root, string>>();
  assertType<IsExact<typeof fields.title, string>>();
  assertType<IsExact<typeof fields.notes, string | undefined>>();
  assertType<IsExact<typeof fields.projectId, Id<"projects">>>();
  // @ts-expect-error: no field of its own
  void fields._creationTime;
  const shape = db.deleted("shapes").value![0]!.fields;
  if (shape.kind === "line") assertType<IsExact<typeof shape.length, number>>();
  // @ts-expect-error: a table that the schema does not have
  db.deleted("nowhere");
}
