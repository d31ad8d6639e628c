// Random work in three tabs, with kills: at rest every live result is what a fresh query gives, what was acknowledged is
// there, and memory does not grow. 20 seconds of it; in `test:long`, ten minutes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { crash, kill, openPage, type Running, start } from "./own_browser.js";
import type { Tab } from "./tab.js";

declare global {
  var soak: { isResting: boolean; isIdle: boolean; check(): Promise<string[]>; errors: string[] };
}

const seconds = process.env["HOLDFAST_LONG"] === "1" ? 600 : 20;
const restEvery_ms = seconds > 60 ? 15_000 : 6_000;

/** What a tab does until it is told to rest. */
const work = (page: Tab, name: string, seed: number) =>
  page.evaluate(
    async ({ name, seed }) => {
      const { report } = globalThis as unknown as { report: (what: string, titles: string[]) => Promise<void> };
      let state = seed;
      const below = (limit: number) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state % limit;
      };
      globalThis.db = await openTasks({
        name: "soak",
        tuning: { idleMs: 100, checkpointLogRecords: 100 },
        // Small ones, which are full soon: until then memory grows as it should.
        budgets: { pageCacheBytes: 2 << 20, rowCacheBytes: 1 << 20 },
      });
      const shapes = [
        () => db.query("tasks").withIndex("by_title"),
        () => db.query("tasks").withIndex("by_n", (q) => q.gte("n", 3).lt("n", 7)),
        () =>
          db
            .query("tasks")
            .withIndex("by_n", (q) => q.eq("n", 5))
            .order("desc"),
        () => db.query("tasks").filter((q) => q.gt(q.field("n"), 8)),
      ];
      // A page ends where it ended first, so it is as long as it shows, and what a fresh query begins with.
      const pageOf = async (ctx: { db: Pick<typeof db, "query"> }) => {
        const { page } = await ctx.db.query("tasks").withIndex("by_title").paginate({ numItems: 10, cursor: null });
        return page.map((row) => row.title);
      };
      const firstOf = async (count: number) =>
        (await db.query("tasks").withIndex("by_title").take(count)).map((row) => row.title);
      interface Followed {
        live: { value?: unknown; status: string; stop(): void };
        fresh: (shown: unknown) => Promise<unknown>;
        end(): void;
      }
      const followed: Followed[] = [];
      const follow = () => {
        const shape = shapes[below(shapes.length)]!;
        const kind = below(4);
        const made =
          kind === 0
            ? { live: db.live(shape()), fresh: () => shape().collect() }
            : kind === 1
              ? { live: db.live(shape(), { take: 7 }), fresh: () => shape().take(7) }
              : kind === 2
                ? { live: db.live(shape(), "count"), fresh: () => shape().count() }
                : { live: db.live(pageOf), fresh: (shown: unknown) => firstOf((shown as unknown[]).length) };
        followed.push({ ...made, end: made.live.subscribe(() => undefined) });
      };
      while (followed.length < 6) follow();
      let count = 0;
      const mine: { id: Awaited<ReturnType<typeof insert>>; title: string }[] = [];
      const insert = (title: string) =>
        db.insert("tasks", { title, n: below(10), ...(below(4) === 0 && { text: "x".repeat(below(3_000)) }) });
      const step = async () => {
        const chance = below(100);
        const title = `${name}.${(count += 1)}`;
        if (chance < 40) {
          mine.push({ id: await insert(title), title });
          await report("saved", [title]);
        } else if (chance < 50) {
          const titles = [0, 1, 2].map((part) => `${title}.${part}`);
          const ids = await db.insertMany(
            "tasks",
            titles.map((each) => ({ title: each, n: below(10) })),
          );
          mine.push(...ids.map((id, index) => ({ id, title: titles[index]! })));
          await report("saved", titles);
        } else if (chance < 60 && mine.length > 0) {
          const { id } = mine[below(mine.length)]!;
          const change = { n: below(10), text: "y".repeat(below(500)) };
          await db.mutate(async (ctx) => {
            if (await ctx.db.get(id)) await ctx.db.patch(id, change);
          });
        } else if (chance < 70) {
          await db.mutate(async (ctx) => {
            const row = await ctx.db
              .query("tasks")
              .withIndex("by_n", (q) => q.eq("n", below(10)))
              .first();
            if (row) await ctx.db.patch(row._id, { n: below(10) });
          });
        } else if (chance < 74) {
          const [gone] = followed.splice(below(followed.length), 1);
          gone!.end();
          gone!.live.stop();
          follow();
        } else if (chance < 75) {
          const file = await db.export({ format: "jsonl", table: "tasks" } as never);
          if (file.size === 0 && mine.length > 0) throw new Error("An export is empty.");
        } else if (chance < 76) {
          const titles = [0, 1].map((part) => `${title}.i${part}`);
          const lines = titles.map((each) => JSON.stringify({ title: each, n: 5 })).join("\n");
          await db.import(new Blob([lines]), { format: "jsonl", table: "tasks", mode: "append" } as never);
          await report("saved", titles);
        }
        // About so many stay, whoever wrote them: what is followed must not grow.
        while ((await db.query("tasks").count()) > 300) {
          const rows = await db.query("tasks").take(40);
          const row = rows[below(rows.length)]!;
          await report("deleted", [row.title]);
          // Another tab may be faster.
          await db.mutate(async (ctx) => {
            if (await ctx.db.get(row._id)) await ctx.db.delete(row._id);
          });
        }
      };
      globalThis.soak = {
        isResting: false,
        isIdle: false,
        errors: [],
        async check() {
          const wrong: string[] = [...soak.errors];
          for (const { live, fresh } of followed) {
            await until(() => live.status === "ready" || live.status === "error");
            const [shown, wanted] = [JSON.stringify(live.value), JSON.stringify(await fresh(live.value))];
            if (shown !== wanted) wrong.push(`${live.status}: ${shown?.slice(0, 300)} is not ${wanted?.slice(0, 300)}`);
          }
          return wrong;
        },
      };
      void (async () => {
        for (;;) {
          soak.isIdle = soak.isResting;
          if (soak.isResting) {
            await sleep(20);
            continue;
          }
          await step().catch((error: { code?: string; message: string }) => {
            // Two imports at once are refused, as they should be.
            if (!/Another import/.test(error.message)) soak.errors.push(`${error.code} ${error.message}`);
          });
        }
      })();
    },
    { name, seed },
  );

test("random work in three tabs with kills leaves live queries right and memory flat", async () => {
  test.setTimeout(seconds * 1_000 + 180_000);
  const profile = mkdtempSync(join(tmpdir(), "holdfast-soak-"));
  const saved = new Set<string>();
  const memory: { at: number; heap: number; wasm: number }[] = [];
  let running: Running | undefined;
  let tabs: Tab[] = [];
  let [pages, rests, renderers, browsers] = [0, 0, 0, 0];
  const newTab = async (index: number) => {
    const page = (tabs[index] = await openPage(running!));
    await page.exposeFunction("report", (what: string, titles: string[]) => {
      for (const title of titles) {
        if (what === "saved") saved.add(title);
        else saved.delete(title);
      }
    });
    pages += 1;
    await work(page, `p${pages}`, pages * 7_919);
  };
  const newBrowser = async () => {
    running = await start(profile);
    tabs = [];
    for (let index = 0; index < 3; index += 1) await newTab(index);
  };
  try {
    await newBrowser();
    const began = Date.now();
    const passed = () => (Date.now() - began) / 1_000 / seconds;
    while (passed() < 1) {
      await new Promise((resolve) => setTimeout(resolve, restEvery_ms));
      // At rest.
      await Promise.all(tabs.map((page) => page.evaluate(() => void (soak.isResting = true))));
      await Promise.all(tabs.map((page) => page.evaluate(() => until(() => soak.isIdle, 60_000))));
      const sequences = await Promise.all(tabs.map((page) => page.evaluate(() => db.stats().sequence)));
      const last = Math.max(...sequences);
      await Promise.all(
        tabs.map((page) =>
          page.evaluate((last) => until(() => db.stats().sequence >= last && db.stats().pending === 0), last),
        ),
      );
      for (const page of tabs) expect(await page.evaluate(() => soak.check())).toEqual([]);
      const found = await tabs[rests % 3]!.evaluate(async () => ({
        titles: (await db.query("tasks").collect()).map((row) => row.title),
        problems: (await db.verify()).problems,
      }));
      const there = new Set(found.titles);
      expect(
        [...saved].filter((title) => !there.has(title)),
        "acknowledged and lost",
      ).toEqual([]);
      expect(there.size, "nothing is there twice").toBe(found.titles.length);
      expect(found.problems).toEqual([]);
      const session = await tabs[0]!.context().newCDPSession(tabs[0]!);
      await session.send("HeapProfiler.collectGarbage");
      const { usedSize } = await session.send("Runtime.getHeapUsage");
      await session.detach();
      const wasm = await tabs[0]!.evaluate(() => db.stats().wasmMemoryBytes);
      memory.push({ at: passed(), heap: usedSize, wasm });
      rests += 1;
      await Promise.all(tabs.map((page) => page.evaluate(() => void (soak.isResting = false))));
      await new Promise((resolve) => setTimeout(resolve, 500));
      // Something dies in the middle of its work. The first tab lives through the last two thirds, to be measured.
      if (passed() < 0.33 && rests % 3 === 1) {
        await kill(running!);
        browsers += 1;
        await newBrowser();
      } else {
        const index = 1 + (rests % 2);
        const page = tabs[index]!;
        if (rests % 3 === 0) await page.reload();
        else await crash(page);
        await page.close();
        renderers += 1;
        await newTab(index);
      }
    }
    const median = (from: number, to: number, of: "heap" | "wasm") => {
      const values = memory.filter(({ at }) => at >= from && at < to).map((one) => one[of]);
      return values.sort((a, b) => a - b)[values.length >> 1]!;
    };
    const told = (["heap", "wasm"] as const).map((of) => {
      const parts =
        seconds > 60 ? [median(0, 0.34, of), median(0.34, 0.67, of), median(0.67, 9, of)] : [median(0, 9, of)];
      return `${of} ${parts.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(", ")} MiB`;
    });
    console.log(
      `${seconds} s: ${rests} rests, ${saved.size} acknowledged documents there, ${renderers} tabs and ${browsers} browsers ` +
        `ended; memory (medians): ${told.join("; ")}.`,
    );
    if (seconds > 60) {
      for (const of of ["heap", "wasm"] as const) {
        expect(median(0.67, 9, of), of).toBeLessThanOrEqual(1.2 * median(0.34, 0.67, of));
      }
    }
    expect(saved.size).toBeGreaterThan(100);
  } finally {
    if (running) await kill(running);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});
