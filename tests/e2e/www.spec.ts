/** The page of www, as a person uses it. */
import { expect, test as base, type BrowserContext, type Locator, type Page } from "@playwright/test";

/** A page that may not complain, and may not ask anybody else for anything. */
const watch = (page: Page, baseURL: string, problems: string[]): void => {
  page.on("pageerror", (error) => problems.push(String(error.stack ?? error)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(baseURL) && !/^(data|blob):/.test(url)) problems.push(`asked for ${url}`);
  });
};

const test = base.extend<{ newTab: (address?: string) => Promise<Page> }>({
  newTab: async ({ context, baseURL }: { context: BrowserContext; baseURL: string | undefined }, use) => {
    const problems: string[] = [];
    await use(async (address = "/") => {
      const page = await context.newPage();
      watch(page, baseURL!, problems);
      await page.goto(address);
      return page;
    });
    expect(problems).toEqual([]);
  },
});

const rows = (page: Page): Locator => page.getByRole("table").locator("tbody tr");
const tile = (page: Page, status: "all" | "todo" | "in_progress" | "done"): Locator =>
  page.locator(`[data-status=${status}]`);
const countOf = async (page: Page, status: Parameters<typeof tile>[1]): Promise<number> =>
  Number((await tile(page, status).locator("strong").innerText()).replaceAll(",", ""));
const expectCount = (page: Page, status: Parameters<typeof tile>[1], count: number): Promise<void> =>
  expect(tile(page, status).locator("strong")).toHaveText(count.toLocaleString("en"));

async function addSample(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Add sample data" }).click();
  await expectCount(page, "all", 24);
}

async function openForm(page: Page): Promise<Locator> {
  const form = page.getByRole("form", { name: "New task" });
  if (!(await form.isVisible())) await page.getByText("New task").click();
  return form;
}

async function addTask(page: Page, title: string): Promise<void> {
  const form = await openForm(page);
  await form.getByLabel("Title").fill(title);
  await form.getByLabel("Project").selectOption("Website");
  await form.getByRole("button", { name: "Add task" }).click();
  await expect(form.getByLabel("Title")).toHaveValue("");
}

/** Generates tasks and stops after the first batches. Answers how many there are then. */
async function generateSome(page: Page): Promise<number> {
  await page.getByRole("button", { name: "Generate 100,000 tasks" }).click();
  await page.getByText(/\d of 100,000$/).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  const said = page.getByText(/^Cancelled: [\d,]+ tasks in/);
  await said.waitFor();
  const added = Number(/Cancelled: ([\d,]+)/.exec(await said.innerText())![1]!.replaceAll(",", ""));
  await expectCount(page, "all", 24 + added);
  return 24 + added;
}

async function verify(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Verify" }).click();
  const report = page.locator(".report");
  await expect(report).toContainText(/All is well|problem/, { timeout: 30_000 });
  return report.innerText();
}

test("opens empty, and offers sample data", async ({ newTab }) => {
  const page = await newTab();
  await expect(page.getByRole("heading", { name: "An empty database" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Generate 100,000 tasks" })).toBeDisabled();
  await addSample(page);
  await expect(rows(page)).toHaveCount(24);
  expect((await countOf(page, "todo")) + (await countOf(page, "in_progress")) + (await countOf(page, "done"))).toBe(24);
  const costs = page.getByRole("region", { name: "What it costs" });
  await expect(costs).toContainText('withIndex("by_status"');
  await expect(costs).toContainText(/\d ms/);
  await expect(page.getByRole("region", { name: "Sizes" })).toContainText("12 rows");
});

test("adds, edits and deletes a task, and counts follow", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const todo = await countOf(page, "todo");
  const done = await countOf(page, "done");

  await addTask(page, "Water the tomatoes");
  await expectCount(page, "all", 25);
  await expectCount(page, "todo", todo + 1);
  const row = rows(page).first();
  await expect(row.getByLabel("Title")).toHaveValue("Water the tomatoes");
  await expect(row).toContainText("Website · nobody");

  await row.getByLabel("Status").selectOption("done");
  await expectCount(page, "todo", todo);
  await expectCount(page, "done", done + 1);
  await row.getByLabel("Title").fill("Water the peppers");
  await row.getByLabel("Title").press("Enter");
  await row.getByLabel("Priority").selectOption("high");
  await row.getByLabel("Due").fill("2026-03-09");
  await row.getByLabel("Due").press("Enter");
  await expect(page.getByRole("region", { name: "What it costs" })).toContainText("db.patch(task, { dueDate })");
  await page.reload();
  await expect(row.getByLabel("Title")).toHaveValue("Water the peppers");
  await expect(row.getByLabel("Status")).toHaveValue("done");
  await expect(row.getByLabel("Priority")).toHaveValue("high");
  await expect(row.getByLabel("Due")).toHaveValue("2026-03-09");

  await row.getByRole("button", { name: "Delete Water the peppers" }).click();
  await expectCount(page, "all", 24);
  await expect(rows(page).first().getByLabel("Title")).not.toHaveValue("Water the peppers");
  await page.getByRole("button", { name: "Undo" }).click();
  await expectCount(page, "all", 25);
  await expectCount(page, "done", done + 1);
});

test("shows the library's message about invalid input, and changes nothing", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const form = await openForm(page);
  const alert = form.getByRole("alert");
  await form.getByLabel("Title").fill("Without a project");
  await form.getByRole("button", { name: "Add task" }).click();
  await expect(alert).toContainText("SchemaEnforcementError");
  await expect(alert).toContainText("Path: .projectId");
  await expect(form.getByLabel("Project")).toHaveAttribute("aria-invalid", "true");

  await form.getByLabel("Project").selectOption("Greenhouse");
  await form.getByLabel("Priority").fill("urgent");
  await form.getByRole("button", { name: "Add task" }).click();
  await expect(alert).toContainText("Path: .priority");
  await expect(alert).toContainText('Value: "urgent"');
  await expect(form.getByLabel("Project")).not.toHaveAttribute("aria-invalid", "true");

  await form.getByLabel("Priority").fill("high");
  await form.getByLabel("Title").fill("  ");
  await form.getByRole("button", { name: "Add task" }).click();
  await expect(alert).toHaveText("A task needs a title.");
  await expectCount(page, "all", 24);

  await form.getByLabel("Title").fill("With all it needs");
  await form.getByRole("button", { name: "Add task" }).click();
  await expectCount(page, "all", 25);
  await expect(alert).toBeHidden();
});

test("pages through everything once, forth and back", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  await generateSome(page);
  await tile(page, "in_progress").click();
  await page.getByRole("combobox", { name: "Project" }).first().selectOption("Website");
  await page.getByRole("combobox", { name: "Rows on a page" }).selectOption("25");
  const pager = page.getByRole("navigation", { name: "Pages of tasks" });
  const place = pager.locator("output");
  await expect(page.getByRole("region", { name: "What it costs" })).toContainText("by_project_and_status");
  await expect(place).toHaveText(/^1 to \d+ of/);
  const total = Number(/of ([\d,]+)/.exec(await place.innerText())![1]!.replaceAll(",", ""));
  const idsShown = (): Promise<string[]> =>
    rows(page).evaluateAll((elements) => elements.map((element) => (element as HTMLElement).dataset["id"]!));

  const pages: string[][] = [];
  const next = pager.getByRole("button", { name: "Next page" });
  for (;;) {
    pages.push(await idsShown());
    if (pages.flat().length >= total) break;
    await next.click();
    await expect(place).toHaveText(new RegExp(`^${(pages.flat().length + 1).toLocaleString("en")} to`));
  }
  await expect(next).toBeDisabled();
  const ids = pages.flat();
  expect(ids.length).toBe(total);
  expect(new Set(ids).size).toBe(total);
  expect(total).toBeGreaterThan(25);
  for (const statusOf of await rows(page).getByLabel("Status").all()) await expect(statusOf).toHaveValue("in_progress");
  for (let i = pages.length - 2; i >= 0; i -= 1) {
    await pager.getByRole("button", { name: "Previous" }).click();
    await expect.poll(idsShown).toEqual(pages[i]);
  }
});

test("filters and orders by index", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const choice = page.getByRole("group", { name: "Which tasks" });
  const dates = (): Promise<string[]> =>
    rows(page)
      .getByLabel("Due")
      .evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value));
  await choice.getByLabel("Order").selectOption("Due soonest");
  await expect.poll(async () => (await dates()).includes("")).toBe(false);
  const soonest = await dates();
  expect(soonest.length).toBeGreaterThan(5);
  expect(soonest).toEqual([...soonest].sort());
  await choice.getByLabel("Order").selectOption("Due latest");
  await expect.poll(dates).toEqual([...soonest].sort().reverse());

  const [from, to] = [soonest[2]!, soonest[5]!];
  await choice.getByLabel("Due from").fill(from);
  await choice.getByLabel("Due to").fill(to);
  await expect.poll(dates).toEqual(soonest.filter((date) => date >= from && date <= to).reverse());
  // The same range as a filter over another order.
  await choice.getByLabel("Order").selectOption("Oldest first");
  await expect.poll(async () => (await dates()).sort()).toEqual(soonest.filter((date) => date >= from && date <= to));
  await expect(page.getByRole("region", { name: "What it costs" })).toContainText("by_creation_time + filter");
  await choice.getByRole("button", { name: "Clear" }).click();
  await expect(rows(page)).toHaveCount(24);

  await choice.getByLabel("Assignee").selectOption("Emi Takahashi");
  await expect(page.getByRole("region", { name: "What it costs" })).toContainText("by_assignee");
  for (const row of await rows(page).all()) await expect(row).toContainText("Emi Takahashi");
  const hers = await rows(page).count();
  await choice.getByLabel("Assignee").selectOption("Nobody");
  await expect(rows(page).first()).toContainText("nobody");
  for (const row of await rows(page).all()) await expect(row).toContainText("nobody");
  expect(hers + (await rows(page).count())).toBeLessThan(24);
});

test("imports 3,201 movies with gaps and numbers among the titles", async ({ newTab }) => {
  const page = await newTab("/#movies");
  await page.getByRole("button", { name: "Import movies" }).click();
  await expect(page.locator(".total")).toHaveText("3,201 movies");
  const place = page.getByRole("navigation", { name: "Pages of movies" }).locator("output");
  await expect(place).toHaveText("1 to 25 of 3,201");
  await expect(page.getByRole("region", { name: "Sizes" })).toContainText("3,201 rows");

  await page.getByLabel("Order").selectOption("title asc");
  await expect(rows(page).first()).toContainText("no title");
  await expect(rows(page).nth(1).locator(".name")).toHaveText("9");
  await expect(rows(page).locator(".badge")).toHaveCount(9);

  await page.getByLabel("Order").selectOption("rating desc");
  await page.getByLabel("Genre").selectOption("Western (36)");
  await expect(place).toHaveText("1 to 25 of 36");
  await page.getByRole("button", { name: "Next page" }).click();
  await expect(place).toHaveText("26 to 36 of 36");
  await page.getByLabel("Genre").selectOption("Unknown (275)");
  await expect(place).toHaveText("1 to 25 of 275");
  await page.getByLabel("Genre").selectOption("");
  await page.getByLabel("Rated at least").fill("9");
  await page.getByLabel("Rated at least").press("Enter");
  await expect(rows(page)).toHaveCount(4);

  await page.reload();
  await expect(page.locator(".total")).toHaveText("3,201 movies");
  expect(await verify(page)).toContain("All is well. 3,201 rows");
});

test("verify finds nothing wrong, and a reload keeps everything", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const total = await generateSome(page);
  const before = await verify(page);
  expect(before).toContain("All is well.");
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
  await second.getByRole("button", { name: "Refresh" }).click();
  await expectCount(second, "all", 25);
  await expect(rows(second).first().getByLabel("Title")).toHaveValue("From the first tab");

  // The window that one comes back to follows by itself.
  await rows(second).first().getByLabel("Status").selectOption("done");
  await expect(second.locator("#state")).toHaveText("All saved");
  await first.evaluate(() => window.dispatchEvent(new Event("focus")));
  await expect(rows(first).first().getByLabel("Status")).toHaveValue("done");

  // Both at the same time: forms in turn, and the generator in both.
  const names = Array.from({ length: 5 }, (_, i) => i + 1);
  const add = async (page: Page, from: string): Promise<void> => {
    for (const n of names) await addTask(page, `${from} ${n}`);
  };
  await Promise.all([add(first, "First"), add(second, "Second")]);
  for (const page of [first, second]) {
    await page.getByRole("button", { name: "Refresh" }).click();
    await expectCount(page, "all", 35);
    const titles = await rows(page)
      .getByLabel("Title")
      .evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value));
    const expected = names.flatMap((n) => [`First ${n}`, `Second ${n}`]);
    expect(titles.slice(0, 10).sort()).toEqual(expected.sort());
  }
  const generate = async (page: Page): Promise<number> => {
    await page.getByRole("button", { name: "Generate 100,000 tasks" }).click();
    await page.getByText(/\d of 100,000$/).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    const said = page.getByText(/^Cancelled: [\d,]+ tasks in/);
    await said.waitFor();
    return Number(/Cancelled: ([\d,]+)/.exec(await said.innerText())![1]!.replaceAll(",", ""));
  };
  const added = await Promise.all([generate(first), generate(second)]);
  for (const page of [first, second]) {
    await page.getByRole("button", { name: "Refresh" }).click();
    await expectCount(page, "all", 35 + added[0] + added[1]);
    expect(await verify(page)).toContain("All is well.");
  }
});

test("the durability that is chosen stays chosen", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  await page.getByLabel("Durability").selectOption("strict");
  await expect(page.getByText("saved with strict durability")).toBeVisible();
  await addTask(page, "On the disk");
  await page.reload();
  await expect(page.getByLabel("Durability")).toHaveValue("strict");
  await expectCount(page, "all", 25);
});

test("deletes the database after a question, and another tab says so", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const other = await newTab();
  await expectCount(other, "all", 24);
  await page.bringToFront();
  const ask = async (): Promise<Locator> => {
    await page.getByRole("button", { name: "Delete database" }).click();
    return page.getByRole("dialog");
  };
  await (await ask()).getByRole("button", { name: "Keep it" }).click();
  await expectCount(page, "all", 24);
  await (await ask()).getByRole("button", { name: "Delete everything" }).click();
  await expect(page.getByRole("heading", { name: "An empty database" })).toBeVisible();
  await expect(other.getByRole("alert")).toContainText("deleted");
  await expect(other.getByRole("heading", { name: "The database is gone" })).toBeVisible();
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

test("is usable with the keyboard, and on a phone", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  await page.getByRole("tab", { name: "Tasks" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Movies" })).toBeFocused();
  await expect(page.getByRole("button", { name: "Import movies" })).toBeVisible();
  await page.keyboard.press("ArrowLeft");
  await expect(rows(page)).toHaveCount(24);
  // Focus stays where it is when a change is saved.
  const priority = rows(page).nth(2).getByLabel("Priority");
  await priority.focus();
  await priority.selectOption("low");
  await expect(page.getByRole("region", { name: "What it costs" })).toContainText("db.patch(task, { priority })");
  await expect(priority).toBeFocused();

  await page.setViewportSize({ width: 375, height: 740 });
  const width = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth);
  expect(await width()).toBe(375);
  for (const control of await rows(page).first().locator("input, select, button").all()) {
    const { x, width: wide } = (await control.boundingBox())!;
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x + wide).toBeLessThanOrEqual(375);
  }
});
