/** The page of www, as a person uses it: the database as a whole, in several tabs. */
import { expect, type Locator, type Page } from "@playwright/test";
import {
  addSample,
  addTask,
  change,
  countOf,
  expectCount,
  generate,
  generateSome,
  rows,
  test,
  tile,
  value,
  valuesOf,
  verify,
} from "./www_page.js";

test("verify finds nothing wrong, and a reload keeps everything", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const total = await generateSome(page);
  const before = await verify(page);
  expect(before).toContain("All is well.");
  // The answer stays there when it is no longer new.
  expect(before).toMatch(/, at \d\d:\d\d:\d\d\. What has changed since was not looked at\.$/);
  const counts = await Promise.all(
    (["all", "todo", "in_progress", "done"] as const).map((each) => countOf(page, each)),
  );
  const shown = await rows(page).allInnerTexts();
  await page.reload();
  await expectCount(page, "all", total);
  expect(
    await Promise.all((["all", "todo", "in_progress", "done"] as const).map((each) => countOf(page, each))),
  ).toEqual(counts);
  expect(await rows(page).allInnerTexts()).toEqual(shown);
  expect(await verify(page)).toContain(`All is well. ${(total + 28).toLocaleString("en")} rows`);
});

test("two tabs see each other's changes, and both may write at once", async ({ newTab }) => {
  const first = await newTab();
  await addSample(first);
  const second = await newTab();
  await expectCount(second, "all", 24);
  await addTask(first, "From the first tab");
  await expectCount(second, "all", 25);
  await expect(value(rows(second).first(), "title")).toHaveText("From the first tab");

  await change(rows(second).first(), "status", { choose: "done" });
  await expect(value(rows(first).first(), "status")).toHaveText("Done");

  // Both at the same time: forms in turn, and the generator in both.
  const names = Array.from({ length: 5 }, (_, i) => i + 1);
  const add = async (page: Page, from: string): Promise<void> => {
    for (const n of names) await addTask(page, `${from} ${n}`);
  };
  await Promise.all([add(first, "First"), add(second, "Second")]);
  for (const page of [first, second]) {
    await expectCount(page, "all", 35);
    const titles = await valuesOf(page, "title");
    const expected = names.flatMap((n) => [`First ${n}`, `Second ${n}`]);
    expect(titles.slice(0, 10).sort()).toEqual(expected.sort());
  }
  const added = await Promise.all([generate(first), generate(second)]);
  for (const page of [first, second]) {
    await expectCount(page, "all", 35 + added[0] + added[1]);
    expect(await verify(page)).toContain("All is well.");
  }
});

test("the durability that is chosen stays chosen, and so does the rest", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  await tile(page, "done").click();
  await page.getByRole("group", { name: "Which tasks" }).getByLabel("Order").selectOption("Oldest first");
  await page.getByLabel("Durability").selectOption("strict");
  await expect(page.getByText("saved with strict durability")).toBeVisible();
  await expect(tile(page, "done")).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByRole("group", { name: "Which tasks" }).getByLabel("Order")).toHaveValue("created asc");
  await addTask(page, "On the disk");
  await page.reload();
  await expect(page.getByLabel("Durability")).toHaveValue("strict");
  await expectCount(page, "all", 25);
});

test("nothing can close the database while tasks are generated, and the page says that it saves", async ({
  newTab,
}) => {
  const page = await newTab();
  await addSample(page);
  await page.getByRole("button", { name: "Generate 100,000 tasks" }).click();
  await page.getByText(/\d of 100,000$/).waitFor();
  await expect(page.locator("#state")).toHaveText(/^Saving/);
  await expect(page.getByLabel("Durability")).toBeDisabled();
  await expect(page.getByRole("button", { name: "Delete database" })).toBeDisabled();
  // A check that ends meanwhile changes nothing about that.
  await page.getByRole("button", { name: "Verify" }).click();
  await expect(page.locator(".report")).toContainText(/ read in /, { timeout: 30_000 });
  await expect(page.getByRole("button", { name: "Verify" })).toBeEnabled();
  await expect(page.locator("#state")).toHaveText(/^Saving/);
  await expect(page.getByLabel("Durability")).toBeDisabled();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.locator("#state")).toHaveText("All saved");
  await expect(page.getByLabel("Durability")).toBeEnabled();
});

test("a database that is deleted while tasks are generated says so once", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  await page.getByRole("button", { name: "Generate 100,000 tasks" }).click();
  await page.getByText(/\d of 100,000$/).waitFor();
  const other = await newTab();
  await other.getByRole("button", { name: "Delete database" }).click();
  await other.getByRole("dialog").getByRole("button", { name: "Delete everything" }).click();
  await expect(page.getByRole("heading", { name: "The database is gone" })).toBeVisible();
  await expect(page.getByText("DatabaseClosed")).toHaveCount(1);
  await expect(page.locator(".notice")).toHaveCount(0);
  await expect(page.locator("#state")).toHaveText("Not open");
});

test("deletes the database after a question, and another tab says so", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const other = await newTab();
  await expectCount(other, "all", 24);
  await page.bringToFront();
  const ask = async (): Promise<Locator> => {
    await page.getByRole("button", { name: "Delete database" }).click();
    return page.getByRole("dialog", { name: "Delete the database?" });
  };
  await (await ask()).getByRole("button", { name: "Keep it" }).click();
  await expectCount(page, "all", 24);
  await (await ask()).getByRole("button", { name: "Delete everything" }).click();
  await expect(page.getByRole("heading", { name: "An empty database" })).toBeVisible();
  await expect(other.getByRole("alert")).toContainText("deleted");
  await expect(other.getByRole("heading", { name: "The database is gone" })).toBeVisible();
  await expect(
    other.getByText("It was deleted in another tab or window. Opening it again makes a new, empty one."),
  ).toBeVisible();
  await other.getByRole("button", { name: "Open it again" }).click();
  await expect(other.getByRole("heading", { name: "An empty database" })).toBeVisible();
});

test("says what to do when the browser has no storage, and works in memory when asked to", async ({
  newTab,
  context,
}) => {
  await context.addInitScript(() => Object.defineProperty(globalThis, "indexedDB", { value: undefined }));
  const page = await newTab();
  await expect(page.getByRole("alert")).toContainText("StorageUnavailable");
  await expect(page.getByRole("alert")).toContainText("open the page in an ordinary window");
  await page.getByRole("button", { name: "Work in memory only" }).click();
  await addSample(page);
  await expect(page.getByRole("region", { name: "Sizes" })).toContainText("gone with this tab");
  expect(await verify(page)).toContain("All is well.");
});

test("what is done with the database is in view without scrolling, and lined up on a phone", async ({ newTab }) => {
  const page = await newTab();
  await page.setViewportSize({ width: 1280, height: 900 });
  await addSample(page);
  for (const name of ["Back up", "Restore…", "Verify", "Delete database"]) {
    await expect(page.getByRole("button", { name })).toBeInViewport({ ratio: 1 });
  }
  await page.setViewportSize({ width: 400, height: 800 });
  const [panels, state] = await Promise.all(
    [page.getByRole("button", { name: "Database", exact: true }), page.locator(".state")].map((part) =>
      part.boundingBox(),
    ),
  );
  expect(panels!.x + panels!.width).toBeLessThanOrEqual(state!.x + state!.width);
  await page.getByRole("tab", { name: "Projects" }).click();
  await expect(rows(page)).toHaveCount(4);
  const lefts = await rows(page).evaluateAll((all) =>
    all.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.getBoundingClientRect().left)),
  );
  for (const left of lefts) expect(left).toEqual(lefts[0]);
});
