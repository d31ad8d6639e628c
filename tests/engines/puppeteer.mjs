// Chromium and Firefox, as stock as they are installed, by puppeteer-core: over CDP and over WebDriver BiDi.

import puppeteer from "puppeteer-core";

/**
 * Starts a browser. `profile` is a folder for what it stores, else that is gone with it; `prefs` are Firefox's. Answers
 * { version, open, close }; `open` gives a tab: { evaluate, goto, close }.
 */
export async function startByPuppeteer(browser, executablePath, { args = [], profile, prefs } = {}) {
  const started = await puppeteer.launch({
    browser,
    executablePath,
    args,
    headless: true,
    // A check that takes longer has its own limit.
    protocolTimeout: 0,
    ...(profile && { userDataDir: profile }),
    ...(prefs && { extraPrefsFirefox: prefs }),
  });
  return {
    version: (await started.version()).replace("/", " "),
    async open(url) {
      const page = await started.newPage();
      await page.goto(url);
      return {
        evaluate: (body, ...values) => page.evaluate(body, ...values),
        goto: (address) => page.goto(address),
        close: () => page.close(),
      };
    },
    close: () => started.close(),
  };
}
