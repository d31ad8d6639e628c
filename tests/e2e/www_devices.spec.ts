/** The page of www with two devices, as a person uses it. */
import { expect } from "@playwright/test";
import {
  append,
  connect,
  laptopOf,
  met,
  notes,
  openHistory,
  opened,
  phoneOf,
  rename,
  samples,
  state,
  task,
  titles,
} from "./www_devices_page.js";
import { test } from "./www_page.js";

test("what is made on one device arrives on the other, by way of the docs worker", async ({ newTab, context }) => {
  const asked: string[] = [];
  context.on("request", (request) => asked.push(request.url()));
  const page = await opened(newTab);
  await met(page);
  expect(asked.filter((url) => /holdfast_docs_bg.*\.wasm/.test(url)).length).toBeGreaterThan(0);
  expect(asked.filter((url) => /docs_inlined/.test(url))).toEqual([]);

  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await phone.getByLabel("Title of a new task").fill("Buy lanterns");
  await phone.getByLabel("Title of a new task").press("Enter");
  await expect(titles(laptop)).toHaveText([...samples, "Buy lanterns"]);
  await laptop.getByLabel("Done: Buy lanterns").check();
  await expect(phone.getByLabel("Done: Buy lanterns")).toBeChecked();

  // A task may go elsewhere, on both.
  await laptop.getByLabel("Project of Buy lanterns").selectOption("New kitchen");
  await expect(titles(phone)).toHaveText(samples);
  await phone.getByRole("button", { name: "New kitchen" }).click();
  await expect(titles(phone)).toHaveText(["Measure the wall", "Compare ovens", "Buy lanterns"]);
  await expect(phone.getByLabel("Done: Buy lanterns")).toBeChecked();
  await met(page);
});

test("what is changed on both while they are apart is all there when they meet", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await connect(page, false);
  await expect(state(page)).toHaveText("Offline: no changes yet");
  await rename(laptop, "Borrow a tent", "Borrow two tents");
  await phone.getByLabel("Done: Borrow a tent").check();
  await append(laptop, "Invite the neighbours", " And 14.");
  await notes(phone, "Invite the neighbours").press("Control+Home");
  await notes(phone, "Invite the neighbours").pressSequentially("By Friday. ");
  for (let i = 0; i < 2; i += 1) await laptop.getByRole("button", { name: "Add a vote for Choose the music" }).click();
  await phone.getByRole("button", { name: "Add a vote for Choose the music" }).click();
  await expect(task(laptop, "Choose the music")).toContainText("2votes");
  await expect(state(page)).toHaveText("Offline: changes wait");
  await expect(titles(phone)).toHaveText(samples);

  await connect(page, true);
  for (const device of [laptop, phone]) {
    await expect(titles(device)).toHaveText(["Invite the neighbours", "Borrow two tents", "Choose the music"]);
    await expect(device.getByLabel("Done: Borrow two tents")).toBeChecked();
    await expect(notes(device, "Invite the neighbours")).toHaveValue("By Friday. Also those from number 12. And 14.");
    await expect(task(device, "Choose the music")).toContainText("3votes");
    await expect(device.getByRole("button", { name: /^Conflict/ })).toHaveCount(0);
  }
  await met(page);
});

test("both type into the same notes at once, and the cursor stays where it is", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  const title = "Choose the music";
  await notes(laptop, title).press("Control+End");
  await append(phone, title, " Swing.");
  await expect(notes(laptop, title)).toHaveValue("Nothing too loud after ten. Swing.");
  // At the end of what was there, before what has come.
  await notes(laptop, title).pressSequentially(" 🎷!");
  for (const device of [laptop, phone]) {
    await expect(notes(device, title)).toHaveValue("Nothing too loud after ten. 🎷! Swing.");
  }
});

test("of one field that both have changed one value is shown, and the other one can be chosen", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await connect(page, false);
  await rename(laptop, "Borrow a tent", "Rent a tent");
  await rename(phone, "Borrow a tent", "Buy a tent");
  await connect(page, true);
  await expect(laptop.getByText("1 conflict")).toBeVisible();
  await expect(phone.getByText("1 conflict")).toBeVisible();
  const shown = await titles(laptop).nth(1).innerText();
  await expect(titles(phone).nth(1)).toHaveText(shown);
  const other = shown === "Rent a tent" ? "Buy a tent" : "Rent a tent";

  const badge = phone.getByRole("button", { name: `Conflict in ${shown}` });
  const popover = phone.getByRole("dialog", { name: `Conflict in ${shown}` });
  await badge.press("Enter");
  await expect(popover).toContainText(`“${other}”`);
  await page.keyboard.press("Escape");
  await expect(popover).toBeHidden();
  await expect(badge).toBeFocused();
  await badge.press("Enter");
  await popover.getByRole("button", { name: "Use the other one" }).press("Enter");
  for (const device of [laptop, phone]) {
    await expect(titles(device).nth(1)).toHaveText(other);
    await expect(device.getByText("1 conflict")).toHaveCount(0);
  }
});

test("a task that both move at once is in one project, and a problem says what to do", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await connect(page, false);
  await laptop.getByLabel("Project of Borrow a tent").selectOption("New kitchen");
  await phone.getByLabel("Project of Borrow a tent").selectOption("Trip to the coast");
  await connect(page, true);
  await expect(laptop.getByText("1 problem")).toBeVisible();
  await expect(phone.getByText("1 problem")).toBeVisible();
  const open = (project: string): Promise<void> => phone.getByRole("button", { name: project }).click();
  await open("New kitchen");
  const isHere = await titles(phone)
    .filter({ hasText: "Borrow a tent" })
    .waitFor({ timeout: 1000 })
    .then(() => true)
    .catch(() => false);
  if (!isHere) await open("Trip to the coast");
  await phone.getByRole("button", { name: "Conflict in Borrow a tent" }).click();
  await phone.getByRole("button", { name: "Use the other one" }).click();
  await open(isHere ? "Trip to the coast" : "New kitchen");
  await expect(task(phone, "Borrow a tent")).toBeVisible();
  await expect(page.getByText("1 problem")).toHaveCount(0);
  await expect(page.getByText("1 conflict")).toHaveCount(0);
});

test("a task that one moves and takes back while the other one moves it is still there, and can be kept there", async ({
  newTab,
}) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  const title = "Borrow a tent";
  await connect(page, false);
  await laptop.getByLabel(`Project of ${title}`).selectOption("New kitchen");
  await expect(titles(laptop)).toHaveText(samples.filter((sample) => sample !== title));
  await laptop.getByRole("button", { name: "Undo" }).click();
  await expect(titles(laptop)).toHaveText(samples);
  await phone.getByLabel(`Project of ${title}`).selectOption("New kitchen");
  await expect(titles(phone)).toHaveText(samples.filter((sample) => sample !== title));
  await connect(page, true);
  await met(page);
  const isHere = (await titles(laptop).allTextContents()).includes(title);
  for (const device of [laptop, phone]) {
    if (!isHere) await device.getByRole("button", { name: "New kitchen" }).click();
    await expect(task(device, title)).toBeVisible();
  }
  // Whoever is asked where it belongs may say that it belongs there.
  const conflict = laptop.getByRole("button", { name: `Conflict in ${title}` });
  await expect(async () => {
    // It is seen a moment after the task.
    if ((await conflict.count()) > 0) {
      await conflict.click();
      await page.getByRole("button", { name: "Keep what is shown" }).click();
    }
    for (const text of ["1 problem", "1 conflict"])
      await expect(page.getByText(text)).toHaveCount(0, { timeout: 1000 });
  }).toPass({ timeout: 20_000 });
  await expect(task(phone, title)).toBeVisible();
});

test("history tells who has changed what, and leads back", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await rename(laptop, "Borrow a tent", "Borrow two tents");
  await expect(titles(phone).nth(1)).toHaveText("Borrow two tents");
  await append(phone, "Borrow two tents", "Or three");
  await expect(notes(laptop, "Borrow two tents")).toHaveValue("Or three");

  const dialog = await openHistory(laptop, "Borrow two tents");
  const entries = dialog.locator(".entries > li");
  // Letters that were typed one after another are one entry.
  await expect(entries).toHaveText([
    /^Phone.*Notes: nothing → “Or three”now$/,
    /^Laptop \(this device\).*Title: “Borrow a tent” → “Borrow two tents”Go back to this$/,
    /^Laptop \(this device\).*Made as “Borrow a tent”Go back to this$/,
  ]);
  await entries.last().getByRole("button", { name: "Go back to this" }).click();
  await expect(dialog).toBeHidden();
  for (const device of [laptop, phone]) {
    await expect(titles(device)).toHaveText(samples);
    await expect(notes(device, "Borrow a tent")).toHaveValue("");
  }
  // Who was who is known after a reload, too.
  await page.reload();
  const later = await openHistory(phone, "Borrow a tent");
  await expect(later.locator(".entries > li strong")).toHaveText(["Laptop", "Phone (this device)", "Laptop", "Laptop"]);
  await page.keyboard.press("Escape");
  await expect(phone.getByRole("button", { name: "History of Borrow a tent" })).toBeFocused();
});

test("a task that was moved has its history with it, and goes back to the project it was in", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await rename(laptop, "Borrow a tent", "Rent a tent");
  await expect(titles(phone).nth(1)).toHaveText("Rent a tent");
  await phone.getByLabel("Project of Rent a tent").selectOption("New kitchen");
  await expect(titles(laptop)).toHaveText(["Invite the neighbours", "Choose the music"]);
  await laptop.getByRole("button", { name: "New kitchen" }).click();
  const dialog = await openHistory(laptop, "Rent a tent");
  const entries = dialog.locator(".entries > li");
  await expect(entries).toHaveText([
    /^Phone.*Moved to New kitchennow$/,
    /^Laptop \(this device\).*Title: “Borrow a tent” → “Rent a tent”Go back to this$/,
    /^Laptop \(this device\).*Made as “Borrow a tent”Go back to this$/,
  ]);
  await entries.last().getByRole("button", { name: "Go back to this" }).click();
  await expect(dialog).toBeHidden();
  await expect(titles(phone)).toHaveText(samples);
});

test("a deleted task can be restored on either device, with what was changed meanwhile", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await connect(page, false);
  await laptop.getByRole("button", { name: "Delete Borrow a tent" }).click();
  await expect(titles(laptop)).toHaveText(["Invite the neighbours", "Choose the music"]);
  await append(phone, "Borrow a tent", "Not lost");
  await connect(page, true);
  await expect(titles(phone)).toHaveText(["Invite the neighbours", "Choose the music"]);
  await phone.getByText("Deleted tasks (1)").click();
  await phone.getByRole("button", { name: "Restore" }).click();
  for (const device of [laptop, phone]) {
    await expect(titles(device)).toHaveText(samples);
    await expect(notes(device, "Borrow a tent")).toHaveValue("Not lost");
    await expect(device.getByText(/^Deleted tasks/)).toHaveCount(0);
  }

  // Also as it was at some time before.
  await phone.getByRole("button", { name: "Delete Borrow a tent" }).click();
  await laptop.getByText("Deleted tasks (1)").click();
  const dialog = await openHistory(laptop, "Borrow a tent");
  await expect(dialog.locator(".entries > li").first()).toHaveText(/^Phone.*Deleted$/);
  await dialog.getByRole("button", { name: "Go back to this" }).last().click();
  for (const device of [laptop, phone]) {
    await expect(titles(device)).toHaveText(samples);
    await expect(notes(device, "Borrow a tent")).toHaveValue("");
  }
});

test("after a reload all is there and the devices are as far apart as before, in all tabs", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await connect(page, false);
  await rename(laptop, "Borrow a tent", "Borrow two tents");
  await phone.getByRole("button", { name: "Add a vote for Choose the music" }).click();
  await expect(state(page)).toHaveText("Offline: changes wait");
  await page.reload();
  // The devices are still parted, in another tab too: its link would pass on what waits here.
  await expect(titles(laptop)).toHaveText(["Invite the neighbours", "Borrow two tents", "Choose the music"]);
  await expect(task(phone, "Choose the music")).toContainText("1vote");
  await expect(state(page)).toHaveText("Offline: changes wait");
  const other = await newTab("/devices/");
  await expect(state(other)).toHaveText("Offline: changes wait");
  await phoneOf(other).getByLabel("Done: Borrow a tent").check();
  await expect(phone.getByLabel("Done: Borrow a tent")).toBeChecked();
  await expect(titles(phone)).toHaveText(samples);
  await expect(task(laptop, "Choose the music")).toContainText("0votes");
  await expect(laptop.getByLabel("Done: Borrow two tents")).not.toBeChecked();

  await connect(other, true);
  for (const device of [laptop, phone]) {
    await expect(titles(device)).toHaveText(["Invite the neighbours", "Borrow two tents", "Choose the music"]);
    await expect(task(device, "Choose the music")).toContainText("1vote");
    await expect(device.getByLabel("Done: Borrow two tents")).toBeChecked();
  }
  await connect(other, false);
  await expect(state(page)).toHaveText("Offline: no changes yet");
  await rename(laptop, "Borrow two tents", "Borrow three tents");
  await expect(state(other)).toHaveText("Offline: changes wait");
  await connect(page, true);
  await met(page);
  await met(other);
  await expect(titles(phoneOf(other)).nth(1)).toHaveText("Borrow three tents");
  await rename(phone, "Choose the music", "Choose a band");
  await expect(titles(laptop).nth(2)).toHaveText("Choose a band");
  await met(page);
});

test("notes are typed in bursts: each is a step of undo, and none is lost", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  const title = "Borrow a tent";
  const undo = laptop.getByRole("button", { name: "Undo", exact: true });
  await append(laptop, title, "hello");
  await expect(notes(phone, title)).toHaveValue("hello");
  await append(laptop, title, " world");
  // What begins with the click is about what was typed before it.
  await undo.click();
  for (const device of [laptop, phone]) await expect(notes(device, title)).toHaveValue("hello");
  await undo.click();
  for (const device of [laptop, phone]) await expect(notes(device, title)).toHaveValue("");
  await expect(undo).toBeDisabled();
  await laptop.getByRole("button", { name: "Redo", exact: true }).click();
  for (const device of [laptop, phone]) await expect(notes(device, title)).toHaveValue("hello");

  // The page goes in the middle of one, by a reload or by an address.
  await append(laptop, title, ", you");
  await page.reload();
  for (const device of [laptop, phone]) await expect(notes(device, title)).toHaveValue("hello, you");
  await append(phone, title, "!");
  await page.goto("/");
  await page.goto("/devices/");
  for (const device of [laptop, phone]) await expect(notes(device, title)).toHaveValue("hello, you!");
  // What comes goes in beside letters that are not saved yet.
  await append(phone, title, " Bye.");
  await notes(laptop, title).press("Control+Home");
  await notes(laptop, title).pressSequentially("I say: ", { delay: 50 });
  for (const device of [laptop, phone]) await expect(notes(device, title)).toHaveValue("I say: hello, you! Bye.");
});

test("what both have typed while they were apart is an entry of each in history", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  const title = "Borrow a tent";
  await connect(page, false);
  for (const [laptops, phones] of ["ab", "cd", "ef"]) {
    await append(laptop, title, laptops!);
    await append(phone, title, phones!);
    await page.waitForTimeout(1100);
  }
  await connect(page, true);
  await met(page);
  const dialog = await openHistory(laptop, title);
  const entries = dialog.locator(".entries > li");
  await expect(entries).toHaveCount(3);
  // Which of both is the newer one their clocks say, in whole seconds.
  await expect(entries.filter({ hasText: /^Phone.*Notes: nothing → “bdf”/ })).toHaveCount(1);
  await expect(entries.filter({ hasText: /^Laptop \(this device\).*Notes: nothing → “ace”/ })).toHaveCount(1);
});

test("what was done on a device is undone there, also after a reload, and what the other one has done stays", async ({
  newTab,
}) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  const undo = laptop.getByRole("button", { name: "Undo", exact: true });
  const redo = laptop.getByRole("button", { name: "Redo", exact: true });
  await expect(undo).toBeDisabled();
  await rename(laptop, "Borrow a tent", "Borrow two tents");
  await laptop.getByRole("button", { name: "Add a vote for Choose the music" }).click();
  await expect(task(phone, "Choose the music")).toContainText("1vote");
  await expect(phone.getByRole("button", { name: "Undo", exact: true })).toBeDisabled();
  await phone.getByRole("button", { name: "Add a vote for Choose the music" }).click();
  await expect(task(laptop, "Choose the music")).toContainText("2votes");
  await append(phone, "Borrow two tents", "Ask the neighbours");
  await expect(notes(laptop, "Borrow two tents")).toHaveValue("Ask the neighbours");

  await undo.click();
  for (const device of [laptop, phone]) await expect(task(device, "Choose the music")).toContainText("1vote");
  await page.reload();
  await undo.click();
  for (const device of [laptop, phone]) {
    await expect(titles(device)).toHaveText(samples);
    await expect(notes(device, "Borrow a tent")).toHaveValue("Ask the neighbours");
  }
  await expect(undo).toBeDisabled();
  await page.reload();
  await redo.click();
  for (const device of [laptop, phone]) await expect(titles(device).nth(1)).toHaveText("Borrow two tents");
  await redo.click();
  for (const device of [laptop, phone]) await expect(task(device, "Choose the music")).toContainText("2votes");
  await expect(redo).toBeDisabled();
});

test("starting over deletes both and makes the samples anew; another tab says so", async ({ newTab }) => {
  const page = await opened(newTab);
  const other = await newTab("/devices/");
  await expect(titles(phoneOf(other))).toHaveText(samples);
  await rename(laptopOf(page), "Borrow a tent", "Borrow two tents");
  await expect(titles(phoneOf(page)).nth(1)).toHaveText("Borrow two tents");
  await page.getByRole("button", { name: "Start over" }).click();
  await page.getByRole("button", { name: "Delete both" }).click();
  await expect(titles(laptopOf(page))).toHaveText(samples);
  await expect(titles(phoneOf(page))).toHaveText(samples);
  await expect(other.getByRole("heading", { name: "The databases are gone" })).toBeVisible();
  await other.getByRole("button", { name: "Open them again" }).click();
  await expect(titles(laptopOf(other))).toHaveText(samples);
  await expect(titles(phoneOf(other))).toHaveText(samples);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`on a phone nothing is wider than the screen, ${colorScheme}`, async ({ newTab }) => {
    const page = await newTab("/");
    await page.setViewportSize({ width: 400, height: 800 });
    await page.emulateMedia({ colorScheme });
    await page.getByRole("link", { name: "Two devices" }).click();
    const [laptop, phone] = [laptopOf(page), phoneOf(page)];
    await expect(titles(phone)).toHaveText(samples);
    const long = "A title that is longer than the screen of a phone, with-one-word-that-no-line-can-hold-as-a-whole";
    await connect(page, false);
    await rename(laptop, "Borrow a tent", long);
    await rename(phone, "Borrow a tent", "Buy a tent");
    await laptop.getByRole("button", { name: "Delete Choose the music" }).click();
    await connect(page, true);
    await phone.getByText("1 conflict").click();
    const fits = async (): Promise<void> =>
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(400);
    await fits();
    await phone.getByRole("button", { name: "Use the other one" }).click();
    await expect(page.getByText("1 conflict")).toHaveCount(0);
    await laptop.getByText("Deleted tasks (1)").click();
    await laptop.getByRole("button", { name: /^History of (A title|Buy)/ }).click();
    await expect(page.getByText("Made as")).toBeVisible();
    await fits();
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Back to the database" }).click();
    await expect(page.getByRole("heading", { name: "An empty database" })).toBeVisible();
    await fits();
  });
}
