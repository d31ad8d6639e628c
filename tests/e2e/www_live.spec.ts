/** The page of www follows the database: in every tab, in a list of any length, and when something can't be saved. */
import { expect, type Page } from "@playwright/test";
import {
  addSample,
  addTask,
  change,
  countOf,
  expectCount,
  expectListed,
  rows,
  scroller,
  scrollTo,
  test,
  tile,
  value,
} from "./www_page.js";

const order = (page: Page, wanted: string): Promise<unknown> =>
  page.getByRole("group", { name: "Which tasks" }).getByLabel("Order").selectOption(wanted);

/** Adds tasks by the page's button until there are at least so many. Answers how many there are. */
async function fill(page: Page, atLeast: number): Promise<number> {
  await page.getByRole("button", { name: "Generate 100,000 tasks" }).click();
  await expect.poll(() => countOf(page, "all"), { timeout: 40_000, intervals: [50] }).toBeGreaterThan(atLeast);
  await page.getByRole("button", { name: "Cancel" }).dispatchEvent("click");
  const said = page.getByText(/^Cancelled: [\d,]+ tasks in/);
  await said.waitFor();
  const total = 24 + Number(/Cancelled: ([\d,]+)/.exec(await said.innerText())![1]!.replaceAll(",", ""));
  await expectCount(page, "all", total);
  return total;
}

/** The ids of the rows that are there, by their places. All of those in sight are. */
async function idsAt(page: Page): Promise<Map<number, string>> {
  await expect(page.locator("tr.coming")).toHaveCount(0);
  const found = await rows(page).evaluateAll((all) =>
    all.map((row) => [Number(row.getAttribute("aria-rowindex")) - 2, (row as HTMLElement).dataset["id"]!] as const),
  );
  return new Map(found);
}

test("two tabs follow each other without being asked", async ({ newTab }) => {
  const first = await newTab();
  await addSample(first);
  const second = await newTab();
  await expectListed(second, 24);
  await addTask(first, "From the first tab");
  await expect(value(rows(second).first(), "title")).toHaveText("From the first tab");
  await expectCount(second, "all", 25);
  await change(rows(second).first(), "status", { choose: "done" });
  await expect(value(rows(first).first(), "status")).toHaveText("Done");
  const done = await countOf(second, "done");
  await expectCount(first, "done", done);
  // Names that other documents show are followed, too.
  await second.getByRole("tab", { name: "Projects" }).click();
  const website = await rows(second).filter({ hasText: "Website" }).getAttribute("data-id");
  await change(second.locator(`[data-id="${website}"]`), "name", "Shop");
  await expect(value(rows(first).first(), "projectId")).toHaveText("Shop");
  await rows(first).first().getByRole("button", { name: "Delete" }).click();
  await second.getByRole("tab", { name: "Tasks" }).click();
  await expectCount(second, "all", 24);
});

test("a list of more than 20,000 tasks shows the right ones wherever it is scrolled to", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const total = await fill(page, 20_000);
  await expectListed(page, total);
  const places = [0, 0.37, 0.5, 1];
  /** What is there at these places, read from the other end the same must be found: cursors and counts of other ranges. */
  const look = async (): Promise<Map<number, string>> => {
    const seen = new Map<number, string>();
    for (const place of places) {
      await scrollTo(page, place);
      const middle = place * ((await count()) - 1);
      await expect
        .poll(async () => [...(await idsAt(page)).keys()].some((index) => Math.abs(index - middle) < 8))
        .toBe(true);
      for (const [index, id] of await idsAt(page)) seen.set(index, id);
    }
    return seen;
  };
  const count = async (): Promise<number> => Number(await page.getByRole("table").getAttribute("aria-rowcount")) - 1;
  const compare = async (one: string, other: string): Promise<void> => {
    await order(page, one);
    const forth = await look();
    expect(new Set(forth.values()).size).toBe(forth.size);
    await order(page, other);
    await expect(scroller(page)).toHaveJSProperty("scrollTop", 0);
    places.reverse();
    const back = await look();
    const all = await count();
    let both = 0;
    for (const [index, id] of forth) {
      const mirrored = back.get(all - 1 - index);
      if (mirrored === undefined) continue;
      both += 1;
      expect(mirrored).toBe(id);
    }
    expect(both).toBeGreaterThan(20);
  };
  await compare("created desc", "created asc");
  await tile(page, "in_progress").click();
  await expect.poll(count).toBe(await countOf(page, "in_progress"));
  await compare("created asc", "created desc");
  // Without a condition, the order by days has those without a day at one end only.
  await tile(page, "all").click();
  await page.getByRole("group", { name: "Which tasks" }).getByLabel("Due from").fill("2026-01-05");
  await compare("dueDate asc", "dueDate desc");

  // At the end, the last one; and what is changed there, or added by another tab, is there.
  await page.getByRole("group", { name: "Which tasks" }).getByRole("button", { name: "Clear" }).click();
  await order(page, "created asc");
  await expectListed(page, total);
  await scrollTo(page, 1);
  await expect(rows(page).last()).toHaveAttribute("aria-rowindex", String(total + 1));
  await change(rows(page).last(), "title", "The very last");
  const other = await newTab();
  await expect(value(rows(other).first(), "title")).toHaveText("The very last");
  await addTask(other, "After the last");
  await expectListed(page, total + 1);
  await scrollTo(page, 1);
  await expect(value(rows(page).last(), "title")).toHaveText("After the last");
});

test("what a filter has to look for comes as one scrolls", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  await fill(page, 3_000);
  const choice = page.getByRole("group", { name: "Which tasks" });
  await choice.getByLabel("Assignee").selectOption("Emi Takahashi");
  await choice.getByLabel("Due from").fill("2026-01-05");
  await expect(page.getByText(/^100 so far; more when you scroll on/)).toBeAttached();
  await scrollTo(page, 1);
  await expect(page.getByText(/^[2-9]00 so far/)).toBeAttached();
  expect(new Set(await value(rows(page), "assigneeId").allInnerTexts())).toEqual(new Set(["Emi Takahashi"]));
  await scroller(page).focus();
  for (let last = 0; ;) {
    await page.keyboard.press("End");
    const now = Number(await page.getByRole("table").getAttribute("aria-rowcount"));
    if (now === last && (await page.getByText(/so far/).count()) === 0) break;
    last = now;
  }
  await expect(rows(page).last()).toBeVisible();
});

/** Makes every save of the page fail as a disk without room does, until it is ended. */
const breakDisk = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const stores = IDBObjectStore.prototype;
    const add = Object.getOwnPropertyDescriptor(stores, "add")!;
    const commit = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, "commit")!;
    const doomed = new WeakSet<IDBTransaction>();
    IDBTransaction.prototype.commit = function () {
      if (!doomed.has(this)) (commit.value as () => void).call(this);
    };
    stores.add = function (...args) {
      const { transaction } = this;
      const request = (add.value as IDBObjectStore["add"]).apply(this, args);
      doomed.add(transaction);
      request.addEventListener("success", () => {
        Object.defineProperty(transaction, "error", { value: new DOMException("No room.", "QuotaExceededError") });
        transaction.abort();
      });
      return request;
    };
    Object.assign(globalThis, {
      mendDisk: () => {
        Object.defineProperty(stores, "add", add);
        Object.defineProperty(IDBTransaction.prototype, "commit", commit);
      },
    });
  });
const mendDisk = (page: Page): Promise<void> =>
  page.evaluate(() => (globalThis as unknown as { mendDisk: () => void }).mendDisk());

test("a change that can't be saved is shown, taken back, and told; the storage's state is always in sight", async ({
  newTab,
}) => {
  const page = await newTab();
  await addSample(page);
  const state = page.locator("#state");
  await expect(state).toHaveText("All saved");
  const title = value(rows(page).first(), "title");
  const before = await title.innerText();
  await breakDisk(page);
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    const look = (): void => {
      const row = document.querySelector<HTMLElement>('[data-field="title"]');
      const mark = row?.closest("tr")?.dataset["pending"] ? "*" : "";
      const text = `${row?.innerText ?? "…"}${mark}, ${document.getElementById("state")?.textContent}`;
      if (seen.at(-1) !== text) seen.push(text);
    };
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  });
  await change(rows(page).first(), "title", "Too much");
  await expect(page.locator(".notice")).toContainText("QuotaExceeded");
  await expect(page.locator(".notice")).toContainText(`“${before}” is as it was.`);
  await expect(title).toHaveText(before);
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen);
  expect(seen).toContainEqual(expect.stringMatching(/^Too much, /));
  expect(seen).toContainEqual(expect.stringMatching(/^Too much\*, /));
  expect(seen).toContainEqual(expect.stringMatching(/, Saving 1…$/));
  // The reason and what to do stand there as long as it lasts, and reads go on.
  await expect(state).toHaveText("Storage fails");
  const trouble = page.locator(".trouble");
  await expect(trouble).toContainText("QuotaExceeded");
  await expect(trouble).toContainText("Free some space");
  await expectListed(page, 24);
  await mendDisk(page);
  await change(rows(page).first(), "title", "Enough room");
  await expect(title).toHaveText("Enough room");
  await expect(state).toHaveText("All saved");
  await expect(trouble).toHaveCount(0);
  await expect(page.locator(".notice")).toHaveCount(0);
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  await expect(state).toBeInViewport();
});

test("says how much room there is, and asks the browser to keep what is stored", async ({ newTab, context }) => {
  await context.addInitScript(() => {
    let isPersisted = false;
    const { prototype } = StorageManager;
    prototype.persisted = async () => isPersisted;
    prototype.persist = async () => (isPersisted = Boolean((globalThis as { mayPersist?: boolean }).mayPersist));
  });
  const page = await newTab();
  await addSample(page);
  const safety = page.getByRole("region", { name: "What is safe" });
  await expect(safety).toContainText(/In use[\d.]+ [KM]?B of [\d.]+ [GMT]B/);
  await expect(safety).toContainText("the browser may delete it");
  await safety.getByRole("button", { name: "Ask the browser to keep it" }).click();
  await expect(safety).toContainText("It has not promised that");
  await page.evaluate(() => Object.assign(globalThis, { mayPersist: true }));
  await safety.getByRole("button", { name: "Ask the browser to keep it" }).click();
  await expect(safety).toContainText("the browser keeps it");
  await expect(safety.getByRole("button")).toHaveCount(0);
});

test("warns where the browser deletes what is not visited", async ({ newTab, context }) => {
  await context.addInitScript(() => Object.defineProperty(navigator, "vendor", { get: () => "Apple Computer, Inc." }));
  const page = await newTab();
  await addSample(page);
  await expect(page.getByRole("region", { name: "What is safe" })).toContainText("after 7 days of use without a visit");
});
