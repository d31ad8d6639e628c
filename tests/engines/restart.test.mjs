// What is saved outlives the browser. In Chromium and Firefox with a profile on the disk.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { differences, RESTART } from "./differences.mjs";
import { engines, openPage } from "./engines.mjs";

for (const { name, missing, start } of engines) {
  test(`${RESTART}, in ${name}`, { skip: missing ?? differences[name][RESTART] }, async (t) => {
    const profile = mkdtempSync(join(tmpdir(), "holdfast-profile-"));
    t.after(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
    const visit = async (body) => {
      const browser = await start({ profile });
      try {
        return await (await openPage(browser, process.env.HOLDFAST_ENGINE_PAGES)).evaluate(body);
      } finally {
        await browser.close();
      }
    };
    await visit(async () => {
      const db = await globalThis.openTasks({ tuning: { idleMs: 10 } });
      const rows = Array.from({ length: 2_000 }, (_, n) => ({ title: `t${n}`, n }));
      await db.insertMany("tasks", rows);
      await globalThis.until(() => db.stats().generation > 0 && db.stats().logRecords === 0);
      // In the tree and, this one, in the log.
      await db.insert("tasks", { title: "last", n: -1 });
    });
    const found = await visit(async () => {
      const db = await globalThis.openTasks();
      const { problems } = await db.verify();
      return [await db.query("tasks").count(), (await db.query("tasks").withIndex("by_n").first()).title, problems];
    });
    assert.deepEqual(found, [2_001, "last", []]);
  });
}
