/** The page of www with projects, as two people use it who share them by a stock sync server. */
import { expect, type Page } from "@playwright/test";
import {
  addTask,
  card,
  details,
  fits,
  handle,
  joinBy,
  makeProject,
  notes,
  online,
  rename,
  settle,
  share,
  state,
  synced,
  test,
  titles,
} from "./www_projects_page.js";

const tasks = ["Measure the wall", "Compare ovens"];

/** Ada has a project, and Bea has joined it. */
async function shared(
  person: (name: string, wish?: { server: Parameters<typeof settle>[2] }) => Promise<Page>,
  server: Parameters<typeof settle>[2],
): Promise<[ada: Page, bea: Page, link: string]> {
  const ada = await person("Ada", { server });
  await makeProject(ada, "New kitchen", tasks);
  const link = await share(ada);
  await synced(ada);
  const bea = await person("Bea", { server });
  await joinBy(bea, link);
  await expect(titles(bea, "To do")).toHaveText(tasks);
  await synced(bea);
  return [ada, bea, link];
}

test("a project is shared by an address, and what both do is seen by both", async ({ person, server }) => {
  const ada = await person("Ada", { server });
  await makeProject(ada, "New kitchen", tasks);
  const link = await share(ada);
  expect(link).toMatch(/\/projects\/#automerge:\w+$/);
  await synced(ada);

  // Somebody who has never been here, and has no server set yet.
  const bea = await person("Bea", { address: link });
  const waiting = bea.getByRole("region", { name: "Projects that are waited for" });
  await expect(waiting).toContainText("none is set here");
  expect(bea.url()).not.toContain("automerge:");
  await settle(bea, "Bea", server);
  await expect(titles(bea, "To do")).toHaveText(tasks);
  await expect(waiting).toHaveCount(0);

  await rename(bea, "Compare ovens", "Compare three ovens");
  await expect(titles(ada, "To do")).toHaveText(["Measure the wall", "Compare three ovens"]);
  await details(ada, "Measure the wall");
  await ada.getByLabel("Priority of Measure the wall").selectOption("High");
  await ada.getByLabel("Due date of Measure the wall").fill("2031-03-04");
  await ada.getByLabel("Assignee of Measure the wall").selectOption("Ada");
  await expect(card(bea, "Measure the wall")).toContainText("High");
  await expect(card(bea, "Measure the wall")).toContainText("Due 4 Mar 2031");
  await expect(card(bea, "Measure the wall").locator(".face")).toContainText("Ada");

  // Letters of both go beside each other.
  await details(bea, "Measure the wall");
  await notes(ada, "Measure the wall").pressSequentially("Twice.");
  await expect(notes(bea, "Measure the wall")).toHaveValue("Twice.");
  await notes(bea, "Measure the wall").press("Control+Home");
  await notes(bea, "Measure the wall").pressSequentially("With Jo: ");
  for (const page of [ada, bea]) await expect(notes(page, "Measure the wall")).toHaveValue("With Jo: Twice.");

  await ada.getByRole("button", { name: "History of Measure the wall" }).click();
  const entries = ada.getByRole("dialog", { name: /^History/ }).locator(".entries > li");
  await expect(entries.first()).toHaveText(/^Bea.*Notes: “Twice\.” → “With Jo: Twice\.”now$/);
  await expect(entries.nth(1)).toHaveText(/^Ada \(you\).*Notes: nothing → “Twice\.”/);
  await expect(entries.last()).toHaveText(/^Ada \(you\).*Made as “Measure the wall”/);
});

test("what both change while one is offline meets later, and of one field either value can be chosen", async ({
  person,
  server,
}) => {
  const [ada, bea] = await shared(person, server);
  await online(bea, false);
  await expect(state(bea)).toHaveText(/^Offline/);
  await rename(bea, "Compare ovens", "Buy an oven");
  await addTask(bea, "Choose tiles");
  await rename(ada, "Compare ovens", "Keep the oven");
  await synced(ada);
  // The wish is kept, and so is what was done.
  await bea.reload();
  await expect(bea.getByRole("switch", { name: "Online" })).not.toBeChecked();
  await expect(titles(bea, "To do")).toHaveText(["Measure the wall", "Buy an oven", "Choose tiles"]);
  await expect(titles(ada, "To do")).toHaveText(["Measure the wall", "Keep the oven"]);

  await online(bea, true);
  for (const page of [ada, bea]) {
    await expect(titles(page, "To do")).toHaveCount(3);
    await expect(page.getByText("1 conflict")).toBeVisible();
    await synced(page);
  }
  const shown = await titles(ada, "To do").nth(1).innerText();
  await expect(titles(bea, "To do").nth(1)).toHaveText(shown);
  const other = shown === "Buy an oven" ? "Keep the oven" : "Buy an oven";
  await bea.getByRole("button", { name: `Conflict in ${shown}` }).press("Enter");
  await bea.getByRole("button", { name: `Use “${other}”` }).press("Enter");
  for (const page of [ada, bea]) {
    await expect(titles(page, "To do").nth(1)).toHaveText(other);
    await expect(page.getByText("1 conflict")).toHaveCount(0);
  }
});

test("tasks move by keys and by pointer, in their column and between columns, and it can be undone", async ({
  person,
}) => {
  const page = await person("Ada");
  await makeProject(page, "New kitchen", ["One", "Two", "Three"]);
  await handle(page, "Three").press("ArrowUp");
  await expect(titles(page, "To do")).toHaveText(["One", "Three", "Two"]);
  await expect(handle(page, "Three")).toBeFocused();
  await expect(page.getByText("“Three” is in To do now, 2 of 3.")).toBeAttached();
  await page.keyboard.press("ArrowRight");
  await expect(titles(page, "Doing")).toHaveText(["Three"]);
  await expect(handle(page, "Three")).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(titles(page, "Done")).toHaveText(["Three"]);
  await page.keyboard.press("ArrowRight");
  await expect(page.getByText("There is no column there.")).toBeAttached();

  await page.keyboard.press("Control+z");
  await expect(titles(page, "Doing")).toHaveText(["Three"]);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(titles(page, "To do")).toHaveText(["One", "Two", "Three"]);
  await page.getByRole("button", { name: "Redo" }).click();
  await expect(titles(page, "To do")).toHaveText(["One", "Three", "Two"]);

  const drag = async (title: string, to: string, part: number): Promise<void> => {
    const [from, target] = [(await handle(page, title).boundingBox())!, (await card(page, to).boundingBox())!];
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(target.x + target.width / 2, target.y + target.height * part, { steps: 4 });
    await expect(page.locator(".gap")).toHaveCount(1);
    await page.mouse.up();
  };
  await drag("Two", "One", 0.2);
  await expect(titles(page, "To do")).toHaveText(["Two", "One", "Three"]);
  await handle(page, "One").press("ArrowRight");
  await expect(titles(page, "Doing")).toHaveText(["One"]);
  await drag("Two", "One", 0.8);
  await expect(titles(page, "Doing")).toHaveText(["One", "Two"]);
  // Who thinks better of it.
  const from = (await handle(page, "Two").boundingBox())!;
  await page.mouse.move(from.x + 5, from.y + 5);
  await page.mouse.down();
  await page.mouse.move(from.x - 300, from.y);
  await expect(page.locator(".gap")).toHaveCount(1);
  await page.keyboard.press("Escape");
  await expect(page.locator(".gap")).toHaveCount(0);
  await page.mouse.up();
  await page.reload();
  await expect(titles(page, "To do")).toHaveText(["Three"]);
  await expect(titles(page, "Doing")).toHaveText(["One", "Two"]);
});

test("a server that goes away is told with when it is tried again, and what was written meanwhile gets there", async ({
  person,
  server,
}) => {
  const [ada, bea] = await shared(person, server);
  await server.kill();
  for (const page of [ada, bea]) {
    await expect(state(page)).toHaveText(/^Not connected/);
    await expect(page.getByText("Not connected.", { exact: true })).toBeVisible();
    await expect(page.getByText(/^Trying again (in \d+ s|now)\.$/)).toBeVisible();
  }
  await addTask(ada, "Choose tiles");
  await expect(state(ada)).toHaveText("Not connected: 1 project waits");
  await ada.getByRole("button", { name: "Try now" }).click();
  await expect(state(ada)).toHaveText("Not connected: 1 project waits");
  await server.start();
  // By themselves: the longest wait before is a few seconds by now.
  await expect(state(ada)).toHaveText("Synced", { timeout: 20_000 });
  await expect(titles(bea, "To do")).toHaveText([...tasks, "Choose tiles"], { timeout: 20_000 });
  await expect(bea.getByText("Not connected.", { exact: true })).toHaveCount(0);
});

test("a project is waited for until it is there, also after a reload, or until somebody has had enough", async ({
  person,
  server,
}) => {
  const ada = await person("Ada", { server });
  await online(ada, false);
  await makeProject(ada, "New kitchen", tasks);
  const link = await share(ada);
  const bea = await person("Bea", { server });
  const waiting = bea.getByRole("region", { name: "Projects that are waited for" });
  await joinBy(bea, "nothing of the kind");
  await expect(bea.getByText("That is no link of a project")).toBeVisible();
  await joinBy(bea, link);
  await expect(waiting).toContainText(/the server does not have it yet/i);
  await bea.reload();
  await expect(waiting).toContainText(/the server does not have it yet/i);
  await waiting.getByRole("button", { name: "Cancel" }).click();
  await expect(waiting).toHaveCount(0);
  await joinBy(bea, link);
  await expect(waiting).toBeVisible();
  await online(ada, true);
  await synced(ada);
  await expect(titles(bea, "To do")).toHaveText(tasks);
});

test("what was deleted comes back: a task, and a project that one has deleted for all", async ({ person, server }) => {
  const [ada, bea] = await shared(person, server);
  await details(ada, "Compare ovens");
  await ada.getByRole("button", { name: "Delete Compare ovens" }).click();
  await expect(titles(bea, "To do")).toHaveText(["Measure the wall"]);
  await bea.getByText("Deleted tasks (1)").click();
  await bea.getByRole("main").getByRole("button", { name: "Restore" }).click();
  for (const page of [ada, bea]) await expect(titles(page, "To do")).toHaveText(tasks);

  await bea.getByRole("button", { name: "Delete or leave the project" }).click();
  await bea.getByRole("button", { name: "Delete for everybody" }).click();
  await expect(bea.getByRole("heading", { name: "No projects yet" })).toBeVisible();
  await expect(ada.getByRole("heading", { name: "This project is not here" })).toBeVisible();
  await ada.getByRole("link", { name: "All projects" }).click();
  await ada.getByText("Deleted projects (1)").click();
  await ada.getByRole("main").getByRole("button", { name: "Restore" }).click();
  await bea.getByRole("link", { name: "Open New kitchen" }).click();
  await expect(titles(bea, "To do")).toHaveText(tasks);
});

test("who leaves a project loses nothing unasked, and gets it again by its link", async ({ person, server }) => {
  const [ada, bea, link] = await shared(person, server);
  await online(bea, false);
  await addTask(bea, "Choose tiles");
  const leave = async (): Promise<void> => {
    await bea.getByRole("button", { name: /^Delete or leave/ }).click();
    await bea.getByRole("button", { name: "Remove from this device" }).click();
  };
  await leave();
  await expect(bea.getByText("The server may not have all of it.")).toBeVisible();
  await bea.getByRole("button", { name: "Cancel" }).click();
  await expect(titles(bea, "To do")).toHaveText([...tasks, "Choose tiles"]);
  await online(bea, true);
  await synced(bea);
  await leave();
  await expect(bea.getByRole("heading", { name: "No projects yet" })).toBeVisible();
  await expect(titles(ada, "To do")).toHaveText([...tasks, "Choose tiles"]);
  await bea.goto(link);
  await expect(titles(bea, "To do")).toHaveText([...tasks, "Choose tiles"]);
});

test("a backup brings back what was changed since, and others follow", async ({ person, server }) => {
  const [ada, bea] = await shared(person, server);
  const settings = (): Promise<void> => ada.getByRole("button", { name: "Settings" }).click();
  await settings();
  const download = ada.waitForEvent("download");
  await ada.getByRole("button", { name: "Back up" }).click();
  const file = await (await download).path();
  await ada.keyboard.press("Escape");
  await rename(bea, "Compare ovens", "Something else");
  await expect(titles(ada, "To do")).toHaveText(["Measure the wall", "Something else"]);
  await settings();
  await ada.getByLabel("Backup to restore").setInputFiles(file);
  await expect(ada.getByText("1 project with 2 tasks are here now.")).toBeVisible();
  await ada.getByRole("button", { name: "Restore it" }).click();
  await expect(ada.getByText(/^Restored: /)).toBeVisible();
  await ada.keyboard.press("Escape");
  for (const page of [ada, bea]) await expect(titles(page, "To do")).toHaveText(tasks);
});

test("tasks are found by their words, and members are made, renamed and assigned", async ({ person }) => {
  const page = await person("Ada");
  await makeProject(page, "New kitchen", tasks);
  await page.getByRole("button", { name: "Members" }).click();
  await page.getByLabel("Name of a new member").fill("Jo");
  await page.keyboard.press("Enter");
  await rename(page, "Jo", "Joan");
  await page.getByLabel("Colour of Joan").selectOption("Violet");
  await page.getByRole("button", { name: "Close" }).click();
  await details(page, "Compare ovens");
  await page.getByLabel("Assignee of Compare ovens").selectOption("Joan");
  await page.getByLabel("Search in this project").fill("joan OVENS");
  await expect(page.getByText("1 task of 2 found")).toBeVisible();
  await expect(titles(page, "To do")).toHaveText(["Compare ovens"]);
  await page.getByLabel("Search in this project").fill("nothing like it");
  await expect(titles(page, "To do")).toHaveCount(0);
  await page.reload();
  await expect(titles(page, "To do")).toHaveText(tasks);
  await expect(card(page, "Compare ovens")).toContainText("Joan");
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`on a phone nothing is wider than the screen, ${colorScheme}`, async ({ person, server }) => {
    const page = await person("Ada", { width: 400, address: "/", colorScheme });
    await fits(page);
    await page.getByRole("link", { name: "Projects" }).click();
    await expect(page.getByRole("heading", { name: "No projects yet" })).toBeVisible();
    await fits(page);
    await settle(page, "Ada-with-a-name-that-no-line-of-a-phone-can-hold-as-a-whole", server);
    const long = "A title that is longer than the screen, with-one-word-that-no-line-of-a-phone-can-hold-as-a-whole";
    await makeProject(page, long, [`${long}!`]);
    await details(page, `${long}!`);
    await page.getByLabel(/^Assignee of/).selectOption({ index: 1 });
    await notes(page, `${long}!`).fill(long);
    await fits(page);
    // Closed, a card shows their beginning.
    await details(page, `${long}!`);
    await expect(page.locator(".snippet")).toHaveText(long);
    await fits(page);
    await details(page, `${long}!`);
    for (const name of ["Members (1)", "Share", "Delete or leave the project", `History of ${long}!`, "Settings"]) {
      await page.getByRole("button", { name, exact: true }).click();
      const dialog = page.getByRole("dialog");
      await expect(dialog).toBeVisible();
      await fits(page);
      expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
      await page.keyboard.press("Escape");
      await expect(dialog).toHaveCount(0);
    }
    await server.kill();
    await expect(page.getByText("Not connected.", { exact: true })).toBeVisible();
    await fits(page);
    await page.getByRole("link", { name: "All projects" }).click();
    await joinBy(page, "automerge:4NMNnkMhL8jXrdJ9jamS58PAVdXu");
    await expect(page.getByText("It comes when the server can be reached.")).toBeVisible();
    await fits(page);
    await page.getByRole("link", { name: "Back to the database" }).click();
    await expect(page.getByRole("heading", { name: "An empty database" })).toBeVisible();
  });
}
