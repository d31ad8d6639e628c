// How safe what was written is, as a value that one can watch.
import { expect, test } from "@playwright/test";
import { open, tab } from "./tab.js";

test("what is written is pending, then saved; storage that fails is degraded until it works again", async ({
  context,
}) => {
  const page = await tab(context);
  await open(page);
  const states = await page.evaluate(async () => {
    const states: string[] = [db.durability.state];
    db.durability.subscribe(() => {
      const { state, reason } = db.durability;
      const word = `${state}${state === "degraded" ? ` ${reason?.code}` : ""}`;
      if (states.at(-1) !== word) states.push(word);
    });
    await db.insert("tasks", { title: "one", n: 1 });
    await until(() => db.durability.state === "saved");
    const end = abortAfter("add", "log", "QuotaExceededError");
    const code = await codeOf(db.insert("tasks", { title: "two", n: 2 }));
    await until(() => db.durability.state === "degraded");
    end();
    const seen = (await db.query("tasks").collect()).map((task) => task.title).join(" ");
    await db.insert("tasks", { title: "three", n: 3 });
    await until(() => db.durability.state === "saved");
    await db.durability.refresh();
    const { usage, quota, persisted, pending, evictedAfterDays } = db.durability;
    states.push(`${code} ${seen} ${typeof usage} ${quota! > usage!} ${persisted} ${pending} ${evictedAfterDays}`);
    await db.close();
    await until(() => db.durability.state === "closed");
    return states;
  });
  expect(states).toEqual([
    "saved",
    "pending",
    "saved",
    "pending",
    "degraded QuotaExceeded",
    "saved",
    "QuotaExceeded one number true false 0 undefined",
    "closed",
  ]);
});

test("what is not saved yet is marked, document by document, and what fails takes along what stands on it", async ({
  context,
}) => {
  const page = await tab(context);
  await open(page);
  const seen = await page.evaluate(async () => {
    const seen: unknown[] = [];
    const kept = await db.insert("tasks", { title: "kept", n: 0 });
    let told = 0;
    const end = db.pending.subscribe(() => (told += 1));
    const heal = abortAfter("add", "log", "QuotaExceededError");
    const first = db.insert("tasks", { title: "first", n: 1 });
    const { _id: id } = db.now.query(db.query("tasks").withIndex("by_n").order("desc"), "first")!;
    seen.push(db.pending.has(id), db.pending.has(kept), db.pending.has("no id"));
    // It reads what will be taken back.
    let runs = 0;
    const second = db.mutate(async (ctx) => {
      runs += 1;
      const read = await ctx.db.get(id);
      await ctx.db.patch(kept, { title: read === null ? "on nothing" : `on ${read.title}` });
      if (read === null) throw new Error("What this stands on is gone.");
    });
    // The function waits for nothing but what is in memory.
    for (let steps = 0; steps < 100 && !db.pending.has(kept); steps += 1) await Promise.resolve();
    seen.push(db.now.get(kept)!.title, await codeOf(first), db.pending.has(id), await codeOf(second), runs);
    heal();
    seen.push(db.now.get(kept)!.title, db.pending.has(kept), told >= 3);
    end();
    const before = told;
    await db.insert("tasks", { title: "last", n: 2 });
    seen.push(told - before);
    return seen;
  });
  expect(seen).toEqual([
    ...[true, false, false],
    ...["on first", "QuotaExceeded", false, "Error: What this stands on is gone.", 2],
    ...["kept", false, true],
    0,
  ]);
});

test("a live query shows what is written before it is saved, and takes back what fails", async ({ context }) => {
  const page = await tab(context);
  await open(page);
  const seen = await page.evaluate(async () => {
    const live = db.live(db.query("tasks").withIndex("by_n"));
    const seen: string[] = [];
    live.subscribe(() => seen.push(live.value!.map((task) => task.title).join(" ")));
    await db.insert("tasks", { title: "kept", n: 1 });
    const end = abortAfter("add", "log", "QuotaExceededError");
    seen.push(await codeOf(db.insert("tasks", { title: "lost", n: 2 })));
    end();
    await until(() => live.value!.length === 1);
    await db.insert("tasks", { title: "next", n: 3 });
    return seen;
  });
  expect(seen).toEqual(["kept", "kept lost", "kept", "QuotaExceeded", "kept next"]);
});

test("a live query whose pages are not in memory loads, and then follows both tabs", async ({ context }) => {
  const first = await tab(context);
  await open(first, { tuning: { idleMs: 30 } });
  await first.evaluate(async () => {
    await db.insertMany(
      "tasks",
      Array.from({ length: 3000 }, (_, n) => ({ title: `t${n}`, n, text: "x".repeat(300) })),
    );
    await until(() => db.stats().generation > 0 && db.stats().logRecords === 0);
  });
  const second = await tab(context);
  await open(second, { budgets: { pageCacheBytes: 256 << 10, rowCacheBytes: 64 << 10 } });
  const before = await second.evaluate(async () => {
    const live = db.live(db.query("tasks").withIndex("by_n"));
    (globalThis as { live?: unknown }).live = live;
    const first = live.status;
    await until(() => live.status === "ready");
    return [first, live.value!.length, live.value!.every((task, n) => task.n === n)];
  });
  expect(before).toEqual(["loading", 3000, true]);
  await first.evaluate(() => db.insert("tasks", { title: "new", n: 1.5 }));
  const after = await second.evaluate(async () => {
    const { live } = globalThis as unknown as { live: { value: { title: string }[] } };
    await until(() => live.value.length === 3001);
    return live.value[2]!.title;
  });
  expect(after).toBe("new");
});
