// A stranger's app: a folder outside the repository, with the package as npm packs it, and a browser to look at it.

import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import * as vite from "vite";
import { root, run } from "../../scripts/run.mjs";
import { freePort } from "../../scripts/serve.mjs";
import { chromiumArgs } from "../../scripts/setup.mjs";

/** npm, as it is called here. */
export const npm = process.platform === "win32" ? "npm.cmd" : "npm";

/** Makes the app of these folders, and opens a browser. */
export async function freshApp(...folders) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-app-")));
  for (const [from, to] of folders) cpSync(join(root, from), join(folder, to), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "name": "fresh-app", "private": true, "type": "module" }\n');
  await run(npm, ["pack", "--pack-destination", folder]);
  const [packed] = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
  await run(npm, ["install", "--offline", "--no-audit", "--no-fund", `./${packed}`], { cwd: folder });
  const browser = await chromium.launch({ executablePath: process.env.HOLDFAST_CHROMIUM, args: chromiumArgs() });
  return new App(folder, browser);
}

class App {
  constructor(folder, browser) {
    this.folder = folder;
    this.browser = browser;
  }

  async remove() {
    await this.browser.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the page shows in the end, and everything that went wrong on the way. */
  async visit(url) {
    const page = await this.browser.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on(
      "response",
      (response) => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`),
    );
    await page.goto(url);
    await page
      .waitForFunction(() => document.querySelector("#result")?.textContent !== "waiting", undefined, {
        timeout: 20_000,
      })
      .catch(() => {});
    const shown = await page.textContent("#result");
    await page.close();
    return { shown, problems };
  }

  /** The same of the app as vite, or another version of it, builds it, with what that warns of. */
  async built(settings, { build, preview } = vite) {
    const { warnings, config } = this.#vite(settings);
    await build(config);
    const server = await preview({ ...config, preview: { host: "127.0.0.1", port: await freePort() } });
    try {
      return { ...(await this.visit(server.resolvedUrls.local[0])), warnings };
    } finally {
      await server.close();
    }
  }

  /** The same as vite, or another version of it, serves it in development. */
  async served(settings, { createServer } = vite) {
    const { warnings, config } = this.#vite(settings);
    const server = await createServer({ ...config, server: { host: "127.0.0.1", port: await freePort() } });
    try {
      await server.listen();
      return { ...(await this.visit(server.resolvedUrls.local[0])), warnings };
    } finally {
      await server.close();
    }
  }

  /** Vite without anything of the repository's: the app has no configuration but these settings. */
  #vite(settings) {
    const warnings = [];
    const warn = (message) => warnings.push(message);
    const logger = {
      info() {},
      warn,
      warnOnce: warn,
      error: warn,
      clearScreen() {},
      hasErrorLogged: () => false,
      hasWarned: false,
    };
    return {
      warnings,
      config: { configFile: false, root: this.folder, customLogger: logger, clearScreen: false, ...settings },
    };
  }
}
