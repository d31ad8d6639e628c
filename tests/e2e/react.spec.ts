// React components that follow the database, in StrictMode, in real frames.
import { expect, type Page, test } from "@playwright/test";
import type { ReactPage } from "./pages/react.js";

declare global {
  var react: ReactPage;
}

test.beforeEach(async ({ page }) => {
  page.on("pageerror", (error) => console.error(error));
  await page.goto(`${process.env["HOLDFAST_PAGES"]!}react.html`);
  await page.waitForFunction(() => document.title === "ready");
});

const text = (page: Page) => page.evaluate(() => react.text());
const shows = (page: Page, expected: string) => expect.poll(() => text(page)).toBe(expected);
/** Two frames are painted after this. */
const painted = (page: Page) =>
  page.evaluate(
    () => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))),
  );
const add = (page: Page, ...numbers: number[]) =>
  page.evaluate(
    (numbers) =>
      react.db.insertMany(
        "tasks",
        numbers.map((n) => ({ title: `t${n}`, n })),
      ),
    numbers,
  );

test("on a warm cache no frame is painted as loading, of queries, registered queries and functions", async ({
  page,
}) => {
  await add(page, 1, 2, 3, 4);
  // The part that runs functions is loaded when the first one is run.
  await page.evaluate(() => react.show(["Titles"], { from: 1 }));
  await shows(page, "[t1 t2 t3 t4]");
  await page.evaluate(() => react.show([]));
  await painted(page);
  await page.evaluate(() => {
    react.frames.length = 0;
    react.show(["Rows", "Titles", "Doubled"], { from: 2, factor: 2 });
  });
  await shows(page, "t1 t2 t3[t2 t3 t4]20");
  await painted(page);
  expect(await page.evaluate(() => react.frames.filter((frame) => frame !== ""))).toEqual(["t1 t2 t3[t2 t3 t4]20"]);
  // Other arguments: what was shown before stays for no frame, and nothing is painted as loading.
  await page.evaluate(() => {
    react.frames.length = 0;
    react.show(["Rows", "Titles", "Doubled"], { from: 3, factor: 3 });
  });
  await shows(page, "t1 t2 t3[t3 t4]30");
  expect(await page.evaluate(() => react.frames.some((frame) => frame.includes("loading")))).toBe(false);
});

test("what is written shows in the next frame, and in another tab", async ({ page, context }) => {
  const other = await context.newPage();
  await other.goto(page.url());
  await other.waitForFunction(() => document.title === "ready");
  for (const each of [page, other]) await each.evaluate(() => react.show(["Rows", "Titles"], { from: 0 }));
  await add(page, 5);
  await shows(page, "t5[t5]");
  await shows(other, "t5[t5]");
  await add(other, 1);
  await shows(page, "t1 t5[t1 t5]");
  const id = await page.evaluate(async () => (await react.db.query("tasks").withIndex("by_n").first())!._id);
  await other.evaluate((id) => react.db.patch(id, { title: "one", n: 9 }), id);
  await shows(page, "t5 one[t5 one]");
  await page.evaluate((id) => react.db.delete(id), id);
  await shows(other, "t5[t5]");
});

test("a rendering shows one state, whatever is written while it goes on", async ({ page }) => {
  await add(page, 0);
  await page.evaluate(() => react.show(["Pair"], { spin: 3 }));
  await shows(page, "1 of 1");
  await page.evaluate(async () => {
    for (let n = 1; n <= 60; n += 1) {
      const written = react.db.insert("tasks", { title: `t${n}`, n });
      if (n % 3 === 0) react.show(["Pair"], { spin: 1 + (n % 4) }, true);
      if (n % 5 === 0) await written;
      else await new Promise((resolve) => setTimeout(resolve, n % 4));
    }
  });
  await shows(page, "61 of 61");
  const pairs = await page.evaluate(() => react.pairs);
  expect(pairs.length).toBeGreaterThan(10);
  expect(pairs.filter(([rows, count]) => rows !== count)).toEqual([]);
});

test("skipped, failed and suspended queries", async ({ page }) => {
  await page.evaluate(() => react.show(["Titles"], { from: "skip" }));
  await shows(page, "loading");
  await page.evaluate(() => react.show(["Titles"], { from: 0 }));
  await shows(page, "[]");
  await page.evaluate(() => react.show(["Failing"]));
  await shows(page, "error TableNotFound");
  await add(page, 1, 2);
  await page.evaluate(() => {
    react.frames.length = 0;
    react.show(["Waiting"]);
  });
  await shows(page, "t1 t2");
  await add(page, 3);
  await shows(page, "t1 t2 t3");
  await page.evaluate(() => react.show(["Thrower"]));
  await shows(page, "caught TableNotFound");
});

test("pages lie side by side while rows come and go", async ({ page }) => {
  await add(page, ...Array.from({ length: 10 }, (_, n) => n * 10));
  await page.evaluate(() => react.show(["Titles"], { from: 1e9 }));
  await shows(page, "[]");
  await page.evaluate(() => {
    react.frames.length = 0;
    react.show(["Pages"]);
  });
  await shows(page, "t0 t10 t20 CanLoadMore");
  expect(await page.evaluate(() => react.frames.some((frame) => frame.includes("Loading")))).toBe(false);
  await page.evaluate(() => react.more(3));
  await shows(page, "t0 t10 t20 t30 t40 t50 CanLoadMore");
  await add(page, 15, 25, 55);
  await shows(page, "t0 t10 t15 t20 t25 t30 t40 t50 CanLoadMore");
  await page.evaluate(async () => {
    const [first] = await react.db
      .query("tasks")
      .withIndex("by_n", (q) => q.eq("n", 20))
      .collect();
    await react.db.delete(first!._id);
  });
  await shows(page, "t0 t10 t15 t25 t30 t40 t50 CanLoadMore");
  await page.evaluate(() => react.more(100));
  await shows(page, "t0 t10 t15 t25 t30 t40 t50 t55 t60 t70 t80 t90 Exhausted");
  await add(page, 95);
  await shows(page, "t0 t10 t15 t25 t30 t40 t50 t55 t60 t70 t80 t90 t95 Exhausted");
});

test("a mutation's function stays the same, and its result shows before it is saved", async ({ page }) => {
  await page.evaluate(() => react.show(["Writer", "Rows"]));
  await shows(page, "");
  const shownFirst = await page.evaluate(async () => {
    const saved = react.insert(7);
    let isSaved = false;
    void saved.then(() => (isSaved = true));
    for (;;) {
      await Promise.resolve();
      if (react.db.now.query(react.db.query("tasks"), "count") === 1) return !isSaved;
      if (isSaved) return false;
      await new Promise((resolve) => setTimeout(resolve));
    }
  });
  expect(shownFirst).toBe(true);
  await shows(page, "t7");
  await page.evaluate(() => react.show(["Writer", "Rows"]));
  expect(await page.evaluate(() => react.inserts.size)).toBe(1);
});

test("what is not saved yet has its mark, and loses it when it is", async ({ page }) => {
  await add(page, 1, 2);
  await page.evaluate(() => react.show(["Marks", "Writer"]));
  await shows(page, "t1.t2.");
  await page.evaluate(() => {
    // A disk that takes its time: the commit is told late.
    const { set } = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, "oncomplete") as {
      set: (this: IDBTransaction, callback: (event: unknown) => void) => void;
    };
    Object.defineProperty(IDBTransaction.prototype, "oncomplete", {
      configurable: true,
      set(this: IDBTransaction, callback: (event: unknown) => void) {
        set.call(this, (event: unknown) => setTimeout(() => callback.call(this, event), 300));
      },
    });
    void react.insert(3);
  });
  await shows(page, "t1.t2.t3*");
  await shows(page, "t1.t2.t3.");
});
