// Live queries: values that follow the database.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Live } from "../../ts/index.js";
import { open, seed } from "../fixtures/database.js";

/** Waits until a live query has a value that is of now. */
async function ready(live: Live<unknown>): Promise<void> {
  while (live.status === "loading" || live.status === "updating") {
    await new Promise<void>((resolve) => {
      const end = live.subscribe(() => {
        end();
        resolve();
      });
    });
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

test("a query's value is there at once, and follows", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const live = db.live(db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project)));
  assert.equal(live.status, "ready");
  const before = live.value!;
  const known = before.length;
  let calls = 0;
  live.subscribe(() => (calls += 1));
  const id = await db.insert("tasks", task("new", { projectId: project }));
  assert.equal(calls, 1);
  assert.notEqual(live.value, before, "another array");
  assert.equal(before.length, known, "which the former one is not");
  assert.equal(live.value!.length, known + 1);
  assert.equal(live.value!.at(-1)!._id, id);
  assert.equal(live.value!.at(-1), await db.get(id), "the same object as for a read");
  for (const [index, row] of before.entries()) assert.equal(live.value![index], row, "an unchanged row is the same");

  // Of another project: no call, the same array.
  const value = live.value;
  await db.insert("users", { betterAuthId: "s", email: "x@y.test", createdAt: 1 });
  assert.equal(calls, 1);
  assert.equal(live.value, value);

  await db.patch(id, { title: "changed" });
  assert.equal(calls, 2);
  assert.equal(live.value!.at(-1)!.title, "changed");
  await db.delete(id);
  assert.equal(live.value!.length, known);
  assert.deepEqual(live.value, before);
  live.stop();
  await db.insert("tasks", task("after", { projectId: project }));
  assert.equal(calls, 3, "who has stopped is not called");
});

test("first, unique, take and count follow, too", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  for (const row of await of().collect()) await db.delete(row._id);
  const first = db.live(of(), "first");
  const unique = db.live(of(), "unique");
  const two = db.live(of().order("desc"), { take: 2 });
  const none = db.live(of(), { take: 0 });
  const count = db.live(of(), "count");
  const filtered = db.live(
    of().filter((q) => q.eq(q.field("title"), "b")),
    "count",
  );
  assert.deepEqual([first.value, unique.value, two.value, count.value, filtered.value], [null, null, [], 0, 0]);
  const a = await db.insert("tasks", task("a", { projectId: project }));
  assert.deepEqual([first.value?._id, unique.value?._id, count.value, filtered.value], [a, a, 1, 0]);
  const b = await db.insert("tasks", task("b", { projectId: project }));
  assert.equal(unique.status, "error");
  assert.match(String((unique.error as Error).message), /unique\(\) query returned more than one result/);
  assert.equal(unique.value?._id, a, "what it was before stays there");
  assert.deepEqual(
    two.value!.map((row) => row._id),
    [b, a],
  );
  assert.deepEqual([count.value, filtered.value, none.value], [2, 1, []]);
  const ids = await db.insertMany(
    "tasks",
    Array.from({ length: 50 }, (_, n) => task(`t${n}`, { projectId: project })),
  );
  assert.deepEqual(
    two.value!.map((row) => row._id),
    [ids[49], ids[48]],
  );
  for (const id of ids.reverse()) await db.delete(id);
  assert.deepEqual(
    two.value!.map((row) => row._id),
    [b, a],
  );
  await db.delete(a);
  assert.deepEqual([first.value?._id, unique.value?._id, unique.status, count.value], [b, b, "ready", 1]);
});

test("a function's result follows what it has read, and keeps what is equal", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  await db.insert("tasks", task("there", { projectId: project }));
  let runs = 0;
  const live = db.live(async (ctx) => {
    runs += 1;
    const tasks = await ctx.db
      .query("tasks")
      .withIndex("by_project", (q) => q.eq("projectId", project))
      .collect();
    return { titles: tasks.map((each) => each.title), tasks, stamp: new Date(0).toISOString() };
  });
  assert.equal(live.status, "loading");
  await ready(live);
  assert.equal(runs, 1);
  const before = live.value!;
  const id = await db.insert("tasks", task("one more", { projectId: project }));
  await ready(live);
  assert.equal(runs, 2);
  assert.equal(live.value!.titles.at(-1), "one more");
  assert.equal(live.value!.tasks[0], before.tasks[0], "equal documents are the same");
  // What changes nothing for it makes nothing new.
  const value = live.value;
  await db.insert("users", { betterAuthId: "s", email: "x@y.test", createdAt: 1 });
  await turn();
  assert.equal(runs, 2);
  await db.patch(id, { title: "one more" });
  await ready(live);
  assert.equal(live.value, value, "an equal result is the same object");
});

test("all that a commit changes is there before anybody is told", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  const [rows, count] = [db.live(of()), db.live(of(), "count")];
  const seen: [number, number][] = [];
  const look = () => seen.push([rows.value!.length, count.value!]);
  rows.subscribe(look);
  count.subscribe(look);
  const start = count.value!;
  await db.mutate(async (ctx) => {
    await ctx.db.insert("tasks", task("x", { projectId: project }));
    await ctx.db.insert("tasks", task("y", { projectId: project }));
  });
  assert.deepEqual(seen, [
    [start + 2, start + 2],
    [start + 2, start + 2],
  ]);
});

test("callbacks are never inside each other, and one that throws harms no other", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const live = db.live(db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project)));
  let depth = 0;
  let calls = 0;
  const thrown: unknown[] = [];
  const host = globalThis as { reportError?: (error: unknown) => void };
  host.reportError = (error) => thrown.push(error);
  t.after(() => delete host.reportError);
  live.subscribe(() => {
    throw new Error("mine");
  });
  live.subscribe(() => {
    assert.equal(depth, 0);
    depth += 1;
    calls += 1;
    if (calls < 4) void db.insert("tasks", task(`from a callback ${calls}`, { projectId: project }));
    depth -= 1;
  });
  await db.insert("tasks", task("begin", { projectId: project }));
  for (let n = 0; n < 20; n += 1) await turn();
  assert.equal(calls, 4);
  assert.equal(thrown.length, 4);
});

test("what is asked for may be long", async (t) => {
  const db = await open(t);
  const { project, task } = await seed(db);
  const long = "é😀".repeat(100_000);
  await db.insert("tasks", task("found", { projectId: project, description: long }));
  const found = (text: string) =>
    db.live(
      db.query("tasks").filter((q) => q.eq(q.field("description"), text)),
      "count",
    );
  const [one, other] = [found(long), found(`${long}.`)];
  assert.deepEqual([one.value, other.value], [1, 0]);
});

test("the same query is one, and is kept a while when nobody holds it", async (t) => {
  const db = await open(t);
  const { project } = await seed(db);
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  const one = db.live(of());
  assert.equal(db.live(of()).snapshot, one.snapshot);
  one.stop();
  assert.equal(db.live(of()).snapshot, one.snapshot);
  assert.notEqual(db.live(of().order("desc")).value, one.value);
});

test("what can't be followed says so", async (t) => {
  const db = await open(t);
  const wrong = (action: () => unknown) => {
    try {
      action();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return "nothing";
  };
  assert.equal(
    wrong(() => db.live(7 as never)),
    "InvalidArgument",
  );
  assert.equal(
    wrong(() => db.live(db.query("tasks"), "some" as never)),
    "InvalidArgument",
  );
  assert.equal(
    wrong(() => db.live(db.query("tasks"), { take: -1 })),
    "InvalidArgument",
  );
  const nowhere = db.live(db.query("nowhere" as never));
  assert.equal(nowhere.status, "error");
  assert.equal((nowhere.error as { code: string }).code, "TableNotFound");
  const failing = db.live(() => {
    throw new Error("mine");
  });
  await ready(failing);
  assert.equal(failing.status, "error");
  assert.equal((failing.error as Error).message, "mine");
  await db.close();
  assert.equal((failing.error as { code: string }).code, "DatabaseClosed");
  assert.equal(
    wrong(() => db.live(db.query("tasks"))),
    "DatabaseClosed",
  );
});

test("reads that answer at once", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const id = await db.insert("tasks", task("now", { projectId: project }));
  assert.equal(db.now.get(id), await db.get(id));
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  assert.deepEqual(db.now.query(of()), await of().collect());
  assert.equal(db.now.query(of(), "count"), await of().count());
  assert.deepEqual(db.now.query(of().order("desc"), "first"), await of().order("desc").first());
  assert.deepEqual(db.now.query(of(), { take: 1 }), await of().take(1));
  await db.delete(id);
  assert.equal(db.now.get(id), null);
});

test("pages of a function keep their ends", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const of = () => db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  for (const row of await of().collect()) await db.delete(row._id);
  const ids = await db.insertMany(
    "tasks",
    Array.from({ length: 10 }, (_, n) => task(`t${n}`, { projectId: project, status: "todo" })),
  );
  const page = (cursor: string | null) =>
    db.live((ctx) =>
      ctx.db
        .query("tasks")
        .withIndex("by_project", (q) => q.eq("projectId", project))
        .paginate({ numItems: 4, cursor }),
    );
  const first = page(null);
  await ready(first);
  const second = page(first.value!.continueCursor);
  await ready(second);
  assert.deepEqual(
    [...first.value!.page, ...second.value!.page].map((row) => row._id),
    ids.slice(0, 8),
  );
  const end = first.value!.continueCursor;
  await db.delete(ids[1]!);
  await ready(first);
  assert.equal(first.value!.continueCursor, end, "the page ends where it ended");
  assert.deepEqual(
    [...first.value!.page, ...second.value!.page].map((row) => row._id),
    ids.filter((_, n) => n !== 1 && n < 8),
  );
});

test("what a function answers follows even if it is no plain object", async (t) => {
  const db = await open(t);
  await seed(db);
  class Titles {
    constructor(readonly list: string[]) {}
    text() {
      return this.list.join();
    }
  }
  const titles = async (ctx: Parameters<Parameters<typeof db.read>[0]>[0]) =>
    (await ctx.db.query("users").collect()).map((user) => user.email);
  const map = db.live(async (ctx) => new Map((await titles(ctx)).map((email) => [email, 1])));
  const set = db.live(async (ctx) => new Set(await titles(ctx)));
  const date = db.live(async (ctx) => ({ at: new Date((await titles(ctx)).length) }));
  const bytes = db.live(async (ctx) => new Uint8Array([(await titles(ctx)).length]));
  const own = db.live(async (ctx) => new Titles(await titles(ctx)));
  for (const live of [map, set, date, bytes, own]) await ready(live);
  await db.insert("users", { betterAuthId: "s", email: "x@y.test", createdAt: 1 });
  for (const live of [map, set, date, bytes, own]) await ready(live);
  assert.deepEqual([map.value!.size, set.value!.size, date.value!.at.getTime(), bytes.value![0]], [2, 2, 2, 2]);
  assert.ok(bytes.value instanceof Uint8Array);
  assert.equal(own.value!.text(), "ada@example.test,x@y.test");
  const endless = db.live(async (ctx) => {
    const one: { many: number; self?: unknown } = { many: (await titles(ctx)).length };
    one.self = one;
    return one;
  });
  await ready(endless);
  await db.insert("users", { betterAuthId: "t", email: "z@y.test", createdAt: 1 });
  await ready(endless);
  assert.match(String(endless.error), /RangeError/, "it is told");
});

test("a query and a function that read the same change together", async (t) => {
  const db = await open(t);
  await seed(db);
  const count = db.live(db.query("users"), "count");
  const slow = db.live(async (ctx) => {
    let sum = 0;
    for await (const _ of ctx.db.query("users")) sum += 1;
    for (let steps = 0; steps < 20; steps += 1) await Promise.resolve();
    return sum;
  });
  await ready(slow);
  const seen: string[] = [];
  for (const live of [count, slow]) live.subscribe(() => seen.push(`${count.value} ${slow.value} ${slow.status}`));
  const insert = (id: string) => db.insert("users", { betterAuthId: id, email: "x@y.test", createdAt: 1 });
  for (let n = 0; n < 5; n += 1) {
    await insert(`${n}`);
    await ready(slow);
  }
  assert.deepEqual(
    seen,
    [2, 3, 4, 5, 6].flatMap((n) => [`${n} ${n} ready`, `${n} ${n} ready`]),
  );
  // Many at once, of which the function meets some in the middle of its run.
  await Promise.all(["a", "b", "c"].map(insert));
  await ready(slow);
  for (const pair of seen) assert.match(pair, /^(\d+) \1 ready$/);
  assert.equal(slow.value, 9);

  // One that waits for something else keeps nobody waiting.
  let go!: () => void;
  const gate = new Promise<void>((resolve) => (go = resolve));
  let isLate = false;
  const late = db.live(async (ctx) => {
    const users = await ctx.db.query("users").collect();
    if (isLate) await gate;
    return users.length;
  });
  await ready(late);
  isLate = true;
  await db.insert("users", { betterAuthId: "late", email: "x@y.test", createdAt: 1 });
  await turn();
  assert.deepEqual([count.value, late.value, late.status], [10, 9, "updating"]);
  // Nor does it when more changes, while it still waits.
  void insert("later");
  for (let steps = 0; steps < 200; steps += 1) await Promise.resolve();
  assert.deepEqual([count.value, late.value, late.status], [11, 9, "updating"]);
  go();
  await ready(late);
  assert.equal(late.value, 11);
  // A query that is new has its value at once, whoever is waited for.
  void insert("last");
  assert.equal(slow.status, "updating");
  const fresh = db.live(db.query("users").withIndex("by_creation_time"), "count");
  assert.deepEqual([fresh.value, fresh.status], [12, "ready"]);
});
