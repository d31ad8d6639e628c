// Files in and out of IndexedDB, in real tabs: what another tab sees of an import, and what is left of one that was cut off.
import { expect, test } from "@playwright/test";
import { open, tab } from "./tab.js";

const LINES = 6_000;

test("another tab sees an import when it is whole, and what was there is gone", async ({ context }) => {
  const [page, other] = [await tab(context), await tab(context)];
  for (const one of [page, other]) await open(one, { tuning: { idleMs: 30, checkpointLogRecords: 20 } });
  await page.evaluate(() =>
    db.insertMany("tasks", [
      { title: "old", n: 1 },
      { title: "older", n: 2 },
    ]),
  );
  await other.evaluate(() => until(async () => (await db.query("tasks").count()) === 2));
  // Whatever the other tab counts, and every write of its own that falls in between.
  const watching = other.evaluate(async (lines) => {
    const counts = new Set<number>();
    const seen = new Set<string>();
    for (let n = 0; ; n += 1) {
      const rows = await db.query("tasks").collect();
      counts.add(rows.length - rows.filter((row) => row.title === "mine").length);
      for (const row of rows) if (row.n < 3) seen.add(row.title);
      if (rows.length >= lines) return { counts: [...counts], writes: n };
      if (n % 10 === 0) await db.insert("tasks", { title: "mine", n: -1 });
      await sleep(5);
    }
  }, LINES);
  const report = await page.evaluate(async (lines) => {
    const text = Array.from({ length: lines }, (_, n) => JSON.stringify({ title: `t${n}`, n, text: "x".repeat(500) }));
    const progress: number[] = [];
    const onProgress = ({ done }: { done: number }) => progress.push(done);
    const { rows } = await db.import(text.join("\n"), { table: "tasks", mode: "replace", onProgress });
    return {
      rows,
      isAscending: progress.every((done, n) => n === 0 || done >= progress[n - 1]!),
      last: progress.at(-1),
    };
  }, LINES);
  expect(report).toEqual({ rows: LINES, isAscending: true, last: 1 });
  const { counts, writes } = await watching;
  expect(counts.sort((a, b) => a - b)).toEqual([2, LINES]);
  expect(writes).toBeGreaterThan(1);
  // What the other tab wrote before went with the table that it wrote to; what it writes now stays.
  for (const one of [page, other]) {
    const found = await one.evaluate(async () => {
      const { problems } = await db.verify();
      const some = await db
        .query("tasks")
        .withIndex("by_n", (q) => q.eq("n", 4321))
        .unique();
      return { problems, title: some?.title };
    });
    expect(found).toEqual({ problems: [], title: "t4321" });
  }
  await page.evaluate(() =>
    until(async () => (await db.verify()).entries < 2 * 6_100 && db.stats().indexWork.length === 0),
  );
  const blob = await page.evaluate(async () => {
    const blob = await db.export();
    return { type: blob.type, isWhole: blob.size > 1_000 };
  });
  expect(blob).toEqual({ type: "application/zip", isWhole: true });
});

test("an import whose page was closed is given up by the next one who opens the database", async ({ context }) => {
  const page = await tab(context);
  await open(page);
  await page.evaluate(() => db.insert("tasks", { title: "kept", n: 1 }));
  // It never gets to its end: the stream stays open. (An import looks through 10,000 rows for an id.)
  await page.evaluate(async () => {
    const line = `${JSON.stringify({ title: "lost", n: 0, text: "x".repeat(200) })}\n`;
    const rows = new TextEncoder().encode(line.repeat(14_000));
    const stream = () => new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(rows) });
    const blob = Object.assign(new Blob([rows]), { stream });
    void db.import(blob, { table: "tasks", format: "jsonl", mode: "replace" }).catch(() => undefined);
    await until(() => db.stats().sequence > 3);
  });
  const next = await tab(context);
  await open(next);
  // The first page is at it still.
  expect(await next.evaluate(() => codeOf(db.import("[]", { table: "tasks", mode: "replace" })))).toBe("StorageFailed");
  await page.close();
  await next.evaluate(() => db.close());
  await open(next, { tuning: { idleMs: 20 } });
  await next.evaluate(() => until(async () => (await db.verify()).rows === 1));
  expect(await next.evaluate(async () => (await db.query("tasks").collect()).map((row) => row.title))).toEqual([
    "kept",
  ]);
  expect((await next.evaluate(() => db.verify())).problems).toEqual([]);
  await next.evaluate(() => db.import('[{"title":"new","n":5}]', { table: "tasks", mode: "replace" }));
  expect(await next.evaluate(() => db.query("tasks").count())).toBe(1);
});

test("an import for which there is no room changes nothing, and what it wrote goes", async ({ context }) => {
  const page = await tab(context);
  await open(page, { tuning: { idleMs: 20 } });
  await page.evaluate(() => db.insert("tasks", { title: "kept", n: 1 }));
  const failed = await page.evaluate(async () => {
    const line = `${JSON.stringify({ title: "much", n: 0, text: "x".repeat(10_000) })}\n`;
    let end: (() => number) | undefined;
    const onProgress = () => (end ??= abortAfter("add", "log", "QuotaExceededError"));
    const options = { table: "tasks", format: "jsonl", mode: "replace", onProgress } as const;
    const code = await codeOf(db.import(line.repeat(3_000), options));
    const rows = (await db.query("tasks").collect()).map((row) => row.title);
    return { code, rows, aborted: end!() > 0 };
  });
  expect(failed).toEqual({ code: "QuotaExceeded", rows: ["kept"], aborted: true });
  await page.reload();
  await page.waitForFunction(() => document.title === "ready");
  await open(page, { tuning: { idleMs: 20 } });
  await page.evaluate(() => until(async () => (await db.verify()).rows === 1));
  expect((await page.evaluate(() => db.verify())).problems).toEqual([]);
});
