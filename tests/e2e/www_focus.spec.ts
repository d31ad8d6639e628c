/** The pages of www by keys alone: what has the focus leaves the page, and something near gets it. */
import { expect } from "@playwright/test";
import { connect, laptopOf, met, notes, opened, phoneOf, rename, titles } from "./www_devices_page.js";
import { addTask, expectListed, growTall, rows, test, value } from "./www_page.js";

test("a row of a device that goes leaves the focus to the next one", async ({ newTab }) => {
  const page = await opened(newTab);
  const laptop = laptopOf(page);
  await laptop.getByRole("button", { name: "Delete Borrow a tent" }).press("Enter");
  await expect(laptop.getByRole("button", { name: "Delete Choose the music" })).toBeFocused();
  await page.keyboard.press("Enter");
  // The last one has none behind it.
  await expect(laptop.getByRole("button", { name: "Delete Invite the neighbours" })).toBeFocused();
  await expect(page.getByText("by the")).toHaveCount(0);

  await laptop.getByText("Deleted tasks (2)").press("Enter");
  await laptop.getByRole("button", { name: "Restore" }).first().press("Enter");
  await expect(laptop.getByText("Deleted tasks (1)")).toBeVisible();
  await expect(laptop.getByRole("button", { name: "Restore" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(titles(laptop)).toHaveCount(3);
  await expect(laptop).toBeFocused();

  const select = laptop.getByLabel("Project of Invite the neighbours");
  await select.focus();
  await select.selectOption("New kitchen");
  await expect(titles(laptop)).toHaveText(["Borrow a tent", "Choose the music"]);
  await expect(laptop.getByLabel("Project of Borrow a tent")).toBeFocused();
});

test("who is at a task that the other device moves or deletes is told, and is not left nowhere", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  await connect(page, false);
  await phone.getByRole("button", { name: "Delete Choose the music" }).click();
  await phone.getByLabel("Project of Borrow a tent").selectOption("New kitchen");
  const connected = page.getByRole("switch", { name: "Connected" });
  await notes(laptop, "Borrow a tent").focus();
  await page.keyboard.type("Not lost");
  // Not by a click, which would take the focus away.
  await connected.evaluate((element: HTMLInputElement) => element.click());
  await expect(page.getByText("“Borrow a tent” was moved to New kitchen by the Phone.")).toBeVisible();
  // What is typed on goes into no other task.
  await expect(laptop.getByRole("list", { name: "Tasks of Summer party" })).toBeFocused();
  await phone.getByRole("button", { name: "New kitchen" }).click();
  await expect(notes(phone, "Borrow a tent")).toHaveValue("Not lost");

  await expect(titles(laptop)).toHaveText(["Invite the neighbours"]);
  await laptop.getByRole("button", { name: "History of Invite the neighbours" }).press("Enter");
  await expect(page.getByText("Made as")).toBeVisible();
  await phone.getByRole("button", { name: "Summer party" }).evaluate((element: HTMLElement) => element.click());
  await phone
    .locator("[name=delete]")
    .and(phone.getByLabel("Delete Invite the neighbours", { exact: true }))
    .evaluate((element: HTMLElement) => element.click());
  await expect(page.getByText("“Invite the neighbours” was deleted by the Phone.")).toBeVisible();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(laptop.getByRole("list", { name: "Tasks of Summer party" })).toBeFocused();
});

test("undo, conflicts, a problem and a new start leave the focus near", async ({ newTab }) => {
  const page = await opened(newTab);
  const [laptop, phone] = [laptopOf(page), phoneOf(page)];
  const undo = laptop.getByRole("button", { name: "Undo", exact: true });
  const redo = laptop.getByRole("button", { name: "Redo", exact: true });
  await laptop.getByLabel("Done: Borrow a tent").check();
  await undo.press("Enter");
  await expect(redo).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(redo).toBeDisabled();
  await expect(undo).toBeFocused();

  for (const choice of ["Use the other one", "Keep what is shown"]) {
    await connect(page, false);
    const [title] = await titles(phone).nth(1).allInnerTexts();
    await rename(laptop, title!, `A tent, ${choice}`);
    await rename(phone, title!, `Two tents, ${choice}`);
    await connect(page, true);
    await phone.getByRole("button", { name: /^Conflict/ }).press("Enter");
    const popover = phone.getByRole("dialog", { name: /^Conflict/ });
    await expect(popover).toContainText("by the Laptop");
    await expect(popover).toContainText("by the Phone");
    await popover.getByRole("button", { name: choice }).press("Enter");
    await expect(phone.getByText("1 conflict")).toHaveCount(0);
    await expect(phone.locator("li.task").nth(1)).toBeFocused();
    await met(page);
  }

  await connect(page, false);
  await laptop.getByLabel("Project of Choose the music").selectOption("New kitchen");
  await phone.getByLabel("Project of Choose the music").selectOption("Trip to the coast");
  await connect(page, true);
  await expect(phone.getByText(/It is shown in (New kitchen|Trip to the coast): choose/)).toBeVisible();
  await phone.getByRole("button", { name: "Show “Choose the music”" }).press("Enter");
  await expect(phone.locator("li.task").filter({ hasText: "Choose the music" })).toBeFocused();

  await page.getByRole("button", { name: "Start over" }).press("Enter");
  await page.getByRole("button", { name: "Delete both" }).press("Enter");
  await expect(titles(laptop)).toHaveCount(3);
  await expect(page.getByRole("main")).toBeFocused();
});

test("the list keeps the focus when its first rows come, when one goes, and when it is back", async ({ newTab }) => {
  const page = await newTab();
  await growTall(page);
  await page.getByRole("button", { name: "Add sample data" }).press("Enter");
  await expectListed(page, 24);
  await expect(page.locator("#views")).toBeFocused();
  await addTask(page, "On top");
  await expect(value(rows(page).first(), "title")).toHaveText("On top");
  const next = await value(rows(page).nth(1), "title").innerText();
  await page.getByRole("button", { name: "Delete On top" }).press("Enter");
  await expectListed(page, 24);
  const nextDelete = page.getByRole("button", { name: `Delete ${next}` });
  await expect(nextDelete).toBeFocused();
  await page.getByRole("button", { name: "Undo" }).press("Enter");
  await expectListed(page, 25);
  await expect(nextDelete).toBeFocused();

  // Who has clicked beside everything has given it up.
  await nextDelete.focus();
  await page.locator("h1").click();
  await expect(page.locator("body")).toBeFocused();
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`what is disabled can be read, ${colorScheme}`, async ({ newTab }) => {
    const page = await newTab();
    await page.emulateMedia({ colorScheme });
    await page.goto("/devices/");
    const undo = laptopOf(page).getByRole("button", { name: "Undo", exact: true });
    await expect(undo).toBeDisabled();
    const contrast = await undo.evaluate((button) => {
      const { color, backgroundColor, opacity } = getComputedStyle(button);
      const [bright, dark] = [color, backgroundColor]
        .map((text) => {
          const parts = text
            .match(/[\d.]+/g)!
            .slice(0, 3)
            .map((part) => Number(part) / 255);
          const [red, green, blue] = parts.map((part) =>
            part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
          );
          return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
        })
        .sort((a, b) => b - a);
      return opacity === "1" ? (bright! + 0.05) / (dark! + 0.05) : 0;
    });
    expect(contrast).toBeGreaterThan(4.5);
  });
}
