// Lists that are loaded page by page: without gaps or duplicates, whatever comes and goes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { livePages } from "../../ts/pages.js";
import { freshName } from "../fixtures/database.js";

const schema = defineSchema({ things: defineTable({ n: v.number() }).index("by_n", ["n"]) });

/** Numbers that look random and are the same every time. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2654435761;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822507) + 3266489909) >>> 0;
    return state % below;
  };
}

const settled = async (pages: { status: string; subscribe(callback: () => void): () => void }) => {
  for (let turns = 0; turns < 50; turns += 1) await Promise.resolve();
  for (let turns = 0; turns < 200 && pages.status.startsWith("Loading"); turns += 1)
    await new Promise((resolve) => setTimeout(resolve));
};

for (const order of ["asc", "desc"] as const) {
  test(`pages are a prefix of what there is (${order})`, async (t) => {
    let grown = 0;
    for (let seed = 1; seed <= 12; seed += 1) {
      const random = numbers(seed);
      const db = await openDatabase({ name: freshName(), schema, storage: "memory" });
      t.after(() => db.close());
      const all = () => db.query("things").withIndex("by_n").order(order);
      await db.insertMany(
        "things",
        Array.from({ length: random(40) }, () => ({ n: random(100) })),
      );
      const pages = livePages(db, all(), { initialNumItems: 1 + random(5) });
      const stop = pages.subscribe(() => undefined);
      for (let step = 0; step < 60; step += 1) {
        const there = await all().collect();
        switch (random(6)) {
          case 0:
            pages.loadMore(1 + random(6));
            break;
          case 1:
            if (there.length > 0) await db.delete(there[random(there.length)]!._id);
            break;
          case 2:
            if (there.length > 0) await db.patch(there[random(there.length)]!._id, { n: random(100) });
            break;
          default:
            await db.insert("things", { n: random(100) });
        }
        await settled(pages);
        assert.equal(pages.error, undefined);
        const now = await all().collect();
        const shown = pages.results.map((row) => row._id);
        assert.deepEqual(
          shown,
          now.slice(0, shown.length).map((row) => row._id),
          `seed ${seed}, step ${step}`,
        );
        if (pages.status === "Exhausted") assert.equal(shown.length, now.length);
        grown = Math.max(grown, shown.length);
      }
      stop();
    }
    assert.ok(grown > 20, "long lists were looked at");
  });
}

test("what nobody listens to is read again when somebody does", async (t) => {
  const db = await openDatabase({ name: freshName(), schema, storage: "memory" });
  t.after(() => db.close());
  await db.insertMany("things", [{ n: 1 }, { n: 2 }, { n: 3 }]);
  const pages = livePages(db, db.query("things").withIndex("by_n"), { initialNumItems: 2 });
  let calls = 0;
  const end = pages.subscribe(() => (calls += 1));
  await settled(pages);
  assert.deepEqual([pages.results.map((row) => row.n), pages.status], [[1, 2], "CanLoadMore"]);
  end();
  const heard = calls;
  await db.insert("things", { n: 0 });
  assert.equal(calls, heard);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.timers.tick(6000);
  t.mock.timers.reset();
  pages.subscribe(() => (calls += 1));
  await settled(pages);
  await settled(pages);
  assert.deepEqual(pages.results.map((row) => row.n).slice(0, 2), [0, 1]);
});

test("a list that nobody listened to for some time has no gaps and no duplicates", async (t) => {
  const db = await openDatabase({ name: freshName(), schema, storage: "memory" });
  t.after(() => db.close());
  await db.insertMany(
    "things",
    Array.from({ length: 40 }, (_, n) => ({ n })),
  );
  const all = () => db.query("things").withIndex("by_n");
  const pages = livePages(db, all(), { initialNumItems: 10 });
  let stop = pages.subscribe(() => undefined);
  await settled(pages);
  for (let times = 0; times < 2; times += 1) {
    pages.loadMore(10);
    await settled(pages);
  }
  for (const change of ["insert", "delete"]) {
    stop();
    // Longer than a result is kept that nobody follows.
    await new Promise((resolve) => setTimeout(resolve, 5_300));
    const five = (await all().collect()).slice(2, 7);
    if (change === "insert")
      await db.insertMany(
        "things",
        Array.from({ length: 5 }, (_, n) => ({ n: 2.1 + n / 10 })),
      );
    else for (const thing of five) await db.delete(thing._id);
    stop = pages.subscribe(() => undefined);
    await settled(pages);
    const there = (await all().collect()).slice(0, pages.results.length);
    assert.deepEqual(
      pages.results.map((thing) => thing.n),
      there.map((thing) => thing.n),
      change,
    );
    assert.ok(pages.results.length >= 25);
  }
});

test("what is told of pages is told afterwards, and not inside itself", async (t) => {
  const db = await openDatabase({ name: freshName(), schema, storage: "memory" });
  t.after(() => db.close());
  await db.insertMany(
    "things",
    Array.from({ length: 12 }, (_, n) => ({ n })),
  );
  const pages = livePages(db, db.query("things").withIndex("by_n"), { initialNumItems: 3 });
  await settled(pages);
  let [depth, deepest, calls] = [0, 0, 0];
  pages.subscribe(() => {
    calls += 1;
    depth += 1;
    deepest = Math.max(deepest, depth);
    if (pages.status === "CanLoadMore") pages.loadMore(3);
    depth -= 1;
  });
  const before = calls;
  pages.loadMore(3);
  assert.equal(calls, before, "not before `loadMore` returns");
  for (let turns = 0; turns < 50 && pages.results.length < 12; turns += 1) await settled(pages);
  assert.equal(pages.results.length, 12);
  assert.equal(deepest, 1);
});

test("a list without a number of documents to begin with says what it wants", async (t) => {
  const db = await openDatabase({ name: freshName(), schema, storage: "memory" });
  t.after(() => db.close());
  const begin = livePages as (...args: unknown[]) => unknown;
  const refused: [unknown, string][] = [
    [undefined, "undefined"],
    [null, "undefined"],
    [{ initialNumItems: 0 }, "0"],
    [{ initialNumItems: "2" }, '"2"'],
  ];
  for (const [options, given] of refused) {
    assert.throws(() => begin(db, db.query("things"), options), {
      code: "InvalidArgument",
      message: `\`options.initialNumItems\` must be a positive integer. Received ${given}.`,
    });
  }
});
