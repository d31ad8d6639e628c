// Chromium is killed in the middle of writes from two tabs, again and again: every write that was acknowledged is
// there afterwards, nothing is half there, and the database verifies.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { kill, openPage as open, type Running, start } from "./own_browser.js";

const rounds = process.env["HOLDFAST_LONG"] === "1" ? 60 : 6;

test("what was acknowledged survives the kill of the browser", async () => {
  test.setTimeout(rounds * 20_000);
  const profile = mkdtempSync(join(tmpdir(), "holdfast-kill-"));
  /** Titles of acknowledged inserts. A batch of three has one title, and is there as a whole or not at all. */
  const acknowledged = new Set<string>();
  let bumps = 0;
  let last: Running | undefined;
  try {
    for (let round = 0; round < rounds; round += 1) {
      const running = (last = await start(profile));
      const tabs = [await open(running), await open(running)];
      for (const [index, tab] of tabs.entries()) {
        await tab.exposeFunction("acknowledge", (title: string) => {
          if (title === "bump") bumps += 1;
          else acknowledged.add(title);
        });
        await tab.evaluate(
          async ([name]) => {
            const { acknowledge } = globalThis as unknown as { acknowledge: (title: string) => Promise<void> };
            const db = await openTasks({ name: "kill", tuning: { idleMs: 20, checkpointLogRecords: 20 } });
            const write = async (worker: number) => {
              for (let n = 0; ; n += 1) {
                const title = `${name}.${worker}.${n}`;
                if (worker === 0) await db.insert("tasks", { title, n });
                else if (worker === 1)
                  await db.insertMany(
                    "tasks",
                    [0, 1, 2].map((part) => ({ title, n: part, text: "x".repeat(2000) })),
                  );
                else {
                  await db.mutate(async ({ db }) => {
                    const counter = await db
                      .query("tasks")
                      .withIndex("by_title", (q) => q.eq("title", "counter"))
                      .first();
                    if (counter) await db.patch(counter._id, { n: counter.n + 1 });
                    else await db.insert("tasks", { title: "counter", n: 1 });
                  });
                  await acknowledge("bump");
                  await sleep(3);
                  continue;
                }
                await acknowledge(title);
              }
            };
            for (let worker = 0; worker < 3; worker += 1) void write(worker);
          },
          [`r${round}t${index}`],
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 700 + 217 * (round % 5)));
      await kill(running);

      const again = (last = await start(profile));
      const page = await open(again);
      const found = await page.evaluate(async () => {
        const db = await openTasks({ name: "kill" });
        const titles: Record<string, number> = {};
        for (const row of await db.query("tasks").collect()) titles[row.title] = (titles[row.title] ?? 0) + 1;
        const counter = await db
          .query("tasks")
          .withIndex("by_title", (q) => q.eq("title", "counter"))
          .first();
        const { problems } = await db.verify();
        return { titles, counter: counter?.n ?? 0, problems };
      });
      const lost = [...acknowledged].filter((title) => !(title in found.titles));
      const log = again.storageLog.join("\n");
      expect(lost.length, `round ${round}: acknowledged and lost, ${lost.slice(0, 5)}\n${log}`).toBe(0);
      const half = Object.entries(found.titles).filter(([title, count]) => title.includes(".1.") && count !== 3);
      expect(half, `round ${round}: half there`).toEqual([]);
      expect(found.counter, `round ${round}: counted`).toBeGreaterThanOrEqual(bumps);
      expect(found.problems).toEqual([]);
      await kill(again);
    }
    expect(acknowledged.size).toBeGreaterThan(rounds * 20);
  } finally {
    if (last) await kill(last);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});
