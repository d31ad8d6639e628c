/** The page of www without a network, and when there is a new version of it. */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import { addSample, addTask, change, expectCount, rows, value } from "./www_page.js";

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Serves what was built, and may be another version or nothing at all. */
class Site {
  readonly #folder = process.env["HOLDFAST_WWW_FOLDER"]!;
  #server: Server | undefined;
  #port = 0;
  /** What the worker's script has behind its end. */
  note = "";

  async begin(): Promise<string> {
    this.#server = createServer((request, response) => {
      const path = new URL(request.url!, "http://site").pathname;
      const file = join(this.#folder, path === "/" ? "index.html" : path);
      response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
      if (path === "/service-worker.js") {
        void readFile(file, "utf8").then((text) => response.end(`${text}\n//${this.note}`));
      } else {
        createReadStream(file)
          .on("error", () => response.writeHead(404).end())
          .pipe(response);
      }
    });
    const server = this.#server;
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    return `http://127.0.0.1:${this.#port}/`;
  }

  async end(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }
}

const site = new Site();
let address = "";
test.beforeEach(async () => {
  site.note = "first";
  address = await site.begin();
});
test.afterEach(() => site.end());

/** All that was built is kept. */
const isKept = (page: Page): Promise<unknown> => page.evaluate(() => navigator.serviceWorker.ready);

test("once loaded, the page works without a network: what is there, changes, and parts that were never used", async ({
  page,
  context,
}) => {
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error.stack ?? error)));
  await page.goto(address);
  await addSample(page);
  await isKept(page);
  await context.setOffline(true);
  await site.end();
  await page.reload();
  await expectCount(page, "all", 24);
  await change(rows(page).first(), "title", "Written on a train");
  await addTask(page, "Also without a network");
  // A part that is loaded when it is used, and a data set.
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Back up" }).click();
  await download;
  await page.getByRole("tab", { name: "Movies" }).click();
  await page.getByRole("button", { name: "Import movies" }).click();
  await expect(page.locator(".total")).toHaveText("3,201 movies");
  await page.reload();
  await page.getByRole("tab", { name: "Tasks" }).click();
  await expect(value(rows(page).nth(0), "title")).toHaveText("Also without a network");
  await expect(value(rows(page).nth(1), "title")).toHaveText("Written on a train");
  await expect(page.locator("#state")).toHaveText("All saved");
  expect(problems).toEqual([]);
});

test("a new version is offered, and comes when it is wanted", async ({ page, context }) => {
  await page.goto(address);
  await addSample(page);
  await isKept(page);
  await page.reload();
  const other = await context.newPage();
  await other.goto(address);
  await expectCount(other, "all", 24);
  const offer = page.getByText("A new version of this page is ready.");
  await expect(offer).toHaveCount(0);

  site.note = "second";
  const marked = (each: Page): Promise<unknown> => each.evaluate(() => (globalThis as { isMarked?: boolean }).isMarked);
  for (const each of [page, other]) await each.evaluate(() => Object.assign(globalThis, { isMarked: true }));
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.update());
  await expect(offer).toBeVisible();
  // Nobody is disturbed in what they do.
  await change(rows(page).first(), "title", "In the middle of it");
  await expect(value(rows(page).first(), "title")).toHaveText("In the middle of it");
  expect(await marked(page)).toBe(true);
  await page.getByRole("button", { name: "Reload" }).click();
  await expect.poll(() => marked(page).catch(() => true)).toBeUndefined();
  await expect(value(rows(page).first(), "title")).toHaveText("In the middle of it");
  await expect(offer).toHaveCount(0);
  // The other tab is as it was, and may come along.
  await expect(other.getByText("Another tab has brought a new version of this page.")).toBeVisible();
  expect(await marked(other)).toBe(true);
});
