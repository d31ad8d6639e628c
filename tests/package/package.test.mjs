// The package as a stranger gets it: packed by npm, installed into a new Vite app outside the repository.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { build, createServer, preview } from "vite";
import { attempt, root, run } from "../../scripts/run.mjs";
import { freePort } from "../../scripts/serve.mjs";
import { chromiumArgs } from "../../scripts/setup.mjs";

const app = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-app-")));
const npm = process.platform === "win32" ? "npm.cmd" : "npm";
let browser;

before(async () => {
  cpSync(join(root, "tests", "package", "app"), app, { recursive: true });
  writeFileSync(join(app, "package.json"), '{ "name": "fresh-app", "private": true, "type": "module" }\n');
  await run(npm, ["pack", "--pack-destination", app]);
  const [packed] = readdirSync(app).filter((file) => file.endsWith(".tgz"));
  await run(npm, ["install", "--offline", "--no-audit", "--no-fund", `./${packed}`], { cwd: app });
  browser = await chromium.launch({ executablePath: process.env.HOLDFAST_CHROMIUM, args: chromiumArgs() });
});

after(async () => {
  await browser?.close();
  rmSync(app, { recursive: true, force: true });
});

/** What the app's page shows in the end, and everything that went wrong on the way. */
async function visit(url) {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on(
    "response",
    (response) => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`),
  );
  await page.goto(url);
  await page
    .waitForFunction(() => document.querySelector("#result")?.textContent !== "waiting", undefined, { timeout: 20_000 })
    .catch(() => {});
  const shown = await page.textContent("#result");
  await page.close();
  return { shown, problems };
}

const works = { shown: "Pack, true", problems: [] };

/** Vite without anything of the repository's: the app has no configuration at all. */
function vite() {
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
  return { warnings, config: { configFile: false, root: app, customLogger: logger, clearScreen: false } };
}

test("the package holds what its package.json names, and nothing else", () => {
  const folder = join(app, "node_modules", "holdfast");
  const { exports, types, dependencies, scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder, { recursive: true }).map((file) => file.replaceAll("\\", "/"));
  for (const target of Object.values(exports).flatMap((one) =>
    typeof one === "string" ? [one] : Object.values(one),
  )) {
    assert.ok(files.includes(target.slice(2)), `${target} is missing`);
  }
  assert.equal(types, exports["."].types, "who doesn't read `exports` finds the types as well");
  const foreign = files.filter(
    (file) => !/^(dist(\/|$)|package\.json$|README\.md$|CHANGELOG\.md$|LICENSE$)/.test(file),
  );
  assert.deepEqual(foreign, []);
  assert.equal(dependencies, undefined);
  for (const hook of ["preinstall", "install", "postinstall", "prepare"]) assert.equal(scripts?.[hook], undefined);
});

test("the app passes the type check, the library's declarations included", async () => {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { ok, output } = await attempt(process.execPath, [tsc, "-p", "."], { cwd: app });
  assert.ok(ok, output);
});

test("the declarations say nothing that only the newest TypeScript knows", () => {
  const folder = join(app, "node_modules", "holdfast", "dist");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".d.ts"))) {
    // Typed arrays have a parameter since 5.7.
    const found = /\w+Array<ArrayBuffer\w*>|\[Symbol\.dispose\]/.exec(readFileSync(join(folder, file), "utf8"));
    assert.equal(found?.[0], undefined, file);
  }
});

test("bundlers are told to leave the import for Node alone", () => {
  const script = readFileSync(join(app, "node_modules", "holdfast", "dist", "index.js"), "utf8");
  assert.match(script, /import\(\s*\/\* @vite-ignore \*\/\s*\/\* webpackIgnore: true \*\/\s*\w+\s*\)/);
});

test("the app works as vite builds it", async () => {
  const { warnings, config } = vite();
  await build(config);
  const server = await preview({ ...config, preview: { host: "127.0.0.1", port: await freePort() } });
  try {
    assert.deepEqual(await visit(server.resolvedUrls.local[0]), works);
  } finally {
    await server.close();
  }
  assert.deepEqual(warnings, []);
});

test("the app works as vite serves it in development", async () => {
  const { warnings, config } = vite();
  const server = await createServer({ ...config, server: { host: "127.0.0.1", port: await freePort() } });
  try {
    await server.listen();
    assert.deepEqual(await visit(server.resolvedUrls.local[0]), works);
  } finally {
    await server.close();
  }
  assert.deepEqual(warnings, []);
});

test("a script works in Node, with its data in memory", async () => {
  const child = spawn(process.execPath, ["node.mjs"], { cwd: app, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(output, "Pack\n");
  assert.equal(code, 0);
});
