// npm start, as a newcomer runs it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { root } from "../../scripts/run.mjs";
import { freePort, isFree } from "../../scripts/serve.mjs";
import { chromiumArgs } from "../../scripts/setup.mjs";
import { npm } from "./fresh_app.mjs";

const absent = existsSync(join(root, "www", "index.html")) ? false : "there is no www yet";

/** Starts it by a command. Answers the process, and the address when it says that. */
function started(command, args, options = {}) {
  const start = spawn(command, args, { ...options, cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const url = new Promise((resolve, reject) => {
    for (const stream of [start.stdout, start.stderr]) {
      stream.on("data", (text) => {
        output += text;
        const found = /Holdfast is at (http:\/\/127\.0\.0\.1:\d+\/)/.exec(output);
        if (found) resolve(found[1]);
      });
    }
    start.on("close", (code) => reject(new Error(`npm start ended with ${code}:\n${output}`)));
  });
  return { start, url };
}

test("npm start serves a page that opens without an error", { skip: absent, timeout: 120_000 }, async () => {
  const port = await freePort();
  const { start, url: said } = started(process.execPath, ["scripts/start.mjs", "--port", String(port)]);
  let browser;
  try {
    const url = await said;
    assert.equal(url, `http://127.0.0.1:${port}/`);
    browser = await chromium.launch({ executablePath: process.env.HOLDFAST_CHROMIUM, args: chromiumArgs() });
    const page = await browser.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on(
      "response",
      (response) => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`),
    );
    await page.goto(url, { waitUntil: "networkidle" });
    assert.deepEqual(problems, []);
    assert.notEqual((await page.title()).trim(), "");
  } finally {
    await browser?.close();
    // Asked to end, the server closes first, which may wait for a connection that nobody closes.
    start.kill("SIGKILL");
  }
});

// There are no such signals on Windows.
const skip = process.platform === "win32" || absent;

test("npm start ends when npm is told to end", { skip, timeout: 120_000 }, async () => {
  const port = await freePort();
  const { start, url } = started(npm, ["start", "--", "--port", String(port)], { detached: true });
  try {
    await url;
    assert.equal(await isFree(port), false);
    // To npm alone. What it passes on, a shell gets, which does not pass it on.
    start.kill("SIGTERM");
    for (let tries = 0; !(await isFree(port)); tries += 1) {
      assert.ok(tries < 100, "the server goes on without npm");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    try {
      process.kill(-start.pid, "SIGKILL");
    } catch {
      // All have ended.
    }
  }
});
