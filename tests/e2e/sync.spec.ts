// Two devices in a browser, where the docs worker is beside the page: who writes without a pause keeps nobody out.
import { expect, type Page, test } from "@playwright/test";
import type { SyncPage } from "./pages/sync.js";

declare global {
  var openDevices: SyncPage["openDevices"];
}

async function devices(page: Page): Promise<void> {
  page.on("pageerror", (error) => console.error(error));
  await page.goto(`${process.env["HOLDFAST_PAGES"]!}sync.html`);
  await page.waitForFunction(() => document.title === "ready");
}

for (const pauseMs of [undefined, 15]) {
  const pause = pauseMs === undefined ? "without a pause" : `each ${pauseMs} ms`;
  test(`a row that is moved arrives where somebody writes to it ${pause}`, async ({ page }) => {
    await devices(page);
    const seen = await page.evaluate(async (pauseMs) => {
      const { laptop, phone, link } = await openDevices();
      const [home, garden] = [
        await laptop.insert("projects", { name: "home" }),
        await laptop.insert("projects", { name: "garden" }),
      ];
      const task = await laptop.insert("tasks", { projectId: home, title: "mow", notes: "" });
      const joined = link();
      const end = performance.now() + 40_000;
      const until = async (condition: () => Promise<boolean>) => {
        while (!(await condition())) {
          if (performance.now() > end) return false;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        return true;
      };
      await until(async () => joined.isSynced && (await phone.get(task)) !== null);
      const moved = phone.patch(task, { projectId: garden });
      let letters = 0;
      // It is to be seen while that goes on.
      while ((await laptop.get(task))?.projectId !== garden) {
        if (performance.now() > end) return `not after ${letters} letters`;
        try {
          await laptop.mutate((ctx) => ctx.db.splice(task, "notes", 0, 0, "y"));
          letters += 1;
        } catch (error) {
          // It has left one project's document, and the other's has not come yet.
          if ((error as { code?: string }).code !== "NonexistentDocument") throw error;
        }
        if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
      await moved;
      const isWhole = async () =>
        joined.isSynced &&
        (await phone.get(task))?.notes.length === letters &&
        (await phone.get(task))?.projectId === garden;
      return (await until(isWhole))
        ? "seen"
        : `of ${letters} letters the phone has ${(await phone.get(task))?.notes.length}`;
    }, pauseMs);
    expect(seen).toBe("seen");
  });
}

test("a device that has nothing yet gets all while somebody goes on writing", async ({ page }) => {
  await devices(page);
  const seen = await page.evaluate(async () => {
    const { laptop, phone, link } = await openDevices();
    const home = await laptop.insert("projects", { name: "home" });
    const rows = Array.from({ length: 3000 }, (_, n) => ({ projectId: home, title: `task ${n}`, notes: "" }));
    const [first] = await laptop.insertMany("tasks", rows);
    link();
    const count = () => phone.read((ctx) => ctx.db.query("tasks").count());
    const end = performance.now() + 40_000;
    let writes = 0;
    while ((await count()) < rows.length) {
      if (performance.now() > end) return `${await count()} rows after ${writes} writes`;
      await laptop.patch(first!, { title: `written ${(writes += 1)}` });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return "all";
  });
  expect(seen).toBe("all");
});
