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

test("modules are named from the outermost folder that has generated files", async (t) => {
  const list = query(() => "listed");
  const named = async (paths: string[], name: string) => {
    const modules = Object.fromEntries(paths.map((path) => [path, { list }]));
    const db = await openDatabase({ name: freshName(), storage: "memory", schema, functions: modules });
    t.after(() => db.close());
    return db.run(makeFunctionReference<"query">(name), {}).catch((error: Error) => error.message) as Promise<string>;
  };
  const component = ["./convex/auth/_generated/api.ts", "./convex/auth/x.ts", "./convex/tasks.ts"];
  assert.equal(await named(component, "tasks:list"), "listed");
  assert.equal(await named(component, "auth/x:list"), "listed");
  const both = ["./convex/auth/_generated/api.ts", "./convex/_generated/api.ts", "./convex/tasks.ts"];
  assert.equal(await named(both, "tasks:list"), "listed");
  assert.equal(await named(["../backend/_generated/api.js", "../backend/a/tasks.ts"], "a/tasks:list"), "listed");
  assert.equal(
    await named(["./convex/tasks.ts", "./convex/tasks.js"], "tasks:list"),
    '`functions` has two modules of the name "tasks": "./convex/tasks.ts" and "./convex/tasks.js".',
  );
});

test("modules without exports are told", async (t) => {
  const modules = { "a.ts": null, "b.ts": "text", "c.ts": async () => undefined, "d.ts": async () => 5 };
  const db = await openDatabase({ name: freshName(), storage: "memory", schema, functions: modules as never });
  t.after(() => db.close());
  for (const name of ["a", "b", "c", "d"]) {
    await assert.rejects(db.run(makeFunctionReference<"query">(`${name}:list`), {}), {
      code: "FunctionNotFound",
      message: new RegExp(`^Could not find function '${name}:list'. The module "${name}" has no exports: it is `),
    });
  }
});

test("what is no identity is refused", async (t) => {
  const options = { name: freshName(), storage: "memory" as const, schema };
  for (const wrong of ["x", [], {}, { tokenIdentifier: "a", subject: 5, issuer: "b" }]) {
    await assert.rejects(openDatabase({ ...options, identity: wrong as never }), { code: "InvalidArgument" });
    const db = await openDatabase({ ...options, identity: () => wrong as never });
    await assert.rejects(
      db.read((ctx) => ctx.auth.getUserIdentity()),
      { code: "InvalidArgument", message: /^What `identity` answers must / },
    );
    await db.close();
  }
  const nobody = await openDatabase({ ...options, identity: async () => undefined as never });
  t.after(() => nobody.close());
  await assert.rejects(
    nobody.read((ctx) => ctx.auth.getUserIdentity()),
    { code: "InvalidArgument" },
  );
});

test("functions that call themselves without an end are stopped", async (t) => {
  const endlessQuery = query(async (ctx): Promise<unknown> => ctx.runQuery(queryReference("endlessQuery"), {}));
  const endless = mutation(async (ctx): Promise<unknown> =>
    ctx.runMutation(makeFunctionReference<"mutation">("notes:endless"), {}),
  );
  const deep = query({
    args: { n: v.number() },
    handler: async (ctx, { n }): Promise<number> =>
      n === 0 ? 0 : 1 + ((await ctx.runQuery(queryReference("deep"), { n: n - 1 })) as number),
  });
  const modules = { "notes.ts": { endlessQuery, endless, deep, add } };
  const db = await openDatabase({ name: freshName(), storage: "memory", schema, functions: modules });
  t.after(() => db.close());
  const told = { code: "InvalidArgument", message: /more than 128 levels deep/ };
  await assert.rejects(db.run(endlessQuery), told);
  await assert.rejects(db.run(endless), told);
  assert.equal(await db.run(deep, { n: 128 }), 128);
  await db.run(add, { text: "well again" });
});

test("a mutation that waits for itself is told so", async (t) => {
  const db = await open(t);
  const inner = mutation(async () => void (await outer!.db.insert("notes", { text: "never" })));
  type Ctx = Parameters<Parameters<typeof db.mutate>[0]>[0];
  let outer: Ctx | undefined;
  const mutated = db.mutate(
    async (ctx) => {
      outer = ctx;
      await ctx.runMutation(inner as never, {});
    },
    { timeoutMs: 50 },
  );
  await assert.rejects(mutated, {
    code: "MutationTimeout",
    message: /by the `ctx` of a function that has called this/,
  });
});

test("validators of functions that are made again and again take memory once", async (t) => {
  const db = await open(t);
  const run = async (times: number) => {
    for (let n = 0; n < times; n += 1) {
      const args = {
        text: v.string(),
        list: v.optional(v.array(v.union(v.literal("a"), v.object({ n: v.number() })))),
      };
      await db.run(query({ args, handler: () => 1 }), { text: "t" });
    }
  };
  await run(100);
  const before = db.stats().wasmMemoryBytes;
  await run(10_000);
  assert.equal(db.stats().wasmMemoryBytes, before);
});

test("a run again does not see what the first one made of its arguments", async (t) => {
  const name = freshName();
  const open = () => openDatabase({ name, storage: "memory", schema });
  const [one, two] = [await open(), await open()];
  t.after(() => Promise.all([one.close(), two.close()]));
  const id = await one.insert("notes", { text: 0 });
  const seen: number[][] = [];
  const append = mutation({
    args: { list: v.array(v.number()) },
    handler: async (ctx, { list }) => {
      seen.push([...list]);
      list.push(9);
      const note = await ctx.db.get(id);
      if (seen.length === 1) await two.patch(id, { text: 1 });
      await ctx.db.patch(id, { text: [note!.text, list] });
    },
  });
  await one.run(append, { list: [1, 2] });
  assert.deepEqual(seen.slice(0, 2), [
    [1, 2],
    [1, 2],
  ]);
  assert.deepEqual((await one.get(id))?.text, [1, [1, 2, 9]]);
});

test("the ctx of a called query ends with it", async (t) => {
  let kept: { query(table: "notes"): { collect(): Promise<unknown> } } | undefined;
  const keep = query((ctx) => void (kept = ctx.db as never));
  const db = await open(t);
  await db.mutate(async (ctx) => {
    await ctx.runQuery(keep as never, {});
    await assert.rejects(kept!.query("notes").collect(), { code: "TransactionClosed" });
  });
});

test("a page of many documents had better be cut in two", async (t) => {
  const db = await open(t);
  await db.insertMany(
    "notes",
    Array.from({ length: 6_145 }, (_, text) => ({ text })),
  );
  const statusOf = async (numItems: number) =>
    (await db.query("notes").paginate({ numItems, cursor: null })).pageStatus;
  assert.deepEqual([await statusOf(6_144), await statusOf(6_145)], [null, "SplitRecommended"]);
});
