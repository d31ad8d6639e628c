// What subscribers of live queries may do in their callbacks, and what happens to the others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, seed } from "../fixtures/database.js";

const turn = () => new Promise((resolve) => setTimeout(resolve));

test("in a callback one may stop itself, end another or begin a new one", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  const live = db.live(of());
  const count = db.live(of(), "count");
  const calls: string[] = [];
  const endSelf = live.subscribe(() => {
    calls.push("self");
    endSelf();
  });
  let endThird: () => void = () => undefined;
  const endSecond = live.subscribe(() => {
    calls.push("second");
    endThird();
    count.stop();
    const begun = db.live(of(), { take: 1 });
    // It has its value at once, and hears of what comes after this.
    assert.equal(begun.status, "ready");
    begun.subscribe(() => calls.push("begun"));
    live.subscribe(() => calls.push("again"));
  });
  endThird = live.subscribe(() => calls.push("third"));
  await db.insert("tasks", task("one", { projectId: project }));
  await turn();
  assert.deepEqual(calls, ["self", "second"]);
  calls.length = 0;
  await db.insert("tasks", task("two", { projectId: project }));
  await turn();
  // The first task is the same as before.
  assert.deepEqual(calls, ["second", "again"]);
  endSecond();
  // What was stopped in a callback begins again like any other.
  assert.equal(db.live(of(), "count").value, live.value!.length);
});

test("a value that is read in a callback is of the commit that it is told of, or later", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  const live = db.live(of());
  const before = live.value!.length;
  const seen: [number, number, number][] = [];
  const end = live.subscribe(() => {
    if (live.value!.length < before + 3) void db.insert("tasks", task("inner", { projectId: project }));
    // What was begun here shows at once, and its callback comes later.
    seen.push([live.value!.length, db.now.query(of(), "count"), seen.length]);
  });
  await db.insert("tasks", task("outer", { projectId: project }));
  for (let n = 0; n < 10; n += 1) await turn();
  assert.deepEqual(
    seen.map(([shown, now]) => shown === now),
    seen.map(() => true),
  );
  assert.equal(live.value!.length, before + 3);
  end();
});

test("what a subscriber or a function throws harms no other, and a function's error is its own", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  const thrown: unknown[] = [];
  const host = globalThis as { reportError?: (error: unknown) => void };
  host.reportError = (error) => thrown.push(error);
  t.after(() => delete host.reportError);
  const live = db.live(of());
  const failing = db.live(async (ctx) => {
    const rows = await ctx.db.query("tasks").collect();
    throw new Error(`of ${rows.length}`);
  });
  let calls = 0;
  const mine = new Error("mine");
  live.subscribe(() => {
    throw mine;
  });
  failing.subscribe(() => {
    throw mine;
  });
  live.subscribe(() => (calls += 1));
  await db.insert("tasks", task("one", { projectId: project }));
  await turn();
  assert.equal(calls, 1);
  assert.equal(failing.status, "error");
  const first = failing.error;
  assert.ok(thrown.length >= 2 && thrown.every((error) => error === mine));
  await db.insert("tasks", task("two", { projectId: project }));
  await turn();
  assert.equal(calls, 2);
  assert.notEqual(failing.error, first, "it is run again");
  assert.equal(db.durability.state, "memory");
});

test("a clock that is set back and forward changes neither ids, order nor live queries", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  const live = db.live(of());
  const { now } = Date;
  t.after(() => (Date.now = now));
  const ids: string[] = [];
  for (const shift of [0, -3_600_000, -3_600_000, 3_600_000, 0]) {
    Date.now = () => now() + shift;
    const id = await db.insert("tasks", task(`at ${shift}`, { projectId: project }));
    ids.push(id);
    assert.equal(live.value!.at(-1)!._id, id, "the newest is the last one");
    assert.equal((await db.mutate((ctx) => ctx.db.get(id)))?._id, id);
  }
  const times = (await of().collect()).map((row) => row._creationTime);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  assert.equal(new Set(times).size, times.length);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual((await db.verify()).problems, []);
});
