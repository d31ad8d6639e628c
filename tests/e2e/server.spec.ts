// Browsers that sync through a stock server: one tab holds the socket, others take over, and everybody knows how it stands.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type BrowserContext, chromium, expect, type Page, test } from "@playwright/test";
import type { Presence } from "../../ts/sync/index.js";
import { startSyncServer, type SyncServer } from "../fixtures/sync_server.js";
import { freeze, withBrowser } from "./own_browser.js";
import type { ServerPage } from "./pages/server.js";

declare global {
  var device: ServerPage["device"];
  var healServer: () => number;
  var presence: Presence;
}

let server: SyncServer;
test.beforeEach(async () => {
  server = await startSyncServer();
});
test.afterEach(() => server.end());

/** A tab with the database open, and how many sockets it has opened to the server. */
async function tab(context: BrowserContext) {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(error));
  const sockets: string[] = [];
  page.on("websocket", (socket) => {
    if (socket.url() === server.url) sockets.push(socket.url());
  });
  await page.goto(`${process.env["HOLDFAST_PAGES"]!}server.html`);
  await page.waitForFunction(() => document.title === "ready");
  return { page, sockets };
}

const connect = (page: Page) => page.evaluate((url) => device.sync.connect(url), server.url);
const state = (page: Page) => page.evaluate(() => device.sync.status.state);
const titles = (page: Page) =>
  page.evaluate(async () => (await device.query("tasks").collect()).map(({ title }) => title).sort());
const isSynced = (page: Page, timeout = 10_000) => expect.poll(() => state(page), { timeout }).toBe("synced");

/** A project with a task; answers the project's id, and its link. */
const project = (page: Page) =>
  page.evaluate(async () => {
    const id = await device.insert("projects", { name: "house" });
    await device.insert("tasks", { projectId: id, title: "paint", notes: "" });
    return { id, link: await device.sync.share(id) };
  });

const write = (page: Page, projectId: string, title: string) =>
  page.evaluate(
    async ({ projectId, title }) =>
      void (await device.insert("tasks", { projectId: projectId as never, title, notes: "" })),
    { projectId, title },
  );

test("one tab of several holds the socket, and another one takes over when it is closed", async ({ browser }) => {
  const [laptop, phone] = [await browser.newContext(), await browser.newContext()];
  const first = await tab(laptop);
  const second = await tab(laptop);
  const other = await tab(phone);
  const { id, link } = await project(first.page);
  for (const { page } of [first, second, other]) await connect(page);
  for (const { page } of [first, second, other]) await isSynced(page);
  expect([first.sockets.length, second.sockets.length]).toEqual([1, 0]);
  // What a tab without a socket asks for, the other one gets.
  expect(await other.page.evaluate((link) => device.sync.join(link), link)).toBe(id);
  await write(second.page, id, "from the second");
  await expect.poll(() => titles(other.page)).toEqual(["from the second", "paint"]);
  await first.page.close();
  await expect.poll(() => second.sockets.length).toBe(1);
  await isSynced(second.page);
  await write(other.page, id, "from the phone");
  await expect.poll(() => titles(second.page)).toEqual(["from the phone", "from the second", "paint"]);
  await Promise.all([laptop.close(), phone.close()]);
});

test("a tab without the socket joins a document, and disconnects all", async ({ browser }) => {
  const [laptop, phone] = [await browser.newContext(), await browser.newContext()];
  const first = await tab(laptop);
  const second = await tab(laptop);
  const other = await tab(phone);
  const { id, link } = await project(other.page);
  for (const { page } of [first, second, other]) await connect(page);
  await isSynced(other.page);
  expect(await second.page.evaluate((link) => device.sync.join(link), link)).toBe(id);
  expect(await titles(second.page)).toEqual(["paint"]);
  await second.page.evaluate(() => device.sync.disconnect());
  await expect.poll(() => state(first.page)).toBe("offline");
  await write(first.page, id, "offline");
  await connect(second.page);
  await isSynced(second.page);
  // Both are wanted again.
  await isSynced(first.page);
  await expect.poll(() => titles(other.page)).toEqual(["offline", "paint"]);
  await Promise.all([laptop.close(), phone.close()]);
});

test("a tab that has asked for nothing knows how it stands, and that nobody holds the socket any more", async ({
  browser,
}) => {
  const laptop = await browser.newContext();
  const first = await tab(laptop);
  const { id } = await project(first.page);
  await connect(first.page);
  await isSynced(first.page);
  const second = await tab(laptop);
  await isSynced(second.page);
  const ofDocument = () => second.page.evaluate((id) => device.sync.statusOf(id).value?.state, id);
  await expect.poll(ofDocument).toBe("synced");
  expect(second.sockets.length).toBe(0);
  await first.page.evaluate(() => device.close());
  await expect.poll(() => state(second.page)).toBe("offline");
  await expect.poll(ofDocument).toBe("offline");
  await laptop.close();
});

test("tabs see each other at a project, and those of other devices", async ({ browser }) => {
  const [laptop, phone] = [await browser.newContext(), await browser.newContext()];
  const first = await tab(laptop);
  const second = await tab(laptop);
  const other = await tab(phone);
  const { id, link } = await project(first.page);
  for (const { page } of [first, second, other]) await connect(page);
  await other.page.evaluate((link) => device.sync.join(link), link);
  const pages = [first.page, second.page, other.page];
  for (const [at, page] of pages.entries()) {
    await page.evaluate(
      async ({ id, at }) => {
        const presence = await device.presence(id);
        presence.set(at);
        Object.assign(globalThis, { presence });
      },
      { id, at },
    );
  }
  const others = (page: Page) => page.evaluate(() => presence.others.map(({ state }) => state as number).sort());
  await expect.poll(() => others(first.page)).toEqual([1, 2]);
  await expect.poll(() => others(second.page)).toEqual([0, 2]);
  await expect.poll(() => others(other.page)).toEqual([0, 1]);
  await second.page.evaluate(() => presence.stop());
  await expect.poll(() => others(first.page)).toEqual([2]);
  await expect.poll(() => others(other.page)).toEqual([0]);
  await Promise.all([laptop.close(), phone.close()]);
});

test("without locks each tab has a socket, and they see each other all the same", async ({ browser }) => {
  const laptop = await browser.newContext();
  await laptop.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
  const [first, second] = [await tab(laptop), await tab(laptop)];
  const { id } = await project(first.page);
  for (const { page } of [first, second]) await connect(page);
  for (const { page } of [first, second]) await isSynced(page);
  expect([first.sockets.length, second.sockets.length]).toEqual([1, 1]);
  for (const { page } of [first, second]) {
    await page.evaluate(async (id) => {
      const presence = await device.presence(id);
      presence.set("here");
      Object.assign(globalThis, { presence });
    }, id);
  }
  for (const { page } of [first, second]) {
    await expect.poll(() => page.evaluate(() => presence.others.length)).toBe(1);
  }
  await laptop.close();
});

test("a tab without the socket leaves nothing behind that the server does not have", async ({ browser }) => {
  const [laptop, phone] = [await browser.newContext(), await browser.newContext()];
  const [first, second, other] = [await tab(laptop), await tab(laptop), await tab(phone)];
  const { id, link } = await project(first.page);
  await connect(first.page);
  await isSynced(first.page);
  for (const { page } of [second, other]) await connect(page);
  await other.page.evaluate((link) => device.sync.join(link), link);
  await isSynced(second.page);
  expect(second.sockets.length).toBe(0);
  for (const isAwaited of [false, true]) {
    // Right behind a write what the tab was told last is not so any more.
    const outcome = await second.page.evaluate(
      async ({ id, isAwaited }) => {
        const row = { projectId: id as never, title: isAwaited ? "saved" : "begun", notes: "" };
        const insertion = device.insert("tasks", row);
        if (isAwaited) await insertion;
        const left = device.sync.leave(id as never).then(
          () => "left",
          (error: { code: string }) => error.code,
        );
        await insertion;
        return left;
      },
      { id, isAwaited },
    );
    expect(["left", "NotSynced"]).toContain(outcome);
    await expect.poll(() => titles(other.page)).toContain(isAwaited ? "saved" : "begun");
    if (outcome === "left") await second.page.evaluate((link) => device.sync.join(link), link);
    await isSynced(second.page);
  }
  // In the end nothing is in the way.
  await second.page.evaluate((id) => device.sync.leave(id as never), id);
  expect(await titles(first.page)).toEqual([]);
  await Promise.all([laptop.close(), phone.close()]);
});

test("what is written offline comes as soon as the network is back", async ({ browser }) => {
  const [laptop, phone] = [await browser.newContext(), await browser.newContext()];
  const [one, other] = [await tab(laptop), await tab(phone)];
  const { id, link } = await project(one.page);
  for (const { page } of [one, other]) await connect(page);
  await other.page.evaluate((link) => device.sync.join(link), link);
  await server.kill();
  await expect.poll(() => one.page.evaluate(() => device.sync.status.failure?.kind)).toBe("lost");
  await laptop.setOffline(true);
  await write(one.page, id, "offline");
  await write(other.page, id, "offline, too");
  await server.start();
  await expect.poll(() => one.page.evaluate(() => device.sync.status.failure?.kind)).toBe("unreachable");
  await laptop.setOffline(false);
  for (const { page } of [one, other]) {
    await expect.poll(() => titles(page), { timeout: 20_000 }).toEqual(["offline", "offline, too", "paint"]);
  }
  await Promise.all([laptop.close(), phone.close()]);
});

test("a tab that is looked at takes the socket over from one that the browser has frozen", async () => {
  test.setTimeout(120_000);
  await withBrowser(async (running) => {
    const context = running.browser.contexts()[0]!;
    // Vite's client reloads a page that has lost its connection to where the page came from, as those do that sleep.
    await context.addInitScript(() => {
      const Real = WebSocket;
      globalThis.WebSocket = class {
        constructor(address: string) {
          if (!address.includes("token=")) return new Real(address) as never;
        }
        addEventListener() {}
        close() {}
      } as never;
    });
    const first = await tab(context);
    const { id } = await project(first.page);
    await connect(first.page);
    await isSynced(first.page);
    const second = await tab(context);
    await connect(second.page);
    await isSynced(second.page);
    const wake = await freeze(first.page);
    expect(second.sockets.length).toBe(0);
    await expect.poll(() => second.sockets.length, { timeout: 60_000 }).toBe(1);
    await write(second.page, id, "while it sleeps");
    await isSynced(second.page);
    await wake();
    await expect.poll(() => titles(first.page)).toEqual(["paint", "while it sleeps"]);
    await write(first.page, id, "awake");
    await expect.poll(() => titles(second.page)).toEqual(["awake", "paint", "while it sleeps"]);
    await isSynced(first.page);
    // It waits until the other one is closed.
    const before = first.sockets.length;
    await second.page.close();
    await expect.poll(() => first.sockets.length).toBe(before + 1);
    await isSynced(first.page);
  });
});

test("what comes while the storage is full is there as soon as there is room, and all that was there meanwhile", async ({
  browser,
}) => {
  const [laptop, phone] = [await browser.newContext(), await browser.newContext()];
  const [one, two] = [await tab(laptop), await tab(phone)];
  const { id, link } = await project(one.page);
  const second = await project(one.page);
  for (const { page } of [one, two]) await connect(page);
  await two.page.evaluate((link) => device.sync.join(link), link);
  await isSynced(one.page);
  await two.page.evaluate(() => (globalThis.healServer = abortAfter("add", "log", "QuotaExceededError")));
  await write(one.page, id, "more");
  const failed = two.page.evaluate(async (projectId) => {
    const insertion = device.insert("tasks", { projectId: projectId, title: "own", notes: "" });
    return insertion.then(() => "saved").catch((error: { code: string }) => error.code);
  }, id);
  expect(await failed).toBe("QuotaExceeded");
  await two.page.evaluate((link) => void device.sync.join(link).catch(() => undefined), second.link);
  await expect.poll(() => state(two.page)).toBe("syncing");
  expect(await two.page.evaluate(() => device.durability.state)).toBe("degraded");
  expect(await titles(two.page)).toContain("paint");
  expect(await two.page.evaluate(() => healServer())).toBeGreaterThan(1);
  await expect.poll(() => titles(two.page)).toContain("more");
  await isSynced(two.page);
  // What could not be written down was not begun.
  expect(await two.page.evaluate((link) => device.sync.join(link), second.link)).toBe(second.id);
  await Promise.all([laptop.close(), phone.close()]);
});

test("a profile that is copied to another machine is a device of its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-copied-"));
  const open = (name: string) => {
    const options = test.info().project.use.launchOptions ?? {};
    return chromium.launchPersistentContext(join(folder, name), { headless: true, ...options });
  };
  try {
    const laptop = await open("laptop");
    const before = await tab(laptop);
    const { id } = await project(before.page);
    await connect(before.page);
    await isSynced(before.page);
    await before.page.evaluate(() => device.sync.disconnect());
    await write(before.page, id, "before");
    await before.page.evaluate(() => device.close());
    await laptop.close();
    cpSync(join(folder, "laptop"), join(folder, "copy"), {
      recursive: true,
      filter: (file) => !basename(file).startsWith("Singleton"),
    });
    const contexts = [await open("laptop"), await open("copy")] as const;
    const [one, two] = [await tab(contexts[0]), await tab(contexts[1])];
    await write(one.page, id, "on the laptop");
    await write(two.page, id, "on the copy");
    for (const { page } of [one, two]) await connect(page);
    for (const { page } of [one, two]) {
      await expect.poll(() => titles(page)).toEqual(["before", "on the copy", "on the laptop", "paint"]);
      await isSynced(page);
      expect(await page.evaluate(() => device.problems().current())).toEqual([]);
    }
    await Promise.all(contexts.map((context) => context.close()));
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
