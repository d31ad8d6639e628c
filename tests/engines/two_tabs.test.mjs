// Two tabs of one browser, in each engine: one of them is hidden. tests/e2e has more of this, for Chromium.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { engines, isReady, openPage } from "./engines.mjs";

const LIMIT_MS = 60_000;

/** Opens the database of a tab; what it has is `db` there. */
const openDatabase = (tab, options = {}) =>
  tab.evaluate(async (options) => {
    globalThis.db = await globalThis.openTasks(options);
  }, options);

for (const { name, missing, start } of engines) {
  describe(`two tabs in ${name}`, { skip: missing, timeout: LIMIT_MS * 5 }, () => {
    let browser;
    before(async () => void (browser = await start()));
    after(() => browser?.close());

    const tab = () => openPage(browser, process.env.HOLDFAST_ENGINE_PAGES);
    /** Two tabs with a new database open. */
    async function twoTabs(t, options) {
      const tabs = [await tab(), await tab()];
      t.after(async () => {
        await tabs[0].evaluate(() => globalThis.db.destroy()).catch(() => undefined);
        for (const each of tabs) await each.close().catch(() => undefined);
      });
      for (const each of tabs) await openDatabase(each, options);
      return tabs;
    }

    test("what one writes shows in the live query of the other, hidden or not", { timeout: LIMIT_MS }, async (t) => {
      const tabs = await twoTabs(t);
      for (const each of tabs) {
        await each.evaluate(() => {
          globalThis.live = db.live(db.query("tasks").withIndex("by_n"));
          globalThis.live.subscribe(() => undefined);
        });
      }
      const titles = (each, count) =>
        each.evaluate(async (count) => {
          await until(() => globalThis.live.value?.length === count);
          return globalThis.live.value.map((task) => task.title);
        }, count);
      await tabs[0].evaluate(() => db.insert("tasks", { title: "from A", n: 2 }));
      assert.deepEqual(await titles(tabs[1], 1), ["from A"]);
      await tabs[1].evaluate(() => db.insert("tasks", { title: "from B", n: 1 }));
      assert.deepEqual(await titles(tabs[0], 2), ["from B", "from A"]);
      assert.deepEqual(await titles(tabs[1], 2), ["from B", "from A"]);
    });

    test("both change one document as fast as they can, and nothing is lost", { timeout: LIMIT_MS }, async (t) => {
      const tabs = await twoTabs(t, { tuning: { checkpointLogRecords: 40, idleMs: 30 } });
      const id = await tabs[0].evaluate(() => db.insert("tasks", { title: "counter", n: 0 }));
      await tabs[1].evaluate((id) => until(async () => (await db.get(id)) !== null), id);
      const count = (each) =>
        each.evaluate(async (id) => {
          for (let round = 0; round < 100; round += 1) {
            await db.mutate(async (ctx) => {
              const { n } = await ctx.db.get(id);
              await ctx.db.patch(id, { n: n + 1 });
              await ctx.db.insert("tasks", { title: "one more", n });
            });
          }
        }, id);
      await Promise.all(tabs.map(count));
      for (const each of tabs) {
        const found = await each.evaluate(async (id) => {
          await until(async () => (await db.get(id)).n === 200);
          return [await db.query("tasks").count(), (await db.verify()).problems];
        }, id);
        assert.deepEqual(found, [201, []]);
      }
    });

    test("what one was told to be saved is there when it has been closed", { timeout: LIMIT_MS }, async (t) => {
      const [writer, reader] = await twoTabs(t);
      await writer.evaluate(() => {
        void (async () => {
          for (let n = 0; ; n += 1) {
            await db.insert("tasks", { title: "t", n });
            localStorage.setItem("saved", String(n));
          }
        })();
        return until(() => Number(localStorage.getItem("saved")) > 20);
      });
      await writer.close();
      const [saved, found] = await reader.evaluate(async () => {
        const saved = Number(localStorage.getItem("saved"));
        // A commit of its own meets whatever it has not heard of.
        await db.insert("tasks", { title: "mine", n: -1 });
        const query = db.query("tasks").withIndex("by_n", (q) => q.gte("n", 0));
        return [saved, (await query.collect()).map((task) => task.n)];
      });
      assert.ok(found.length > saved, `${found.length} documents, and ${saved} was told to be saved`);
      assert.deepEqual(
        found,
        found.map((_, n) => n),
      );
      await reader.evaluate(() => db.destroy());
    });

    test("a database that one deletes ends for the other, which may make it anew", { timeout: LIMIT_MS }, async (t) => {
      const [one, two] = await twoTabs(t);
      await one.evaluate(() => db.insert("tasks", { title: "gone", n: 1 }));
      await two.evaluate(() => until(async () => (await db.query("tasks").count()) === 1));
      await one.evaluate(() => db.destroy());
      const ended = await two.evaluate(async () => {
        await until(() => db.durability.state === "closed");
        return codeOf(db.insert("tasks", { title: "late", n: 2 }));
      });
      assert.equal(ended, "DatabaseClosed");
      await openDatabase(two);
      assert.equal(await two.evaluate(() => db.query("tasks").count()), 0);
      await openDatabase(one);
    });

    test("a page that is loaded anew finds what it has written", { timeout: LIMIT_MS }, async (t) => {
      const [one] = await twoTabs(t);
      await one.evaluate(() => db.insert("tasks", { title: "kept", n: 1 }));
      await one.goto(process.env.HOLDFAST_ENGINE_PAGES);
      await isReady(one);
      await openDatabase(one);
      assert.equal(await one.evaluate(() => db.query("tasks").count()), 1);
    });

    test(
      "components of React follow what both write, and none is painted as loading",
      { timeout: LIMIT_MS },
      async (t) => {
        const address = `${process.env.HOLDFAST_PAGES}react.html`;
        const tabs = [await openPage(browser, address), await openPage(browser, address)];
        t.after(async () => {
          for (const each of tabs) await each.close();
        });
        const shows = (each, expected) =>
          each.evaluate(async (expected) => {
            const end = performance.now() + 10_000;
            while (react.text() !== expected) {
              if (performance.now() > end) throw new Error(`It shows ${react.text()}`);
              await new Promise((resolve) => setTimeout(resolve, 10));
            }
          }, expected);
        for (const each of tabs) await each.evaluate(() => react.show(["Rows", "Titles"], { from: 0 }));
        await tabs[0].evaluate(() => react.db.insert("tasks", { title: "five", n: 5 }));
        for (const each of tabs) await shows(each, "five[five]");
        await tabs[1].evaluate(() => react.db.insert("tasks", { title: "one", n: 1 }));
        for (const each of tabs) await shows(each, "one five[one five]");
        // Nobody paints a tab that is not seen.
        const seen = await Promise.all(tabs.map((each) => each.evaluate(() => document.visibilityState === "visible")));
        const frames = await tabs[seen.indexOf(true)].evaluate(async () => {
          react.frames.length = 0;
          react.show(["Rows", "Titles"], { from: 2 });
          await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
          return react.frames;
        });
        assert.equal(frames.at(-1), "one five[five]");
        assert.equal(frames.join().includes("loading"), false, frames.join());
      },
    );
  });
}
