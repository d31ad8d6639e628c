// Functions written for Convex's `ctx.db`, and what must not compile in them.
import type {
  Database,
  DataModelFromSchemaDefinition,
  Doc,
  GenericDatabaseReader,
  GenericDatabaseWriter,
  GenericMutationCtx,
  GenericQueryCtx,
  Id,
  PaginationResult,
} from "../../ts/index.js";
import type { schema } from "../fixtures/schema.js";
import { assertType, type IsExact } from "./helpers.js";

type DataModel = DataModelFromSchemaDefinition<typeof schema>;
type QueryCtx = GenericQueryCtx<DataModel>;
type MutationCtx = GenericMutationCtx<DataModel>;
type Task = Doc<typeof schema, "tasks">;

declare const projectId: Id<"projects">;
declare const userId: Id<"users">;
declare const taskId: Id<"tasks">;

export async function reads(ctx: QueryCtx): Promise<void> {
  const task = await ctx.db.get(taskId);
  assertType<IsExact<typeof task, Task | null>>();
  const again = await ctx.db.get("tasks", taskId);
  assertType<IsExact<typeof again, Task | null>>();
  const either = await ctx.db.get(taskId as Id<"tasks"> | Id<"users">);
  assertType<IsExact<typeof either, Task | Doc<typeof schema, "users"> | null>>();
  // @ts-expect-error: another table's id
  await ctx.db.get("users", taskId);
  // @ts-expect-error: a string is no id
  await ctx.db.get("a string");
  const normalized = ctx.db.normalizeId("tasks", "a string");
  assertType<IsExact<typeof normalized, Id<"tasks"> | null>>();

  const all = await ctx.db.query("tasks").collect();
  assertType<IsExact<typeof all, Task[]>>();
  const some = await ctx.db.query("tasks").order("desc").take(10);
  assertType<IsExact<typeof some, Task[]>>();
  const one = await ctx.db
    .query("users")
    .withIndex("by_email", (q) => q.eq("email", "alice@example.test"))
    .unique();
  assertType<IsExact<typeof one, Doc<typeof schema, "users"> | null>>();
  const first = await ctx.db
    .query("projects")
    .fullTableScan()
    .filter((q) => q.eq(q.field("settings.isPublic"), true))
    .first();
  assertType<IsExact<typeof first, Doc<typeof schema, "projects"> | null>>();
  const page = await ctx.db
    .query("tasks")
    .withIndex("by_project", (q) => q.eq("projectId", projectId))
    .paginate({ numItems: 10, cursor: null });
  assertType<IsExact<typeof page, PaginationResult<Task>>>();
  const count = await ctx.db
    .query("tasks")
    .withIndex("by_status", (q) => q.eq("status", "done"))
    .count();
  assertType<IsExact<typeof count, number>>();
  for await (const each of ctx.db.query("tasks")) assertType<IsExact<typeof each, Task>>();

  // @ts-expect-error: no such table
  ctx.db.query("nowhere");
  // @ts-expect-error: no such index
  ctx.db.query("tasks").withIndex("by_nothing");
  // @ts-expect-error: an order twice
  ctx.db.query("tasks").order("asc").order("desc");
  // @ts-expect-error: no such order
  ctx.db.query("tasks").order("up");
  const filtered = ctx.db
    .query("tasks")
    .order("asc")
    .filter((q) => q.eq(1, 1));
  // @ts-expect-error: an order after a filter of an ordered query
  filtered.order("asc");
  // @ts-expect-error: an index after the order
  ctx.db.query("tasks").order("asc").withIndex("by_status");
}

export function ranges(db: GenericDatabaseReader<DataModel>): void {
  const tasks = db.query("tasks");
  tasks.withIndex("by_project_and_status");
  tasks.withIndex("by_project_and_status", (q) => q);
  tasks.withIndex("by_project_and_status", (q) => q.eq("projectId", projectId));
  tasks.withIndex("by_project_and_status", (q) => q.eq("projectId", projectId).eq("status", "done"));
  tasks.withIndex("by_project_and_status", (q) =>
    q
      .eq("projectId", projectId)
      .eq("status", "done")
      .eq("priority", "low")
      .gt("_creationTime", 1)
      .lte("_creationTime", 2),
  );
  tasks.withIndex("by_due_date", (q) => q.gte("dueDate", 1).lt("dueDate", 2));
  tasks.withIndex("by_due_date", (q) => q.eq("dueDate", undefined));
  tasks.withIndex("by_due_date", (q) => q.gt("dueDate", undefined));
  tasks.withIndex("by_creation_time", (q) => q.gt("_creationTime", 1));
  tasks.withIndex("by_id", (q) => q.eq("_id", taskId));

  // @ts-expect-error: not the first field
  tasks.withIndex("by_project_and_status", (q) => q.eq("status", "done"));
  // @ts-expect-error: a field left out
  tasks.withIndex("by_project_and_status", (q) => q.eq("projectId", projectId).eq("priority", "low"));
  // @ts-expect-error: equality after a bound
  tasks.withIndex("by_project_and_status", (q) => q.gt("projectId", projectId).eq("status", "done"));
  // @ts-expect-error: bounds on two fields
  tasks.withIndex("by_project_and_status", (q) => q.gt("projectId", projectId).lt("status", "done"));
  // @ts-expect-error: the lower bound comes first
  tasks.withIndex("by_due_date", (q) => q.lt("dueDate", 2).gt("dueDate", 1));
  // @ts-expect-error: a bound twice
  tasks.withIndex("by_due_date", (q) => q.gt("dueDate", 1).gte("dueDate", 1));
  // @ts-expect-error: nothing follows the last field
  tasks.withIndex("by_due_date", (q) => q.eq("dueDate", 1).eq("_creationTime", 1).eq("_id", taskId));
  // @ts-expect-error: a field of another type
  tasks.withIndex("by_due_date", (q) => q.eq("dueDate", "tomorrow"));
  // @ts-expect-error: another table's id
  tasks.withIndex("by_project", (q) => q.eq("projectId", userId));
  // @ts-expect-error: no such literal
  tasks.withIndex("by_status", (q) => q.eq("status", "unknown"));
  // @ts-expect-error: not a range
  tasks.withIndex("by_status", () => true);
}

export function filters(db: GenericDatabaseReader<DataModel>): void {
  const tasks = db.query("tasks");
  tasks.filter((q) => q.and(q.eq(q.field("status"), "done"), q.not(q.lt(q.field("createdAt"), 5)), true));
  tasks.filter((q) => q.gt(q.mod(q.add(q.field("createdAt"), 1), 2), q.neg(3)));
  tasks.filter((q) => q.eq(q.field("dueDate"), undefined));
  tasks.filter((q) => q.or(q.neq(q.field("_id"), taskId), q.gte(q.field("_creationTime"), 1)));
  // @ts-expect-error: no such field
  tasks.filter((q) => q.eq(q.field("nothing"), 1));
  // @ts-expect-error: text can't be added
  tasks.filter((q) => q.eq(q.add(q.field("title"), "x"), "y"));
  // @ts-expect-error: compared with another type
  tasks.filter((q) => q.eq(q.field("createdAt"), "x"));
}

export async function writes(ctx: MutationCtx): Promise<void> {
  const task = { projectId, title: "t", status: "todo", priority: "low", createdAt: 1, updatedAt: 1 } as const;
  const id = await ctx.db.insert("tasks", task);
  assertType<IsExact<typeof id, Id<"tasks">>>();
  const ids = await ctx.db.insertMany("tasks", [task, { ...task, _id: ctx.db.newId("tasks") }]);
  assertType<IsExact<typeof ids, Id<"tasks">[]>>();
  await ctx.db.patch(id, { title: "u", dueDate: undefined });
  await ctx.db.patch("tasks", id, { status: "done" });
  await ctx.db.replace(id, task);
  await ctx.db.replace("tasks", id, { ...task, _id: id, _creationTime: 1 });
  await ctx.db.delete(id);
  await ctx.db.delete("tasks", id);
  const document = (await ctx.db.get(id))!;
  await ctx.db.replace(id, document);

  // @ts-expect-error: fields are missing
  await ctx.db.insert("tasks", { title: "t" });
  // @ts-expect-error: a field too many
  await ctx.db.insert("tasks", { ...task, extra: 1 });
  // @ts-expect-error: a literal that is none of them
  await ctx.db.insert("tasks", { ...task, status: "unknown" });
  await ctx.db.insert("tasks", {
    ...task,
    // @ts-expect-error: `_creationTime` is given by the engine
    _creationTime: 1,
  });
  // @ts-expect-error: another table's id
  await ctx.db.insert("tasks", { ...task, _id: projectId });
  // @ts-expect-error: a field of another type
  await ctx.db.patch(id, { createdAt: "now" });
  // @ts-expect-error: no such field
  await ctx.db.patch(id, { nothing: 1 });
  // @ts-expect-error: another table's id
  await ctx.db.delete("tasks", projectId);
}

// A writer serves where a reader is asked for; helpers over one table work.
export async function ownerOf(
  db: GenericDatabaseReader<DataModel>,
  id: Id<"projects">,
): Promise<Id<"users"> | undefined> {
  return (await db.get(id))?.ownerId;
}
export const usesWriter = (db: GenericDatabaseWriter<DataModel>): Promise<unknown> => ownerOf(db, projectId);

// @ts-expect-error: a reader can't write
export const cantWrite = (ctx: QueryCtx): unknown => ctx.db.insert;

export async function database(db: Database<DataModel>): Promise<void> {
  const found = await db.get("tasks", taskId);
  assertType<IsExact<typeof found, Task | null>>();
  await db.patch("tasks", taskId, { title: "t" });
  await db.delete("tasks", taskId);
  const either = await db.get(taskId as Id<"tasks"> | Id<"users">);
  assertType<IsExact<typeof either, Task | Doc<typeof schema, "users"> | null>>();
  const task = { projectId, title: "t", status: "todo", priority: "low", createdAt: 1, updatedAt: 1 } as const;
  await db.replace("tasks", taskId, task);
  // @ts-expect-error: another table's id
  await db.get("users", taskId);
  // @ts-expect-error: another table's id
  await db.patch("users", taskId, { name: "n" });
  // @ts-expect-error: another table's id
  await db.replace("tasks", projectId, task);
  // @ts-expect-error: another table's id
  await db.delete("users", taskId);
}
