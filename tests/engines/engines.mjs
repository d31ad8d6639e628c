// The three engines, as scripts/test.mjs has found them on this machine: HOLDFAST_ENGINES holds, as JSON and by the names
// below, { file } or { files } of each, or { missing } with the reason.

import { chromiumArgs } from "../../scripts/setup.mjs";
import { startByPuppeteer } from "./puppeteer.mjs";
import { startWebKit } from "./webdriver.mjs";

const found = JSON.parse(process.env.HOLDFAST_ENGINES ?? "null");
if (!found) throw new Error('Run these tests by "npm test -- --only engines".');

/** Each engine: its name, why it is left out here, and what starts it. */
export const engines = [
  {
    name: "chromium",
    missing: found.chromium.missing,
    start: (options) => startByPuppeteer("chrome", found.chromium.file, { args: chromiumArgs(), ...options }),
  },
  {
    name: "firefox",
    missing: found.firefox.missing,
    start: (options) => startByPuppeteer("firefox", found.firefox.file, options),
  },
  { name: "webkit", missing: found.webkit.missing, start: () => startWebKit(found.webkit.file) },
];

/** Firefox with all its windows private: there it encrypts what it stores, and forgets the keys. */
export const privateFirefox = {
  ...engines[1],
  name: "firefox, private",
  start: () => engines[1].start({ prefs: { "browser.privatebrowsing.autostart": true } }),
};

/** Opens a page of the tests and waits until it can be used. */
export async function openPage(browser, address) {
  const tab = await browser.open(address);
  await isReady(tab);
  return tab;
}

/** Waits until a page has loaded what it needs. */
export const isReady = (tab) =>
  tab.evaluate(async () => {
    const end = performance.now() + 30_000;
    while (document.title !== "ready") {
      if (performance.now() > end) throw new Error("The page did not load.");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
