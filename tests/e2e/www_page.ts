/** What a person finds on the page of www, and does with it. */
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

export const test = base.extend<{ newTab: (address?: string) => Promise<Page> }>({
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

/** The rows that are there: of a list that one scrolls through, those in sight and a few more. */
export const rows = (page: Page): Locator => page.getByRole("table").locator("tbody tr[data-id]");
/** How many rows a list has that one scrolls through. */
export const expectListed = (page: Page, count: number): Promise<void> =>
  expect(page.getByRole("table")).toHaveAttribute("aria-rowcount", String(count + 1));
/** A window in which all tasks of the sample are in sight. */
export const growTall = (page: Page): Promise<void> => page.setViewportSize({ width: 1280, height: 2400 });
export const scroller = (page: Page): Locator => page.locator(".scroller");
/** Scrolls to a part of the whole, from 0 to 1. */
export const scrollTo = (page: Page, part: number): Promise<void> =>
  scroller(page).evaluate((element, part) => {
    element.scrollTop = part * (element.scrollHeight - element.clientHeight);
  }, part);
export const tile = (page: Page, status: "all" | "todo" | "in_progress" | "done"): Locator =>
  page.locator(`[data-status=${status}]`);
export const countOf = async (page: Page, status: Parameters<typeof tile>[1]): Promise<number> =>
  Number((await tile(page, status).locator("strong").innerText()).replaceAll(",", ""));
export const expectCount = (page: Page, status: Parameters<typeof tile>[1], count: number): Promise<void> =>
  expect(tile(page, status).locator("strong")).toHaveText(count.toLocaleString("en"));

export async function addSample(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Add sample data" }).click();
  await expectCount(page, "all", 24);
}

/** The text of a field in a row; a click makes it a control. */
export const value = (row: Locator, field: string): Locator => row.locator(`button[data-field="${field}"]`);
export const valuesOf = (page: Page, field: string): Promise<string[]> => value(rows(page), field).allInnerTexts();

/** Changes a value where it stands. */
export async function change(row: Locator, field: string, wanted: string | { choose: string }): Promise<void> {
  await value(row, field).click();
  const control = row.locator(`[name="${field}"]`);
  if (typeof wanted === "string") {
    await control.fill(wanted);
    await control.press("Enter");
  } else await control.selectOption(wanted.choose);
}

export async function openForm(page: Page, name = "New task"): Promise<Locator> {
  const form = page.getByRole("form", { name });
  if (!(await form.isVisible())) await page.getByRole("button", { name }).click();
  return form;
}

export async function addTask(page: Page, title: string): Promise<void> {
  const form = await openForm(page);
  await form.getByLabel("Title").fill(title);
  await form.getByLabel("Project").selectOption("Website");
  await form.getByRole("button", { name: "Add task" }).click();
  await expect(form).toBeHidden();
}

/** Generates tasks and stops after the first batches. Answers how many were added. */
export async function generate(page: Page): Promise<number> {
  await page.getByRole("button", { name: "Generate 100,000 tasks" }).click();
  await page.getByText(/\d of 100,000$/).waitFor();
  // Not by the mouse, which waits until the button stands still: a page behind another draws too seldom, and all tasks
  // may be there before.
  await page.getByRole("button", { name: "Cancel" }).dispatchEvent("click");
  const said = page.getByText(/^Cancelled: [\d,]+ tasks in/);
  await said.waitFor();
  return Number(/Cancelled: ([\d,]+)/.exec(await said.innerText())![1]!.replaceAll(",", ""));
}

/** The same beside the sample alone. Answers how many tasks there are then. */
export async function generateSome(page: Page): Promise<number> {
  const total = 24 + (await generate(page));
  await expectCount(page, "all", total);
  return total;
}

export async function verify(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Verify" }).click();
  const report = page.locator(".report");
  await expect(report).toContainText(/All is well|problem/, { timeout: 30_000 });
  return report.innerText();
}
