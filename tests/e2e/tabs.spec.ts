// Several tabs: opened at the same moment, crashed in the middle of a commit, hidden, of two versions of an app.
import { expect, test } from "@playwright/test";
import { crash, openPage, processesOf, withBrowser } from "./own_browser.js";
import { open, type Tab, tab } from "./tab.js";

declare global {
  var seen: { at: number; titles: string[] }[];
  var statuses: string[];
  var acknowledged: string[];
}

// ---- opened at the same moment ----

const TABS = 8;

test("eight tabs that open a database at the same moment make it once, and all write", async ({ context }) => {
  const tabs = [];
  for (let n = 0; n < TABS; n += 1) tabs.push(await tab(context));
  const at = Date.now() + 500;
  const counts = tabs.map((page, n) =>
    page.evaluate(
      async ({ n, at, tabs }) => {
        await until(() => Date.now() >= at);
        globalThis.db = await openTasks();
        await db.insert("tasks", { title: `t${n}`, n });
        await until(async () => (await db.query("tasks").count()) === tabs);
        return db.stats().sequence;
      },
      { n, at, tabs: TABS },
    ),
  );
  // The schema is one record, whoever brought it.
  const sequences = await Promise.all(counts);
  expect(Math.max(...sequences)).toBeLessThanOrEqual(TABS + 1);
  expect((await tabs[0]!.evaluate(() => db.verify())).problems).toEqual([]);
});

test("eight tabs that open a database which needs maintenance share it", async ({ context }) => {
  const first = await tab(context);
  await first.evaluate(async () => {
    const db = await openTasks();
    for (let n = 0; n < 40; n += 1) await db.insert("tasks", { title: `t${n}`, n, text: `x${n}` });
    await db.close();
  });
  const tabs = [];
  for (let n = 0; n < TABS; n += 1) tabs.push(await tab(context));
  const at = Date.now() + 500;
  const found = await Promise.all(
    tabs.map((page) =>
      page.evaluate(async (at) => {
        await until(() => Date.now() >= at);
        // A schema with an index more, and a log that is due for the tree.
        const more = await openMore({ tuning: { checkpointLogRecords: 10, idleMs: 50 } });
        globalThis.db = more as never;
        const rows = await more.query("tasks").withIndex("by_text").collect();
        await until(() => more.stats().generation > 0 && more.stats().logRecords < 10);
        return rows.length;
      }, at),
    ),
  );
  expect(found).toEqual(Array(TABS).fill(40));
  expect((await tabs[0]!.evaluate(() => db.verify())).problems).toEqual([]);
});

// ---- crashed ----

const ends: Record<string, (page: Tab, own: number[]) => Promise<unknown>> = {
  "its renderer crashes": (page) => crash(page),
  "its process is killed": (page, own) => {
    const crashed = new Promise((resolve) => page.once("crash", resolve));
    for (const pid of own) process.kill(pid, "SIGKILL");
    return crashed;
  },
  "it is discarded": (page) => page.close({ runBeforeUnload: false }),
};
for (const [how, end] of Object.entries(ends)) {
  test(`a tab that ends in the middle of its commits leaves whole ones, and others go on: ${how}`, async () => {
    await withBrowser(async (running) => {
      const other = await openPage(running);
      await open(other, { tuning: { idleMs: 20, checkpointLogRecords: 20 } });
      const others = processesOf(running, "--type=renderer");
      const page = await openPage(running);
      // A page on its own: Chromium gives one site's tabs one process only when it has many.
      const own = processesOf(running, "--type=renderer").filter((pid) => !others.includes(pid));
      expect(own.length).toBeGreaterThan(0);
      const acknowledged: string[] = [];
      await page.exposeFunction("acknowledge", (title: string) => void acknowledged.push(title));
      await open(page, { tuning: { idleMs: 20, checkpointLogRecords: 20 } });
      await other.evaluate(() => {
        globalThis.acknowledged = [];
        const live = db.live(db.query("tasks").withIndex("by_title"));
        Object.assign(globalThis, { live });
        live.subscribe(() => undefined);
        void (async () => {
          for (let n = 0; ; n += 1) {
            await db.insert("tasks", { title: `other ${n}`, n });
            acknowledged.push(`other ${n}`);
          }
        })();
      });
      await page.evaluate(() => {
        const { acknowledge } = globalThis as unknown as { acknowledge: (title: string) => Promise<void> };
        const many = (title: string) => [0, 1, 2].map((n) => ({ title, n, text: "x".repeat(2_000) }));
        void (async () => {
          for (let n = 0; ; n += 1) {
            await db.insertMany("tasks", many(`page ${n}`));
            await acknowledge(`page ${n}`);
          }
        })();
      });
      await expect.poll(() => acknowledged.length).toBeGreaterThan(30);
      await end(page, own);
      const before = await other.evaluate(() => acknowledged.length);
      await other.evaluate((before) => until(() => acknowledged.length > before + 30), before);
      const found = await other.evaluate(async () => {
        const { live } = globalThis as unknown as { live: { value: { _id: string }[] } };
        const mine = [...acknowledged];
        const result = await db.read(async (ctx) => ({
          rows: await ctx.db.query("tasks").withIndex("by_title").collect(),
          shown: live.value.map((row) => row._id),
        }));
        const titles: Record<string, number> = {};
        for (const { title } of result.rows) titles[title] = (titles[title] ?? 0) + 1;
        const missing = result.rows.filter((row) => !result.shown.includes(row._id)).length;
        return { titles, missing, mine, problems: (await db.verify()).problems };
      });
      for (const title of [...acknowledged, ...found.mine]) expect(found.titles).toHaveProperty([title]);
      for (const [title, count] of Object.entries(found.titles)) {
        expect(count, title).toBe(title.startsWith("page") ? 3 : 1);
      }
      expect(found.missing).toBe(0);
      expect(found.problems).toEqual([]);
      const next = await openPage(running);
      await open(next);
      expect(await next.evaluate(async () => (await db.verify()).problems)).toEqual([]);
    });
  });
}

// ---- hidden ----

test("another tab's commit reaches live queries of a hidden tab in milliseconds", async () => {
  await withBrowser(async (running) => {
    const hidden = await openPage(running);
    await open(hidden);
    const writer = await openPage(running);
    await open(writer);
    await hidden.evaluate(() => {
      globalThis.seen = [];
      const live = db.live(db.query("tasks").withIndex("by_n"));
      Object.assign(globalThis, { live });
      live.subscribe(() => seen.push({ at: Date.now(), titles: live.value!.map((task) => task.title) }));
    });
    expect(await hidden.evaluate(() => document.visibilityState)).toBe("hidden");
    const took: number[] = [];
    for (let n = 0; n < 30; n += 1) {
      const saved = await writer.evaluate(async (n) => {
        await db.insert("tasks", { title: `t${n}`, n });
        return Date.now();
      }, n);
      await expect
        .poll(() => hidden.evaluate((n) => seen.some(({ titles }) => titles.includes(`t${n}`)), n))
        .toBe(true);
      const at = await hidden.evaluate((n) => seen.find(({ titles }) => titles.includes(`t${n}`))!.at, n);
      took.push(at - saved);
    }
    took.sort((a, b) => a - b);
    const median = took[took.length / 2]!;
    console.log(`A hidden tab's live query hears of a commit after ${median} ms (median), ${took.at(-1)} ms at most.`);
    expect(median).toBeLessThan(50);
  });
});

// ---- two versions of an app ----

for (const order of ["the older one first", "the newer one first"]) {
  test(`two schemas are open at once, with live queries in both: ${order}`, async ({ context }) => {
    const [older, newer] = [await tab(context), await tab(context)];
    const openOlder = () =>
      older.evaluate(async () => {
        // It has an index and a table that the other does not have.
        const before = await openBefore();
        globalThis.db = before as never;
        globalThis.statuses = [];
        await before.insert("notes", { text: "old" });
        await before.insert("tasks", { title: "from the older", n: 1 });
        const live = {
          rows: before.live(before.query("tasks").withIndex("by_n")),
          byTitle: before.live(before.query("tasks").withIndex("by_title")),
          notes: before.live(before.query("notes")),
        };
        Object.assign(globalThis, { live });
        for (const one of Object.values(live)) one.subscribe(() => undefined);
      });
    const openNewer = () =>
      newer.evaluate(async () => {
        // Without the table, without the index by title, with one by text.
        const after = await openAfter();
        globalThis.db = after as never;
        await after.insert("tasks", { title: "from the newer", n: 2, text: "t" });
        const live = {
          rows: after.live(after.query("tasks").withIndex("by_n")),
          byText: after.live(after.query("tasks").withIndex("by_text")),
        };
        Object.assign(globalThis, { live });
        for (const one of Object.values(live)) one.subscribe(() => undefined);
      });
    if (order === "the older one first") {
      await openOlder();
      await openNewer();
    } else {
      await openNewer();
      await openOlder();
    }
    for (const page of [older, newer]) {
      await page.evaluate(async () => {
        const { live } = globalThis as unknown as { live: { rows: { value?: unknown[]; status: string } } };
        await until(() => live.rows.value?.length === 2 && live.rows.status === "ready");
      });
    }
    const settled = (page: typeof older) =>
      page.evaluate(async () => {
        type Live = { value?: { title?: string; text?: string }[]; status: string; error?: { code?: string } };
        const { live } = globalThis as unknown as { live: Record<string, Live> };
        await until(() => Object.values(live).every(({ status }) => status === "ready" || status === "error"));
        const result: Record<string, unknown> = {};
        for (const [name, { value, status, error }] of Object.entries(live)) {
          result[name] =
            status === "error" ? error?.code : (value ?? []).map(({ title, text }) => title ?? text).sort();
        }
        return result;
      });
    const both = ["from the newer", "from the older"];
    const [ofOlder, ofNewer] = [await settled(older), await settled(newer)];
    // Who came last has all; the other one's queries of what is gone say so.
    const gone = "SchemaChanged";
    if (order === "the older one first") {
      expect(ofOlder).toEqual({ rows: both, byTitle: gone, notes: gone });
      expect(ofNewer).toEqual({ rows: both, byText: both });
    } else {
      expect(ofOlder).toEqual({ rows: both, byTitle: both, notes: ["old"] });
      expect(ofNewer).toEqual({ rows: both, byText: gone });
    }
    // Each goes on writing, and both follow.
    const codes = [
      await older.evaluate(() => codeOf(db.insert("tasks", { title: "again older", n: 3 }))),
      await newer.evaluate(() => codeOf(db.insert("tasks", { title: "again newer", n: 4 }))),
    ];
    expect(codes).toEqual(["no error", "no error"]);
    for (const page of [older, newer]) {
      await page.evaluate(async () => {
        const { live } = globalThis as unknown as { live: { rows: { value?: unknown[] } } };
        await until(() => live.rows.value?.length === 4);
      });
      expect(await page.evaluate(async () => (await db.verify()).problems)).toEqual([]);
    }
  });
}

test("what a tab saved that could not announce it any more shows when another one is looked at", async ({
  context,
}) => {
  const [ended, other] = [await tab(context), await tab(context)];
  await open(ended);
  await open(other);
  await ended.evaluate(() => {
    BroadcastChannel.prototype.postMessage = () => undefined;
    return db.insert("tasks", { title: "the last", n: 1 });
  });
  await ended.close();
  const titles = await other.evaluate(async () => {
    const live = db.live(db.query("tasks"));
    live.subscribe(() => undefined);
    const titles = () => live.value?.map(({ title }) => title);
    await until(() => live.status === "ready");
    const before = titles();
    // A page in front that comes to the front again.
    document.dispatchEvent(new Event("visibilitychange"));
    await until(() => titles()!.length > 0);
    return [before, titles()];
  });
  expect(titles).toEqual([[], ["the last"]]);
});
