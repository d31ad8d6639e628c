// What has to wait: for a write that is not saved yet, for an index that is being built.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { codeOf, freshName, open, seed } from "../fixtures/database.js";

const table = () => defineTable({ a: v.number(), b: v.number() }).index("by_a", ["a"]);
const older = defineSchema({ rows: table() });
const newer = defineSchema({ rows: table().index("by_b", ["b"]) });

test("a mutation that writes nothing waits for what it has read", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const id = await db.insert("tasks", task("one"));
  const order: string[] = [];
  const note = (name: string) => () => void order.push(name);
  await Promise.all([
    db.patch(id, { title: "two" }).then(note("changed")),
    // Neither of them has anything to save, but both rest on the title.
    db.patch(id, { title: "two" }).then(note("changed to the same")),
    db.mutate(async (ctx) => void (await ctx.db.get(id))).then(note("read")),
  ]);
  assert.deepEqual(order, ["changed", "changed to the same", "read"]);
});

test("a query waits for its index, in a function too", async (t) => {
  const name = freshName();
  const before = await openDatabase({ name, schema: older, storage: "memory" });
  t.after(() => before.close());
  await before.insertMany(
    "rows",
    Array.from({ length: 20_000 }, (_, a) => ({ a, b: a % 10 })),
  );
  const db = await openDatabase({ name, schema: newer, storage: "memory" });
  t.after(() => db.close());
  type Rows = { query: typeof db.query };
  const ofThree = (rows: Rows) => rows.query("rows").withIndex("by_b", (q) => q.eq("b", 3));
  const iterated = async (rows: Rows) => {
    let count = 0;
    for await (const _ of ofThree(rows)) count += 1;
    return count;
  };
  const counts = await Promise.all([
    ofThree(db).count(),
    db.read((ctx) => ofThree(ctx.db as Rows).count()),
    db.read(async (ctx) => (await ofThree(ctx.db as Rows).collect()).length),
    db.read((ctx) => iterated(ctx.db as Rows)),
    db.mutate((ctx) => ofThree(ctx.db as Rows).count(), { timeoutMs: 20_000 }),
  ]);
  assert.deepEqual(counts, [2000, 2000, 2000, 2000, 2000]);
});

test("a state from before an index has no answer by it", async (t) => {
  const name = freshName();
  const db = await openDatabase({ name, schema: older, storage: "memory" });
  t.after(() => db.close());
  await db.insert("rows", { a: 1, b: 1 });
  const code = await db.read(async (ctx) => {
    await ctx.db.query("rows").first();
    const other = await openDatabase({ name, schema: newer, storage: "memory" });
    t.after(() => other.close());
    await other.query("rows").withIndex("by_b").collect();
    return codeOf((ctx.db as unknown as typeof other).query("rows").withIndex("by_b").collect());
  });
  assert.equal(code, "IndexNotFound");
});

test("an index that an older version of the app has removed is no mistake of the caller", async (t) => {
  const name = freshName();
  const db = await openDatabase({ name, schema: newer, storage: "memory" });
  t.after(() => db.close());
  await db.insert("rows", { a: 1, b: 1 });
  const other = await openDatabase({ name, schema: older, storage: "memory" });
  t.after(() => other.close());
  await other.insert("rows", { a: 2, b: 2 });
  let code = "no error";
  for (let tries = 0; code === "no error" && tries < 100; tries += 1) {
    code = await codeOf(db.query("rows").withIndex("by_b").collect());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(code, "SchemaChanged");
});

test("a mutation that lost again and again stops only writes that are in its way", async (t) => {
  const name = freshName();
  const [db, rival] = [await open(t, { name }), await open(t, { name })];
  const { task } = await seed(db);
  const id = await db.insert("tasks", task("fought for"));
  let runs = 0;
  let reached!: () => void, finish!: () => void;
  const isAlone = new Promise<void>((resolve) => (reached = resolve));
  const mayFinish = new Promise<void>((resolve) => (finish = resolve));
  const stubborn = db.mutate(async (ctx) => {
    runs += 1;
    const row = await ctx.db.get(id);
    if (runs <= 3) await rival.patch(id, { title: `run ${runs}` });
    else {
      reached();
      await mayFinish;
    }
    await ctx.db.patch(id, { title: `${row!.title}, and won` });
  });
  await isAlone;
  await db.insert("tasks", task("unrelated"));
  const order: string[] = [];
  const inTheWay = db.patch(id, { title: "later" }).then(() => order.push("in the way"));
  await db.insert("tasks", task("unrelated too"));
  assert.equal(order.length, 0);
  finish();
  await Promise.all([stubborn.then(() => order.push("stubborn")), inTheWay]);
  assert.deepEqual(order, ["stubborn", "in the way"]);
  assert.equal(runs, 4);
  assert.equal((await db.get(id))?.title, "later");
});

/** A database whose pages have to be loaded for each query. */
async function uncached(t: TestContext) {
  const options = { name: freshName(), schema: older, storage: "memory" } as const;
  const tuning = { checkpointLogRecords: 1, idleMs: 1 };
  const db = await openDatabase({ ...options, budgets: { pageCacheBytes: 1, rowCacheBytes: 1 }, tuning });
  t.after(() => db.close());
  await db.insertMany(
    "rows",
    Array.from({ length: 5000 }, (_, a) => ({ a, b: a })),
  );
  while (db.stats().logRecords > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return db;
}

test("checks that are begun at once take turns", { timeout: 20_000 }, async (t) => {
  const db = await uncached(t);
  const reports = await Promise.all([db.verify(), db.verify(), db.verify()]);
  assert.deepEqual(
    reports.map(({ ok, rows }) => [ok, rows]),
    [
      [true, 5000],
      [true, 5000],
      [true, 5000],
    ],
  );
});

test("who hears of a check's progress may ask for something", { timeout: 20_000 }, async (t) => {
  const db = await uncached(t);
  const asked: Promise<number>[] = [];
  const onProgress = () => {
    const from = asked.length * 50;
    const range = db.query("rows").withIndex("by_a", (q) => q.gte("a", from).lt("a", from + 10));
    asked.push(range.collect().then(({ length }) => length));
  };
  assert.equal((await db.verify({ onProgress })).ok, true);
  assert.ok(asked.length > 0);
  assert.deepEqual(new Set(await Promise.all(asked)), new Set([10]));
});

test("a function that never ends keeps nobody from closing", { timeout: 20_000 }, async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const id = await db.insert("tasks", task("one"));
  let runs = 0;
  let isAlone!: () => void;
  const alone = new Promise<void>((resolve) => (isAlone = resolve));
  // Run again three times, it is alone: writes of what it reads wait for it.
  const stuck = db.mutate(
    async (ctx) => {
      await ctx.db.get(id);
      runs += 1;
      if (runs <= 3) await db.patch(id, { title: `changed ${runs}` });
      else {
        isAlone();
        await new Promise(() => undefined);
      }
      await ctx.db.patch(id, { title: "never" });
    },
    { timeoutMs: 0 },
  );
  const ended = codeOf(stuck);
  await alone;
  const waiting = db.patch(id, { title: "waited" });
  await db.close();
  await waiting;
  assert.equal(await ended, "DatabaseClosed");
});
