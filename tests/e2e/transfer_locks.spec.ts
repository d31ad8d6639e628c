// Imports on a page that came over http from another machine: there the browser has no locks, and pages ask each other.
import { type BrowserContext, expect, test } from "@playwright/test";
import { open, type Tab } from "./tab.js";

declare global {
  /** Lets the import of this page come to its end. */
  var goOn: () => void;
  /** What became of it. */
  var imported: Promise<string>;
}

/** As many asks without an answer as make an import dead, and some time more. */
const SILENCE_MS = 20_000;
const ROWS = 14_000;

async function tabs(context: BrowserContext, count: number): Promise<Tab[]> {
  const address = new URL(process.env["HOLDFAST_PAGES"]!);
  address.hostname = "lan.test";
  const pages = await Promise.all(Array.from({ length: count }, () => context.newPage()));
  for (const page of pages) {
    await page.goto(address.href);
    await page.waitForFunction(() => document.title === "ready");
    expect(await page.evaluate(() => [isSecureContext, "locks" in navigator])).toEqual([false, false]);
  }
  return pages;
}

/** Begins an import of many rows whose file comes to its end by `goOn`. */
async function beginImport(page: Tab) {
  await open(page);
  await page.evaluate(() => db.insert("tasks", { title: "old", n: -1 }));
  await page.evaluate(async (count) => {
    // An import looks through 10,000 rows for an id.
    const line = `${JSON.stringify({ title: "new", n: 0, text: "x".repeat(200) })}\n`;
    const bytes = new TextEncoder().encode(line.repeat(count));
    const controllers: ReadableStreamDefaultController[] = [];
    const stream = () =>
      new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes);
          controllers.push(controller);
        },
      });
    globalThis.goOn = () => controllers.at(-1)!.close();
    const blob = Object.assign(new Blob([bytes]), { stream });
    globalThis.imported = codeOf(db.import(blob, { table: "tasks", format: "jsonl", mode: "replace" }));
    await until(() => db.stats().sequence > 3);
  }, ROWS);
}

const importOne = (page: Tab) =>
  page.evaluate(() => codeOf(db.import('[{"title":"one","n":1}]', { table: "tasks", mode: "replace" })));

const titles = (page: Tab) =>
  page.evaluate(async () => [...new Set((await db.query("tasks").collect()).map((row) => row.title))]);

test("without locks, whoever opens the database lets another's import be, and may not begin one", async ({
  context,
}) => {
  const [page, other] = (await tabs(context, 2)) as [Tab, Tab];
  await beginImport(page);
  await open(other);
  expect(await importOne(other)).toBe("StorageFailed");
  await other.waitForTimeout(SILENCE_MS);
  expect(await importOne(other)).toBe("StorageFailed");
  await page.evaluate(() => goOn());
  expect(await page.evaluate(() => imported)).toBe("no error");
  expect(await page.evaluate(() => db.query("tasks").count())).toBe(ROWS);
  expect(await importOne(other)).toBe("no error");
  expect(await titles(other)).toEqual(["one"]);
});

test("without locks, of two imports at the same moment one is refused", async ({ context }) => {
  const [page, other] = (await tabs(context, 2)) as [Tab, Tab];
  for (const one of [page, other]) await open(one);
  const codes = await Promise.all([importOne(page), importOne(other)]);
  expect(codes.sort()).toEqual(["StorageFailed", "no error"]);
});

test("without locks, an import whose page was closed is given up when nobody answers for it", async ({ context }) => {
  const [page, other, next] = (await tabs(context, 3)) as [Tab, Tab, Tab];
  await beginImport(page);
  await page.close();
  await open(other, { tuning: { idleMs: 20 } });
  expect((await other.evaluate(() => db.verify())).rows).toBeGreaterThan(1);
  // One that begins meanwhile waits as well, and is not given up in the place of the dead one.
  await open(next);
  expect(await importOne(next)).toBe("no error");
  await other.waitForTimeout(SILENCE_MS / 2);
  await other.evaluate(() => until(async () => (await db.verify()).rows === 1, 30_000));
  for (const one of [other, next]) expect(await titles(one)).toEqual(["one"]);
  expect((await other.evaluate(() => db.verify())).problems).toEqual([]);
});

test("without locks, what a closed page has imported goes by itself", async ({ context }) => {
  const [page, other] = (await tabs(context, 2)) as [Tab, Tab];
  await beginImport(page);
  await page.close();
  await open(other, { tuning: { idleMs: 20 } });
  await other.evaluate(() => until(async () => (await db.verify()).rows === 1, 40_000));
  expect(await titles(other)).toEqual(["old"]);
});
