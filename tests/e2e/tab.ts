/** Tabs for tests: pages that have the package, and a database that they may open. */
import type { BrowserContext, Page as Tab } from "@playwright/test";
import type { Page } from "./pages/page.js";

export type { Tab };

// What `evaluate` finds in the page.
declare global {
  var db: Page["db"];
  var openTasks: Page["openTasks"];
  var openMore: Page["openMore"];
  var openBefore: Page["openBefore"];
  var openAfter: Page["openAfter"];
  var sleep: Page["sleep"];
  var until: Page["until"];
  var codeOf: Page["codeOf"];
  var raw: Page["raw"];
  var done: Page["done"];
  var abortAfter: Page["abortAfter"];
}

/** Another tab of the same browser. */
export async function tab(context: BrowserContext): Promise<Tab> {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(error));
  await page.goto(process.env["HOLDFAST_PAGES"]!);
  await page.waitForFunction(() => document.title === "ready");
  return page;
}

/** Options as plain data: Playwright's types would take those of the schema apart without end. */
interface Options {
  tuning?: { idleMs?: number; checkpointLogRecords?: number };
  budgets?: { pageCacheBytes?: number; rowCacheBytes?: number };
  accept?: "lose-unreadable";
}

/** Opens the database of a tab. */
export const open = (page: Tab, options: Options = {}) =>
  page.evaluate(async (options) => {
    globalThis.db = await openTasks(options);
  }, options);

/** What is said of a later version's database, wherever that shows. */
export const NEWER_FORMAT = "The database was written by a newer version of Holdfast. Reload the page to get it.";

/** Opens what can't be opened, and gives code and message. */
export const refusal = (page: Tab, options: Options = {}) =>
  page.evaluate(
    (options) =>
      openTasks(options).then(
        () => ["no error", ""],
        (error: { code: string; message: string }) => [error.code, error.message],
      ),
    options,
  );
