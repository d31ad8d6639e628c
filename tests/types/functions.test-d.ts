// Functions and references to them: what a Convex app's files mean to the type checker, and what must not compile.
import type { Database, FunctionArgs, FunctionReference, FunctionReturnType } from "../../ts/index.js";
import { mutation as anyMutation, query as anyQuery, v } from "../../ts/index.js";
import { api, internal } from "../fixtures/convex/_generated/api.js";
import type { DataModel, Doc, Id } from "../fixtures/convex/_generated/dataModel.js";
import { mutation, query } from "../fixtures/convex/_generated/server.js";
import * as tasks from "../fixtures/convex/tasks.js";
import { assertType, type IsAny, type IsExact } from "./helpers.js";

declare const db: Database<DataModel>;
declare const projectId: Id<"projects">;
declare const taskId: Id<"tasks">;

assertType<
  IsExact<FunctionArgs<typeof api.tasks.create>, { dueDate?: number; projectId: Id<"projects">; title: string }>
>();
assertType<IsExact<FunctionReturnType<typeof api.tasks.titles>, string[]>>();
assertType<IsExact<FunctionReturnType<typeof api.tasks.finish>, null>>();
assertType<IsExact<FunctionReturnType<typeof api.lib.numbers.double>, bigint>>();
assertType<IsExact<FunctionReturnType<typeof api.projects.default>, string[]>>();
assertType<IsExact<(typeof internal.tasks.count)["_visibility"], "internal">>();
assertType<IsExact<(typeof api.tasks.list)["_type"], "query">>();
// @ts-expect-error: it is internal
void api.tasks.count;
// @ts-expect-error: it is public
void internal.tasks.list;
// @ts-expect-error: there is no such function
void api.tasks.nothing;
// @ts-expect-error: a module without functions is not in the API
void api.crons;

export async function calls(): Promise<void> {
  const list = await db.run(api.tasks.list, { projectId });
  assertType<IsExact<typeof list, Doc<"tasks">[]>>();
  const id = await db.run(api.tasks.create, { projectId, title: "t" });
  assertType<IsExact<typeof id, Id<"tasks">>>();
  const direct = await db.run(tasks.titles, {});
  assertType<IsExact<typeof direct, string[]>>();
  const nothing = await db.run(tasks.finish, { id: taskId });
  assertType<IsExact<typeof nothing, null>>();
  assertType<IsAny<typeof nothing> extends false ? true : false>();
  await db.run(api.tasks.titles);
  await db.run(api.tasks.titles, {});
  // @ts-expect-error: arguments are missing
  await db.run(api.tasks.create);
  // @ts-expect-error: a field is missing
  await db.run(api.tasks.create, { projectId });
  // @ts-expect-error: another table's id
  await db.run(api.tasks.create, { projectId: taskId, title: "t" });
  // @ts-expect-error: there is no such argument
  await db.run(api.tasks.titles, { more: 1 });
  // @ts-expect-error: an action can't be run here
  await db.run(api.tasks.fetchTitle, { url: "u" });
}

export const good = mutation({
  args: { id: v.id("tasks"), note: v.optional(v.string()) },
  returns: v.union(v.string(), v.null()),
  handler: async (ctx, args) => {
    assertType<IsExact<typeof args, { note?: string; id: Id<"tasks"> }>>();
    const task = await ctx.db.get("tasks", args.id);
    assertType<IsExact<typeof task, Doc<"tasks"> | null>>();
    const count = await ctx.runQuery(internal.tasks.count, { projectId });
    assertType<IsExact<typeof count, number>>();
    const id = await ctx.runMutation(api.tasks.create, { projectId, title: "t" });
    assertType<IsExact<typeof id, Id<"tasks">>>();
    // @ts-expect-error: a mutation is no query
    await ctx.runQuery(api.tasks.finish, { id: args.id });
    // @ts-expect-error: a field is missing
    await ctx.runMutation(api.tasks.create, { projectId });
    const identity = await ctx.auth.getUserIdentity();
    assertType<IsExact<NonNullable<typeof identity>["subject"], string>>();
    assertType<IsExact<NonNullable<typeof identity>["email"], string | undefined>>();
    assertType<IsExact<NonNullable<typeof identity>["emailVerified"], boolean | undefined>>();
    return task?.title ?? null;
  },
});

// @ts-expect-error: the result is no number
export const wrongResult = query({ args: {}, returns: v.number(), handler: () => "text" });

export const reads = query({
  args: {},
  handler: async (ctx) => {
    // @ts-expect-error: a query does not write
    await ctx.db.insert("users", { betterAuthId: "a", email: "e", createdAt: 0 });
    // @ts-expect-error: nor does it call what writes
    await ctx.runMutation(api.tasks.finish, { id: taskId });
    const titles = await ctx.db.query("tasks").select("title", "dueDate").collect();
    assertType<IsExact<(typeof titles)[number], { title: string; dueDate?: number | undefined }>>();
    // @ts-expect-error: there is no such field
    ctx.db.query("tasks").select("nothing");
    return titles.length;
  },
});

// Without a data model documents are of any kind, but arguments and results are known.
export const loose = anyMutation({ args: { n: v.number() }, handler: async (_ctx, { n }) => n + 1 });
export const looseQuery = anyQuery(async (ctx) => (await ctx.db.query("whatever").collect()).length);
export async function looseCalls(): Promise<void> {
  const sum = await db.run(loose, { n: 1 });
  assertType<IsExact<typeof sum, number>>();
  const length = await db.run(looseQuery);
  assertType<IsExact<typeof length, number>>();
  // @ts-expect-error: an argument of another type
  await db.run(loose, { n: "1" });
  // @ts-expect-error: an argument is missing
  await db.run(loose, {});
  // @ts-expect-error: no such argument
  await db.run(loose, { n: 1, b: 2 });
  // @ts-expect-error: all arguments are missing
  await db.run(loose);
}

declare const reference: FunctionReference<"query", "public", { a: number }, string>;
export const answer: Promise<string> = db.run(reference, { a: 1 });
