/** What a person finds on the page of www with two devices, and does with it. */
import { expect, type Locator, type Page } from "@playwright/test";

export const device = (page: Page, name: "Laptop" | "Phone"): Locator => page.getByRole("region", { name });
export const laptopOf = (page: Page): Locator => device(page, "Laptop");
export const phoneOf = (page: Page): Locator => device(page, "Phone");
export const titles = (device: Locator): Locator => device.locator("button.title");
export const task = (device: Locator, title: string): Locator =>
  device.locator("li.task").filter({ has: device.page().getByRole("button", { name: title, exact: true }) });
export const notes = (device: Locator, title: string): Locator => device.getByLabel(`Notes of ${title}`);
export const state = (page: Page): Locator => page.locator("#state");

export const samples = ["Invite the neighbours", "Borrow a tent", "Choose the music"];

/** The page, when the samples are on both devices. */
export async function opened(newTab: (address: string) => Promise<Page>): Promise<Page> {
  const page = await newTab("/devices/");
  await expect(titles(laptopOf(page))).toHaveText(samples);
  await expect(titles(phoneOf(page))).toHaveText(samples);
  return page;
}

export const connect = (page: Page, isConnected: boolean): Promise<void> =>
  page.getByRole("switch", { name: "Connected" }).setChecked(isConnected);

/** Waits until the devices have nothing more to say to each other. */
export const met = (page: Page): Promise<void> => expect(state(page)).toHaveText("Both have the same");

export async function rename(device: Locator, title: string, wanted: string): Promise<void> {
  await device.getByRole("button", { name: title, exact: true }).click();
  const field = device.getByRole("textbox", { name: "Title", exact: true });
  await field.fill(wanted);
  await field.press("Enter");
  await expect(titles(device).filter({ hasText: wanted })).toBeFocused();
}

/** Types into notes, behind what is there. */
export async function append(device: Locator, title: string, text: string): Promise<void> {
  await notes(device, title).press("Control+End");
  await notes(device, title).pressSequentially(text);
}

export async function openHistory(device: Locator, title: string): Promise<Locator> {
  await device.getByRole("button", { name: `History of ${title}` }).click();
  const dialog = device.page().getByRole("dialog", { name: `History of “${title}”` });
  await expect(dialog.getByText("Made as")).toBeVisible();
  return dialog;
}
