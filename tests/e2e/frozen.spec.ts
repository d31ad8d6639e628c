// A tab that the browser freezes keeps its locks, and its transactions stay open: others go on all the same, and it catches
// up when it wakes.
import { expect, test } from "@playwright/test";
import { freeze, openPage, withBrowser } from "./own_browser.js";
import { open, type Tab } from "./tab.js";

declare global {
  var outcome: { live: { value?: { title: string }[]; status: string }; codes: string[] };
  var moment: () => void;
}

/** How long others may take for a write although one sleeps. */
const SOON_MS = 5_000;

/** Writes in a tab, and asks what it sees. */
const write = (page: Tab, title: string) =>
  page.evaluate(
    async ({ title, soon }) => {
      const late = sleep(soon).then(() => "too late");
      return Promise.race([codeOf(db.insert("tasks", { title, n: 1 })), late]);
    },
    { title, soon: SOON_MS },
  );

/** What a sleeping tab has begun: a write, whose outcome it will know. */
const WRITES = 6;
const beginWrites = (page: Tab) =>
  page.evaluate((writes) => {
    const live = db.live(db.query("tasks").withIndex("by_title"));
    globalThis.outcome = { live, codes: [] };
    live.subscribe(() => undefined);
    void (async () => {
      for (let n = 1; n <= writes; n += 1)
        outcome.codes.push(await codeOf(db.insert("tasks", { title: `sleeper ${n}`, n })));
    })();
  }, WRITES);

/**
 * The page stands still in the moment in which it does something, so that the browser can freeze it right there: the
 * test hears of it by the console, and has a while to do so.
 */
const stopAt = (page: Tab, what: string) =>
  page.evaluate((what) => {
    globalThis.moment = () => {
      moment = () => undefined;
      const end = performance.now() + 700;
      console.log("the moment");
      while (performance.now() < end);
    };
    const prototypes = {
      getAll: IDBObjectStore.prototype,
      get: IDBObjectStore.prototype,
      add: IDBObjectStore.prototype,
      put: IDBObjectStore.prototype,
      openKeyCursor: IDBObjectStore.prototype,
      commit: IDBTransaction.prototype,
    } as unknown as Record<string, Record<string, (...args: unknown[]) => unknown>>;
    const [method, store] = what.split(" ");
    const prototype = prototypes[method!]!;
    const original = prototype[method!]!;
    prototype[method!] = function (this: { name: string }, ...args: unknown[]) {
      const answer = original.apply(this, args);
      if (store === undefined || this.name === store) moment();
      return answer;
    };
  }, what);

const moments: Record<string, { stop: string; set?: string }> = {
  "a write is on its way": { stop: "add log" },
  "it reads the log before it writes": { stop: "getAll log", set: "stale" },
  "it draws the number of a checkpoint": { stop: "get meta", set: "checkpoint" },
  "it writes pages": { stop: "put pages", set: "checkpoint" },
  "it puts a checkpoint in force": { stop: "openKeyCursor meta", set: "checkpoint" },
};

for (const [name, { stop, set }] of Object.entries(moments)) {
  test(`a tab that is frozen while ${name} makes nobody wait`, async () => {
    await withBrowser(async (running) => {
      const sleeper = await openPage(running);
      await open(sleeper, set === "checkpoint" ? { tuning: { checkpointLogRecords: 4, idleMs: 100 } } : {});
      const other = await openPage(running);
      await open(other);
      expect(await sleeper.evaluate(() => document.visibilityState)).toBe("hidden");
      if (set === "stale") {
        // Whoever has not looked at the log for long begins with that.
        await sleeper.evaluate(() => {
          const { now } = Date;
          Date.now = () => now() + 11_000;
        });
      }
      await stopAt(sleeper, stop);
      const atMoment = new Promise((resolve) => sleeper.on("console", resolve));
      const begun = beginWrites(sleeper).catch(() => undefined);
      await atMoment;
      const wake = await freeze(sleeper);
      await begun;
      // Enough for checkpoints of the others.
      const codes = [];
      for (let n = 0; n < 12; n += 1) codes.push(await write(other, `while it sleeps ${n}`));
      expect(codes).toEqual(Array(12).fill("no error"));
      const third = await openPage(running);
      await open(third, { tuning: { checkpointLogRecords: 4, idleMs: 100 } });
      expect(await write(third, "third")).toBe("no error");
      await third.evaluate(() => until(() => db.stats().generation > 0 && db.stats().logRecords < 4));
      await wake();
      const seen = await sleeper.evaluate(async (writes) => {
        await until(() => outcome.codes.length === writes);
        await until(
          () => outcome.live.status === "ready" && outcome.live.value!.some(({ title }) => title === "third"),
        );
        const titles = (await db.query("tasks").withIndex("by_title").collect()).map(({ title }) => title);
        const shown = outcome.live.value!.map(({ title }) => title);
        const problems = (await db.verify()).problems;
        await db.insert("tasks", { title: "zzz awake", n: 1 });
        return { codes: outcome.codes, titles, shown, problems };
      }, WRITES);
      expect(seen.codes).toEqual(Array(WRITES).fill("no error"));
      const own = Array.from({ length: WRITES }, (_, n) => `sleeper ${n + 1}`);
      expect(seen.titles.filter((title) => title.startsWith("sleeper"))).toEqual(own);
      expect(seen.titles.filter((title) => title.startsWith("while"))).toHaveLength(12);
      expect(seen.shown).toEqual(seen.titles);
      expect(seen.problems).toEqual([]);
    });
  });
}

test("news do not make a frozen tab begin what others have to wait for", async () => {
  await withBrowser(async (running) => {
    const sleeper = await openPage(running);
    await open(sleeper);
    const other = await openPage(running);
    await open(other);
    await sleeper.evaluate(() => {
      const live = db.live(db.query("tasks").withIndex("by_title"));
      globalThis.outcome = { live, codes: [] };
      live.subscribe(() => undefined);
    });
    const wake = await freeze(sleeper);
    const codes = [];
    for (let n = 0; n < 6; n += 1) {
      codes.push(await write(other, `n${n}`));
      // Longer than the pause between two announcements, so that the sleeper is told of each.
      await other.evaluate(() => sleep(30));
    }
    expect(codes).toEqual(Array(6).fill("no error"));
    await wake();
    await sleeper.evaluate(() => until(() => outcome.live.value?.length === 6));
  });
});

test("a frozen tab that holds the maintenance lock keeps nobody from checkpoints and indexes", async () => {
  await withBrowser(async (running) => {
    const sleeper = await openPage(running);
    await open(sleeper, { tuning: { checkpointLogRecords: 4, idleMs: 100 } });
    const other = await openPage(running);
    await open(other);
    // It is frozen in the middle of a slice of pages, with the lock.
    await stopAt(sleeper, "put pages");
    const atMoment = new Promise((resolve) => sleeper.on("console", resolve));
    const writing = sleeper.evaluate(async () => {
      for (let n = 0; n < 8; n += 1) await db.insert("tasks", { title: "t", n, text: `x${n}` });
    });
    writing.catch(() => undefined);
    await atMoment;
    const wake = await freeze(sleeper);
    const third = await openPage(running);
    const found = await third.evaluate(async () => {
      // A schema with an index more has to be built, under the same lock.
      const more = await openMore();
      const rows = await more.query("tasks").withIndex("by_text").collect();
      return rows.length;
    });
    expect(found).toBeGreaterThanOrEqual(3);
    await wake();
    await writing;
    expect(await sleeper.evaluate(async () => [await db.query("tasks").count(), (await db.verify()).problems])).toEqual(
      [8, []],
    );
  });
});
