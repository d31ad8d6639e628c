// Calls of functions: what nobody waits for, what changes meanwhile, and what can't be called.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, makeFunctionReference, mutation, openDatabase, query, v } from "../../ts/index.js";
import { freshName } from "../fixtures/database.js";

const schema = defineSchema({ notes: defineTable({ text: v.any() }) });

const add = mutation({
  args: { text: v.any() },
  handler: (ctx, { text }: { text: unknown }) => ctx.db.insert("notes", { text: text as string }),
});
const echo = query({ args: { text: v.any() }, handler: (_ctx, { text }) => text as unknown });
const count = query((ctx) => ctx.db.query("notes").count());
const fail = query(() => {
  throw new Error("the query failed");
});
const functions = { "notes.ts": { add, echo, count, fail } };
const addReference = makeFunctionReference<"mutation">("notes:add");
const queryReference = (name: string) => makeFunctionReference<"query">(`notes:${name}`);

async function open(t: TestContext) {
  const db = await openDatabase({ name: freshName(), storage: "memory", schema, functions });
  t.after(() => db.close());
  return db;
}

test("a call that fails and that nobody waits for fails the mutation", async (t) => {
  const db = await open(t);
  type Ctx = Parameters<Parameters<typeof db.mutate>[0]>[0];
  const calls: [RegExp, (ctx: Ctx) => unknown][] = [
    [/ctx.scheduler.runAfter/, (ctx) => ctx.scheduler.runAfter(0, addReference, { text: "t" })],
    [/ctx.storage.delete/, (ctx) => ctx.storage.delete("x")],
    [/the query failed/, (ctx) => ctx.runQuery(queryReference("fail"))],
    [/option `identity`/, (ctx) => ctx.auth.getUserIdentity()],
    [/ctx.meta.getFunctionMetadata/, (ctx) => ctx.meta.getFunctionMetadata()],
  ];
  for (const [message, call] of calls) {
    const mutated = db.mutate(async (ctx) => {
      void call(ctx);
      await ctx.db.insert("notes", { text: "saved" });
    });
    await assert.rejects(mutated, message);
    // Heard of: the function goes on.
    await db.mutate(async (ctx) => {
      await Promise.resolve(call(ctx)).catch(() => undefined);
      await ctx.db.insert("notes", { text: "went on" });
    });
  }
  assert.equal(await db.query("notes").count(), calls.length);
  await assert.rejects(db.run(query((ctx) => void ctx.runQuery(queryReference("fail")))), /the query failed/);
  const inQuery = query((ctx) => void ctx.storage.getUrl("x"));
  await assert.rejects(db.run(mutation((ctx) => ctx.runQuery(inQuery as never, {}))), /ctx.storage.getUrl/);
});

test("queries and mutations that nobody waits for do not wait for each other in a circle", async (t) => {
  const db = await open(t);
  const counts = await db.mutate(async (ctx) => {
    const one = ctx.runMutation(addReference, { text: 1 });
    const before = ctx.runQuery(queryReference("count"), {});
    const two = ctx.runMutation(addReference, { text: 2 });
    const after = ctx.runQuery(queryReference("count"), {});
    await Promise.all([one, two]);
    return [await before, await after];
  });
  assert.ok(
    counts.every((each) => each === 1 || each === 2),
    String(counts),
  );
  await db.mutate((ctx) => {
    for (let text = 0; text < 5; text += 1) {
      void ctx.runQuery(queryReference("count"), {});
      void ctx.runMutation(addReference, { text });
    }
  });
  assert.equal(await db.query("notes").count(), 7);
});

test("arguments are copied when a function is called", async (t) => {
  const db = await open(t);
  const call = async <T>(run: (args: { text: string }) => Promise<T>): Promise<T> => {
    const args = { text: "before" };
    const called = run(args);
    args.text = "after";
    return called;
  };
  assert.equal(await call((args) => db.run(echo, args)), "before");
  const id = await call((args) => db.run(add, args));
  assert.equal((await db.get(id))?.text, "before");
  await db.mutate(async (ctx) => {
    const inner = await call((args) => ctx.runMutation(addReference, args));
    assert.equal((await ctx.db.get(inner as typeof id))?.text, "before");
    assert.equal(await call((args) => ctx.runQuery(queryReference("echo"), args)), "before");
  });
});
