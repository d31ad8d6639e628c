// Devices of different engines that meet through a sync server.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../../scripts/serve.mjs";
import { serverProcess } from "../fixtures/server_process.mjs";
import { engines, openPage } from "./engines.mjs";

const present = engines.filter(({ missing }) => missing === undefined);
const skip = present.length < 2 && "there is only one engine here";

/** Waits until a device has tasks of these titles, and the server all of it. */
const has = (page, titles) =>
  page.evaluate(async (wanted) => {
    const end = performance.now() + 30_000;
    for (;;) {
      const titles = (await device.query("tasks").collect()).map(({ title }) => title).sort();
      if (device.sync.status.state === "synced" && titles.join() === wanted) return;
      if (performance.now() > end) {
        throw new Error(`It has ${titles} and not ${wanted}: ${JSON.stringify(device.sync.status.snapshot)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }, titles.join());

test("engines sync through a server, offline and back", { skip, timeout: 120_000 }, async (t) => {
  const [port, data] = [await freePort(), mkdtempSync(join(tmpdir(), "holdfast-data-"))];
  t.after(() => rmSync(data, { recursive: true }));
  assert.match(await serverProcess(t, ["--port", String(port), "--data", data]), /The sync server is at/);
  const url = `ws://127.0.0.1:${port}/`;
  const pages = [];
  for (const { start } of present) {
    const browser = await start({});
    t.after(() => browser.close());
    const page = await openPage(browser, `${process.env.HOLDFAST_PAGES}server.html`);
    await page.evaluate((url) => device.sync.connect(url), url);
    pages.push(page);
  }
  const [first, ...others] = pages;
  const { id, link } = await first.evaluate(async () => {
    const id = await device.insert("projects", { name: "house" });
    const task = await device.insert("tasks", { projectId: id, title: "paint", notes: "" });
    return { id, task, link: await device.sync.share(id) };
  });
  for (const page of others) assert.equal(await page.evaluate((link) => device.sync.join(link), link), id);
  for (const page of pages) await has(page, ["paint"]);

  // Each for itself: a task of its own, and its letters in the notes of the one that all have.
  for (const page of pages) await page.evaluate(() => device.sync.disconnect());
  for (const [at, page] of pages.entries()) {
    await page.evaluate(
      async ({ id, name }) => {
        await device.insert("tasks", { projectId: id, title: name, notes: "" });
        const task = (await device.query("tasks").collect()).find(({ title }) => title === "paint");
        await device.mutate((ctx) => ctx.db.splice(task._id, "notes", 0, 0, name));
      },
      { id, name: present[at].name },
    );
  }
  for (const page of pages) await page.evaluate((url) => device.sync.connect(url), url);
  const titles = [...present.map(({ name }) => name), "paint"].sort();
  const rows = [];
  for (const page of pages) {
    await has(page, titles);
    rows.push(
      await page.evaluate(async () => {
        const byId = (one, two) => (one._id < two._id ? -1 : 1);
        return (await device.query("tasks").collect()).sort(byId);
      }),
    );
  }
  for (const found of rows) assert.deepEqual(found, rows[0]);
  const { notes } = rows[0].find(({ title }) => title === "paint");
  for (const { name } of present) assert.ok(notes.includes(name), notes);
});
