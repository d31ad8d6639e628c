/** The page of www, as a person uses it: documents. */
import { expect } from "@playwright/test";
import {
  addSample,
  addTask,
  change,
  countOf,
  expectCount,
  expectListed,
  growTall,
  openForm,
  rows,
  test,
  value,
  valuesOf,
  verify,
} from "./www_page.js";

test("opens empty, and offers sample data", async ({ newTab }) => {
  const page = await newTab();
  await expect(page.getByRole("heading", { name: "An empty database" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Generate 100,000 tasks" })).toBeDisabled();
  await addSample(page);
  await expectListed(page, 24);
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
  const expectValues = async (values: Record<string, string>): Promise<void> => {
    for (const [field, text] of Object.entries(values)) await expect(value(row, field)).toHaveText(text);
  };
  await expectValues({ title: "Water the tomatoes", projectId: "Website", assigneeId: "nobody", dueDate: "–" });
  // What it took stands beside the list, though the page has asked much since.
  await expect(page.getByLabel("The last change")).toContainText('db.insert("tasks", task)');
  await expect(page.getByLabel("The last change")).toBeInViewport();

  await change(row, "status", { choose: "done" });
  await expectCount(page, "todo", todo);
  await expectCount(page, "done", done + 1);
  await change(row, "title", "Water the peppers");
  await change(row, "priority", { choose: "high" });
  await change(row, "projectId", { choose: "Greenhouse" });
  await change(row, "assigneeId", { choose: "Emi Takahashi" });
  await change(row, "dueDate", "2026-03-09");
  await expect(page.getByLabel("The last change")).toContainText("db.patch(task, { dueDate })");
  await row.getByRole("button", { name: "Edit" }).click();
  const form = page.getByRole("form", { name: "Edit task" });
  await form.getByLabel("Description").fill("Both beds.");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByLabel("The last change")).toContainText("db.patch(task, { description })");
  await page.reload();
  const edited = { title: "Water the peppers", status: "Done", priority: "High", dueDate: "Mar 9, 2026" };
  await expectValues({ ...edited, projectId: "Greenhouse", assigneeId: "Emi Takahashi" });
  await row.getByRole("button", { name: "Edit" }).click();
  await expect(form.getByLabel("Description")).toHaveValue("Both beds.");
  await expect(form.getByLabel("Completed")).not.toHaveValue("");
  await form.getByLabel("Description").fill("");
  await form.getByLabel("Assignee").selectOption("Nobody");
  await form.getByRole("button", { name: "Save" }).click();
  await expectValues({ ...edited, assigneeId: "nobody" });

  // A rule of the form is a rule of the list.
  await change(row, "title", "  ");
  await expect(page.getByRole("alert")).toHaveText(/Title can't be empty\./);
  await expectValues({ title: "Water the peppers" });
  // What was wrong is past when something else is right.
  await change(row, "priority", { choose: "low" });
  await expectValues({ priority: "Low" });
  await expect(page.getByRole("alert")).toHaveCount(0);

  await row.getByRole("button", { name: "Delete Water the peppers" }).click();
  await expectCount(page, "all", 24);
  await expect(value(rows(page).first(), "title")).not.toHaveText("Water the peppers");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("is back, under its old id")).toBeVisible();
  await expectCount(page, "all", 25);
  await expectCount(page, "done", done + 1);
});

test("shows the library's message about invalid input, and changes nothing", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const form = await openForm(page);
  const alert = form.getByRole("alert");
  const submit = (): Promise<void> => form.getByRole("button", { name: "Add task" }).click();
  await form.getByLabel("Title").fill("Without a project");
  await submit();
  await expect(alert).toContainText("SchemaEnforcementError");
  await expect(alert).toContainText("Path: .projectId");
  await expect(form.getByLabel("Project")).toHaveAttribute("aria-invalid", "true");

  await form.getByLabel("Project").selectOption("Greenhouse");
  await form.getByLabel("Title").fill("  ");
  await submit();
  await expect(alert).toHaveText("Title can't be empty.");
  await expect(form.getByLabel("Project")).not.toHaveAttribute("aria-invalid", "true");
  await expectCount(page, "all", 24);

  // The error is there as long as the field is wrong, whatever else is typed.
  await form.getByLabel("Description").fill("None");
  await form.getByLabel("Title").fill(" ");
  await expect(alert).toBeVisible();
  await form.getByLabel("Title").fill("With all it needs");
  await expect(alert).toBeHidden();
  await expect(form.getByLabel("Title")).not.toHaveAttribute("aria-invalid", "true");
  await submit();
  await expectCount(page, "all", 25);
  await expect(form).toBeHidden();
});

test("pages through everything once, forth and back", async ({ newTab }) => {
  const page = await newTab("/#movies");
  await page.getByRole("button", { name: "Import movies" }).click();
  await page.getByLabel("Genre").selectOption("Western (36)");
  await page.getByRole("combobox", { name: "Rows on a page" }).selectOption("10");
  const pager = page.getByRole("navigation", { name: "Pages of movies" });
  const place = pager.locator("output");
  await expect(page.getByRole("region", { name: "What it costs" })).toContainText("by_genre_and_rating");
  await expect(place).toHaveText("1 to 10 of 36");
  const total = 36;
  const idsShown = (): Promise<string[]> =>
    rows(page).evaluateAll((elements) => elements.map((element) => (element as HTMLElement).dataset["id"]!));

  const pages: string[][] = [];
  const next = pager.getByRole("button", { name: "Next page" });
  for (;;) {
    pages.push(await idsShown());
    if (pages.flat().length >= total) break;
    await next.click();
    await expect(place).toHaveText(new RegExp(`^${pages.flat().length + 1} to`));
  }
  await expect(next).toBeDisabled();
  const ids = pages.flat();
  expect(ids.length).toBe(total);
  expect(new Set(ids).size).toBe(total);
  expect(new Set(await valuesOf(page, "genre"))).toEqual(new Set(["Western"]));
  for (let i = pages.length - 2; i >= 0; i -= 1) {
    await pager.getByRole("button", { name: "Previous" }).click();
    await expect.poll(idsShown).toEqual(pages[i]);
  }

  // The end is one step away, and its pages are the same from there.
  await pager.getByRole("button", { name: "Last page" }).click();
  for (let i = pages.length - 1; i >= 0; i -= 1) {
    await expect.poll(idsShown).toEqual(pages[i]);
    await expect(place).toHaveText(new RegExp(`^${pages.slice(0, i).flat().length + 1} to \\d+ of ${total}$`));
    if (i > 0) await pager.getByRole("button", { name: "Previous" }).click();
  }
  await expect(pager.getByRole("button", { name: "Previous" })).toBeDisabled();
  await next.click();
  await expect.poll(idsShown).toEqual(pages[1]);
  await pager.getByRole("button", { name: "First page" }).click();
  await expect.poll(idsShown).toEqual(pages[0]);
});

test("filters and orders by index", async ({ newTab }) => {
  const page = await newTab();
  await growTall(page);
  await addSample(page);
  const choice = page.getByRole("group", { name: "Which tasks" });
  const dates = async (): Promise<string[]> =>
    (await valuesOf(page, "dueDate"))
      .filter((text) => text !== "–")
      .map((text) => new Date(`${text} UTC`).toISOString().slice(0, 10));
  await choice.getByLabel("Order").selectOption("Due soonest");
  // Those that are not due at all don't come first.
  await expect.poll(async () => (await valuesOf(page, "dueDate")).includes("–")).toBe(false);
  const soonest = await dates();
  // They are not in this order, and the page says so.
  const leftOut = page.getByText("not in this order");
  const told = (count: number): string =>
    `${count === 1 ? "1 task with no value in “Due” is" : `${count} tasks with no value in “Due” are`} not in this order; “Due latest” lists all.`;
  await expect(leftOut).toHaveText(told(24 - soonest.length));
  await expect(rows(page)).toHaveCount(soonest.length);
  expect(soonest.length).toBeGreaterThan(5);
  expect(soonest).toEqual([...soonest].sort());
  await choice.getByLabel("Order").selectOption("Due latest");
  await expect.poll(dates).toEqual([...soonest].sort().reverse());
  await expect(rows(page)).toHaveCount(24);
  await expect(leftOut).toHaveCount(0);

  // The same within a project. A filter has not counted them, so there is no number then.
  await choice.getByLabel("Order").selectOption("Due soonest");
  await choice.getByLabel("Project").selectOption("Website");
  await expect.poll(async () => new Set(await valuesOf(page, "projectId"))).toEqual(new Set(["Website"]));
  const due = await rows(page).count();
  await choice.getByLabel("Order").selectOption("Due latest");
  await expect.poll(() => rows(page).count()).toBeGreaterThan(due);
  const ofProject = await rows(page).count();
  await choice.getByLabel("Order").selectOption("Due soonest");
  await expect(leftOut).toHaveText(told(ofProject - due));
  await choice.getByLabel("Assignee").selectOption("Emi Takahashi");
  await expect(leftOut).toHaveText(/^Tasks with no value in “Due” are not in this order;/);
  await choice.getByRole("button", { name: "Clear" }).click();
  await choice.getByLabel("Order").selectOption("Due latest");
  await expect(rows(page)).toHaveCount(24);

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

  const assignees = async (): Promise<string[]> => [...new Set(await valuesOf(page, "assigneeId"))];
  await choice.getByLabel("Assignee").selectOption("Emi Takahashi");
  await expect(page.getByRole("region", { name: "What it costs" })).toContainText("by_assignee");
  await expect.poll(assignees).toEqual(["Emi Takahashi"]);
  const hers = await rows(page).count();
  await choice.getByLabel("Assignee").selectOption("Nobody");
  await expect.poll(assignees).toEqual(["nobody"]);
  expect(hers + (await rows(page).count())).toBeLessThan(24);

  await choice.getByLabel("Due from").fill("2099-01-01");
  await expect(page.getByText("No task is like this.")).toBeVisible();
  await expect(page.getByRole("navigation")).toBeHidden();
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(rows(page)).toHaveCount(24);
});

test("lists, adds, edits and deletes in every table", async ({ newTab }) => {
  const page = await newTab();
  await growTall(page);
  await addSample(page);
  const tables: [
    table: string,
    one: string,
    count: number,
    fill: Record<string, string>,
    shown: Record<string, string>,
  ][] = [
    [
      "projects",
      "project",
      4,
      { Name: "Mill", Owner: "Emi Takahashi", Tags: "wood, water", Public: "Yes" },
      { name: "Mill", ownerId: "Emi Takahashi", "settings.tags": "wood, water", "settings.isPublic": "Yes" },
    ],
    [
      "users",
      "user",
      6,
      { Email: "gus@example.com", "BetterAuth id": "auth-7", Name: "Gus" },
      { email: "gus@example.com", name: "Gus", subscriptionTier: "–" },
    ],
    [
      "project_members",
      "member",
      12,
      { Project: "Catalogue", User: "Ben Lindqvist", Role: "Editor" },
      { projectId: "Catalogue", userId: "Ben Lindqvist", role: "Editor" },
    ],
    [
      "subscriptions",
      "subscription",
      6,
      {
        User: "Ben Lindqvist",
        "Polar id": "polar-7",
        Amount: "1900",
        "Period from": "2026-01-05T10:00",
        "Period to": "2026-02-04T10:00",
      },
      { userId: "Ben Lindqvist", amount: "1,900", currentPeriodEnd: "Feb 4, 2026" },
    ],
  ];
  for (const [table, one, count, fill, shown] of tables) {
    await page.locator(`#tab-${table}`).click();
    await expect(rows(page)).toHaveCount(count);
    const form = await openForm(page, `New ${one}`);
    for (const [label, text] of Object.entries(fill)) {
      const control = form.getByLabel(label).first();
      if ((await control.evaluate(({ localName }) => localName)) === "select") await control.selectOption(text);
      else await control.fill(text);
    }
    await form.getByRole("button", { name: `Add ${one}` }).click();
    await expect(form).toBeHidden();
    await expect(rows(page)).toHaveCount(count + 1);
    const row = rows(page).first();
    for (const [field, text] of Object.entries(shown)) await expect(value(row, field)).toHaveText(text);
    await row.getByRole("button", { name: "Delete" }).click();
    await expect(rows(page)).toHaveCount(count);
    await page.getByRole("button", { name: "Undo" }).click();
    await expect(rows(page)).toHaveCount(count + 1);
    for (const [field, text] of Object.entries(shown)) await expect(value(row, field)).toHaveText(text);
  }

  // What others name is gone for them too, until it is back.
  await page.locator("#tab-projects").click();
  await rows(page).filter({ hasText: "Website" }).getByRole("button", { name: "Delete" }).click();
  await expect(
    page.getByText(/Deleted “Website”\. By its id it is still named by \d+ tasks and 3 members\./),
  ).toBeVisible();
  await page.locator("#tab-tasks").click();
  await expect.poll(() => valuesOf(page, "projectId")).toContain("a project that is gone");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => valuesOf(page, "projectId")).not.toContain("a project that is gone");

  // One field of an object leaves the others alone, and an optional field may be emptied.
  await page.locator("#tab-projects").click();
  const greenhouse = rows(page).filter({ hasText: "Greenhouse" });
  await change(greenhouse, "settings.isPublic", { choose: "true" });
  await expect(value(greenhouse, "settings.isPublic")).toHaveText("Yes");
  await expect(value(greenhouse, "settings.tags")).toHaveText("building");
  await change(greenhouse, "description", "");
  await expect(value(greenhouse, "description")).toHaveText("–");

  // Filters go by the indexes.
  const costs = page.getByRole("region", { name: "What it costs" });
  await page.getByRole("group", { name: "Which projects" }).getByLabel("Status").selectOption("Archived");
  await expect.poll(() => valuesOf(page, "name")).toEqual(["Move to the harbour"]);
  await expect(costs).toContainText("by_status");
  await page.locator("#tab-users").click();
  await page.getByRole("group", { name: "Which users" }).getByLabel("Email").fill("ch");
  await page.getByRole("group", { name: "Which users" }).getByLabel("Email").press("Enter");
  await expect.poll(() => valuesOf(page, "email")).toEqual(["chiara@example.com"]);
  await expect(costs).toContainText("by_email");
  await page.getByRole("group", { name: "Which users" }).getByRole("button", { name: "Clear" }).click();
  await page.getByRole("group", { name: "Which users" }).getByLabel("Subscription").selectOption("Unknown (1)");
  await expect.poll(() => valuesOf(page, "email")).toEqual(["gus@example.com"]);
  expect(await verify(page)).toContain("All is well. 56 rows");
});

test("a row stays the same element while others change and move around it", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const other = await newTab();
  await page.bringToFront();
  await page.evaluate(() => {
    for (const row of document.querySelectorAll("tbody tr")) row.setAttribute("data-mark", "");
  });
  const marked = await page.locator("tbody tr[data-mark]").count();
  // Somebody types, and meanwhile another tab changes this row and puts one above it.
  await value(rows(page).nth(3), "title").click();
  await page.keyboard.type("Half of a ti");
  await addTask(other, "On top");
  await change(rows(other).nth(4), "priority", { choose: "high" });
  await expect(value(rows(page).first(), "title")).toHaveText("On top");
  await expect(rows(page).nth(4).locator('[name="title"]')).toBeFocused();
  await page.keyboard.type("tle");
  await page.keyboard.press("Enter");
  await expect(value(rows(page).nth(4), "title")).toHaveText("Half of a title");
  await expect(value(rows(page).nth(4), "priority")).toHaveText("High");
  await expect(value(rows(other).nth(4), "title")).toHaveText("Half of a title");
  // The last one may have been moved out of what is there.
  expect(await page.locator("tbody tr[data-mark]").count()).toBeGreaterThanOrEqual(marked - 1);
});

test("shows the log's tail: numbers, changes, sizes and times", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const tail = page.getByRole("list", { name: "The log's tail" }).getByRole("listitem");
  await expect(tail.first()).toHaveText(/#\d+52 inserted[\d.]+ KB\d\d:\d\d:\d\d$/);
  await change(rows(page).first(), "title", "Changed");
  await expect(tail.first()).toHaveText(/#\d+1 updated\d+ B\d\d:\d\d:\d\d$/);
  const other = await newTab();
  await expect(other.getByRole("list", { name: "The log's tail" }).getByRole("listitem").first()).toHaveText(
    /1 updated.*earlier$/,
  );
  await rows(page).first().getByRole("button", { name: "Delete" }).click();
  await expect(other.getByRole("list", { name: "The log's tail" }).getByRole("listitem").first()).toHaveText(
    /1 deleted.*, another tab$/,
  );
});

test("imports 3,201 movies with gaps and numbers among the titles", async ({ newTab }) => {
  const page = await newTab("/#movies");
  await page.getByRole("button", { name: "Import movies" }).click();
  await expect(page.locator(".total")).toHaveText("3,201 movies");
  const place = page.getByRole("navigation", { name: "Pages of movies" }).locator("output");
  await expect(place).toHaveText("1 to 25 of 3,201");
  await expect(page.getByRole("region", { name: "Sizes" })).toContainText("3,201 rows");
  // Numbers are whole, with room to spare for a scroll bar and other fonts.
  const gross = value(rows(page).filter({ hasText: "Toy Story 3" }), "worldwideGross");
  await expect(gross).toHaveText("1,046,340,665");
  const [given, needed] = await gross.evaluate((button) => {
    const text = document.createRange();
    text.selectNodeContents(button);
    return [button.clientWidth, text.getBoundingClientRect().width] as const;
  });
  expect(given).toBeGreaterThan(needed + 20);

  await page.getByLabel("Order").selectOption("title asc");
  await expect(value(rows(page).first(), "title")).toHaveText("9");
  await expect(rows(page).locator(".odd")).toHaveCount(9);
  await page.getByLabel("Order").selectOption("imdbRating asc");
  await expect(value(rows(page).first(), "imdbRating")).toHaveText("1.4");
  await expect(place).toHaveText("1 to 25 of 2,988");
  await expect(page.getByText("213 movies with no value in “IMDB” are not in this order")).toBeVisible();

  await page.getByLabel("Order").selectOption("imdbRating desc");
  await page.getByLabel("Genre").selectOption("Western (36)");
  await expect(place).toHaveText("1 to 25 of 36");
  await page.getByRole("button", { name: "Next page" }).click();
  await expect(place).toHaveText("26 to 36 of 36");
  await page.getByLabel("Genre").selectOption("Unknown (275)");
  await expect(place).toHaveText("1 to 25 of 275");
  await page.getByLabel("Genre").selectOption("");
  await page.getByLabel("IMDB at least").fill("9");
  await page.getByLabel("IMDB at least").press("Enter");
  await expect(rows(page)).toHaveCount(4);
  await page.getByLabel("IMDB at least").fill("11");
  await page.getByLabel("IMDB at least").press("Enter");
  await expect(page.getByText("No movie is like this.")).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByLabel("Title").fill("The God");
  await page.getByLabel("Title").press("Enter");
  await expect
    .poll(async () => (await valuesOf(page, "title")).every((title) => title.startsWith("The God")))
    .toBe(true);
  expect(await rows(page).count()).toBeGreaterThan(2);

  await page.reload();
  await expect(page.locator(".total")).toHaveText("3,201 movies");
  expect(await verify(page)).toContain("All is well. 3,201 rows");
});

test("is usable with the keyboard, and on a phone", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  await page.getByRole("tab", { name: "Tasks" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Projects" })).toBeFocused();
  await expect(rows(page)).toHaveCount(4);
  await page.keyboard.press("ArrowLeft");
  await expectListed(page, 24);
  // Focus stays where it is when a change is saved.
  await value(rows(page).nth(2), "title").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("By keyboard alone");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("The last change")).toContainText("db.patch(task, { title })");
  await expect(value(rows(page).nth(2), "title")).toHaveText("By keyboard alone");
  await expect(value(rows(page).nth(2), "title")).toBeFocused();

  await page.setViewportSize({ width: 375, height: 740 });
  const width = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth);
  expect(await width()).toBe(375);
  for (const control of await rows(page).first().locator("button").all()) {
    const { x, width: wide } = (await control.boundingBox())!;
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x + wide).toBeLessThanOrEqual(375);
  }
  // What begins a line stands below the title: a chip by its border, the rest by its text.
  const left = (field: string): Promise<number> =>
    value(rows(page).first(), field).evaluate((button) => {
      const text = document.createRange();
      text.selectNodeContents(button);
      return (button.matches(".is-choice") ? button : text).getBoundingClientRect().left;
    });
  expect(Math.abs((await left("status")) - (await left("title")))).toBeLessThanOrEqual(1);
  // What stands beside the list elsewhere is one tap away.
  await expect(page.getByRole("button", { name: "Verify" })).toBeHidden();
  await page.getByRole("button", { name: "Database", exact: true }).click();
  await expect(page.getByRole("button", { name: "Verify" })).toBeInViewport();
  await page.getByRole("button", { name: "Verify" }).click();
  await expect(page.locator(".report")).toContainText("All is well");
  expect(await width()).toBe(375);
});
