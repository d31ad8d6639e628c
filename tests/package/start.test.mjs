// npm start, as a newcomer runs it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { root } from "../../scripts/run.mjs";
import { freePort } from "../../scripts/serve.mjs";
import { chromiumArgs } from "../../scripts/setup.mjs";

const absent = existsSync(join(root, "www", "index.html")) ? false : "there is no www yet";

test("npm start serves a page that opens without an error", { skip: absent, timeout: 120_000 }, async () => {
  const port = await freePort();
  const start = spawn(process.execPath, ["scripts/start.mjs", "--port", String(port)], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let browser;
  try {
    let output = "";
    const url = await new Promise((resolve, reject) => {
      for (const stream of [start.stdout, start.stderr]) {
        stream.on("data", (text) => {
          output += text;
          const found = /Holdfast is at (http:\/\/127\.0\.0\.1:\d+\/)/.exec(output);
          if (found) resolve(found[1]);
        });
      }
      start.on("close", (code) => reject(new Error(`npm start ended with ${code}:\n${output}`)));
    });
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
