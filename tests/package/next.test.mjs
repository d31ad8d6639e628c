// A new Next app: the page is made on the server, where the import does nothing, and opens its database in the browser.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { attempt, run } from "../../scripts/run.mjs";
import { freePort } from "../../scripts/serve.mjs";
import { freshApp, npm } from "./fresh_app.mjs";

const packages = ["next@16.4.6", "react@19.2.0", "react-dom@19.2.0"];
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };

let app;
before(async () => {
  app = await freshApp(["tests/package/next_app", "."]);
  await run(npm, ["install", "--no-audit", "--no-fund", ...packages], { cwd: app.folder });
});
after(() => app?.remove());

const next = () => join(app.folder, "node_modules", "next", "dist", "bin", "next");

test("the app works as Next builds it", async () => {
  const { ok, output } = await attempt(process.execPath, [next(), "build"], { cwd: app.folder, env });
  assert.ok(ok, output);
  const port = await freePort();
  const args = [next(), "start", "-H", "127.0.0.1", "-p", String(port)];
  const server = spawn(process.execPath, args, { cwd: app.folder, env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    await new Promise((resolve, reject) => {
      let said = "";
      server.once("exit", () => reject(new Error(`Next does not start: ${said}`)));
      server.stdout.on("data", (text) => /Ready in/.test((said += text)) && resolve());
    });
    assert.deepEqual(await app.visit(`http://127.0.0.1:${port}/`), { shown: "Pack, application/zip", problems: [] });
  } finally {
    const gone = new Promise((resolve) => server.once("exit", resolve));
    server.kill();
    await gone;
  }
});
