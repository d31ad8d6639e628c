/** Live queries, and what tells of safety. */
import { check, codeOf, equal, inTree, tasks, until, upTo } from "./check.js";

check("a live query follows what this page writes, and what another connection has saved", async ({ open }) => {
  const [one, two] = [await open(), await open()];
  const live = one.live(one.query("tasks").withIndex("by_n", (q) => q.gte("n", 0)));
  const seen: string[] = [];
  live.subscribe(() => seen.push(live.value!.map(({ n }) => n).join(" ")));
  equal([live.status, live.value], ["ready", []]);
  const id = await one.insert("tasks", { title: "own", n: 2 });
  await until(() => seen.at(-1) === "2");
  const first = live.value![0];
  await two.insert("tasks", { title: "other's", n: 1 });
  await until(() => seen.at(-1) === "1 2");
  equal(live.value![1] === first, true, "Whether an unchanged document is the same object");
  await until(async () => (await two.get(id)) !== null);
  await two.patch(id, { n: 0 });
  await until(() => seen.at(-1) === "0 1");
  const value = live.value;
  await one.insert("tasks", { title: "not of the range", n: -1 });
  equal(live.value === value, true, "Whether an unchanged result is the same array");
  equal(seen, ["2", "1 2", "0 1"]);
  live.stop();
});

check(
  "a live query whose pages are on the disk loads them, and a function follows what it has read",
  async ({ open }) => {
    const old = await open({ tuning: { idleMs: 10 } });
    await old.insertMany("tasks", tasks(upTo(3_000), "x".repeat(300)));
    await inTree(old);
    await old.close();
    const db = await open({ budgets: { pageCacheBytes: 256 << 10, rowCacheBytes: 64 << 10 } });
    const live = db.live(db.query("tasks").withIndex("by_n"));
    equal(live.status, "loading");
    live.subscribe(() => undefined);
    await until(() => live.status === "ready");
    equal(
      live.value!.map(({ n }) => n),
      upTo(3_000),
    );
    const sum = db.live(async (ctx) => {
      const few = await ctx.db
        .query("tasks")
        .withIndex("by_n", (q) => q.lt("n", 3))
        .collect();
      return few.reduce((total, { n }) => total + n, 0);
    });
    sum.subscribe(() => undefined);
    await until(() => sum.value === 3);
    await db.insert("tasks", { title: "more", n: -10 });
    await until(() => sum.value === -7);
    equal(live.value!.length, 3_001);
    const { page } = await db.query("tasks").withIndex("by_n").paginate({ numItems: 1, cursor: null });
    equal(db.now.get(page[0]!._id)?.n, -10, "What is read at once");
  },
);

check("durability goes from saved to pending and back, and ends as closed", async ({ open }) => {
  const db = await open();
  const states: string[] = [db.durability.state];
  db.durability.subscribe(() => states.at(-1) === db.durability.state || states.push(db.durability.state));
  await db.insert("tasks", { title: "one", n: 1 });
  await until(() => db.durability.state === "saved");
  await db.close();
  await until(() => db.durability.state === "closed");
  equal(states, ["saved", "pending", "saved", "closed"]);
  equal(await codeOf(db.query("tasks").collect()), "DatabaseClosed");
});

check("a thousand writes at once are told of in a few batches, and none is dropped", async ({ open }) => {
  const [one, two] = [await open(), await open()];
  const lives = [one, two].map((db) => db.live(db.query("tasks"), "count"));
  let calls = 0;
  lives[0]!.subscribe(() => (calls += 1));
  lives[1]!.subscribe(() => undefined);
  await Promise.all(tasks(upTo(1_000)).map((task) => one.insert("tasks", task)));
  for (const live of lives) await until(() => live.value === 1_000);
  equal(calls <= 1_000, true);
  equal(one.durability.pending, 0);
});
