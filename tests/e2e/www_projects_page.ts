/** What people find on the page of www with projects, and do with it. */
import { expect, test as base, type Locator, type Page } from "@playwright/test";
import { startSyncServer, type SyncServer } from "../fixtures/sync_server.js";

interface Wish {
  /** Without one, the page is opened as it is for somebody who has set nothing. */
  server?: SyncServer;
  width?: number;
  address?: string;
  colorScheme?: "light" | "dark";
}

interface Fixtures {
  server: SyncServer;
  /** Somebody with a browser of their own, and this page in it. */
  person: (name: string, wish?: Wish) => Promise<Page>;
}

export const test = base.extend<Fixtures>({
  // Playwright reads what a fixture needs from its parameters.
  server: async ({}, use) => {
    const server = await startSyncServer();
    await use(server);
    await server.end();
  },
  person: async ({ browser, baseURL }, use) => {
    const problems: string[] = [];
    const contexts: { close(): Promise<void> }[] = [];
    await use(async (name, { server, width = 1280, address = "/projects/", colorScheme = "light" } = {}) => {
      const context = await browser.newContext({
        baseURL: baseURL!,
        colorScheme,
        viewport: { width, height: 800 },
      });
      contexts.push(context);
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      const page = await context.newPage();
      page.on("pageerror", (error) => problems.push(`${name}: ${error.stack ?? error}`));
      page.on("console", (message) => {
        // A server that is down is what some tests are about.
        if (message.text().startsWith("WebSocket connection to")) return;
        if (["error", "warning"].includes(message.type())) problems.push(`${name}: ${message.text()}`);
      });
      page.on("request", (request) => {
        if (!request.url().startsWith(baseURL!) && !/^(data|blob):/.test(request.url()))
          problems.push(`${name} asked for ${request.url()}`);
      });
      await page.goto(address);
      if (server !== undefined) await settle(page, name, server);
      return page;
    });
    for (const context of contexts) await context.close();
    expect(problems).toEqual([]);
  },
});

/** Says who it is and where the server is. */
export async function settle(page: Page, name: string, server: SyncServer): Promise<void> {
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Server address").fill(server.url);
  await page.getByRole("button", { name: "Save" }).click();
}

export const state = (page: Page): Locator => page.locator("#state");
export const synced = (page: Page): Promise<void> => expect(state(page)).toHaveText("Synced");
export const online = (page: Page, isOnline: boolean): Promise<void> =>
  page.getByRole("switch", { name: "Online" }).setChecked(isOnline);

export const column = (page: Page, name: "To do" | "Doing" | "Done"): Locator =>
  page.getByRole("region", { name, exact: true });
export const titles = (page: Page, name: "To do" | "Doing" | "Done"): Locator =>
  column(page, name).locator("button.title");
export const card = (page: Page, title: string): Locator =>
  page.locator("li.card").filter({ has: page.getByRole("button", { name: title, exact: true }) });
export const handle = (page: Page, title: string): Locator =>
  page.getByRole("button", { name: `Move ${title}`, exact: true });
export const details = (page: Page, title: string): Promise<void> =>
  page.getByRole("button", { name: `Details of ${title}`, exact: true }).click();
export const notes = (page: Page, title: string): Locator => page.getByLabel(`Notes of ${title}`);

export async function makeProject(page: Page, name: string, tasks: readonly string[] = []): Promise<void> {
  const form = page.getByRole("form", { name: "New project" });
  await form.getByLabel("Name").fill(name);
  await form.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByRole("button", { name, exact: true })).toBeVisible();
  for (const task of tasks) await addTask(page, task);
}

export async function addTask(page: Page, title: string): Promise<void> {
  await page.getByLabel("Title of a new task").fill(title);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: title, exact: true })).toBeVisible();
}

/** The link of the project that is open, as it is copied. */
export async function share(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Share" }).click();
  const dialog = page.getByRole("dialog", { name: /^Share/ });
  await dialog.getByRole("button", { name: "Copy the link" }).click();
  await expect(dialog.getByText("Copied.")).toBeVisible();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await expect(dialog.getByLabel("Link", { exact: true })).toHaveValue(link);
  await dialog.getByRole("button", { name: "Close" }).click();
  return link;
}

/** Joins by a link in the form, on the list of projects. */
export async function joinBy(page: Page, link: string): Promise<void> {
  const form = page.getByRole("form", { name: "Join by link" });
  await form.getByLabel("Link").fill(link);
  await form.getByRole("button", { name: "Join" }).click();
}

export async function rename(page: Page, title: string, wanted: string): Promise<void> {
  await page.getByRole("button", { name: title, exact: true }).click();
  const field = page.getByRole("textbox", { name: "Title", exact: true });
  await field.fill(wanted);
  await field.press("Enter");
  await expect(page.getByRole("button", { name: wanted, exact: true })).toBeVisible();
}

/** Whether nothing is wider than the window. */
export const fits = async (page: Page): Promise<void> =>
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(
    0,
  );
