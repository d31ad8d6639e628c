// The store suite: the checks of tests/engines/pages, in a page of each engine, over its own IndexedDB.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/run.mjs";
import { differences, RESTART } from "./differences.mjs";
import { engines, openPage, privateFirefox } from "./engines.mjs";

const CHECK_LIMIT_MS = 60_000;

for (const { name, missing, start } of [...engines, privateFirefox]) {
  test(`the store suite in ${name}`, { skip: missing }, async (t) => {
    const browser = await start();
    t.after(() => browser.close());
    t.diagnostic(browser.version);
    const tab = await openPage(browser, process.env.HOLDFAST_ENGINE_PAGES);
    const names = await tab.evaluate(() => globalThis.suite.names());
    for (const check of names) {
      const run = () => tab.evaluate((check) => globalThis.suite.run(check), check);
      const reason = differences[name][check];
      const title = reason === undefined ? check : `differs: ${check}`;
      await t.test(title, { timeout: CHECK_LIMIT_MS }, async () => {
        if (reason === undefined) await run();
        // What works after all is to be taken off the list.
        else await assert.rejects(run, undefined, "It is declared as a difference, and is none any more.");
      });
    }
    const unknown = Object.keys(differences[name]).filter((check) => ![...names, RESTART].includes(check));
    assert.deepEqual(unknown, [], "differences.mjs names checks that do not exist");
  });
}

test("docs/browsers.md tells every difference", () => {
  const document = readFileSync(join(root, "docs", "browsers.md"), "utf8").replace(/\s+/g, " ");
  const untold = Object.values(differences)
    .flatMap((reasons) => Object.values(reasons))
    .filter((reason) => !document.includes(reason));
  assert.deepEqual(untold, []);
});
