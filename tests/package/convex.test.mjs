// A Convex app's folder, unchanged, in a new Vite app that has Holdfast and no `convex`: an alias is all that it needs.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { attempt, root } from "../../scripts/run.mjs";
import { freshApp } from "./fresh_app.mjs";

const settings = {
  resolve: { alias: { "convex/server": "holdfast/convex/server", "convex/values": "holdfast/convex/values" } },
};
const works = { shown: "one, two; ArgumentValidationError", problems: [], warnings: [] };

let app;
before(async () => (app = await freshApp(["tests/package/convex_app", "."], ["tests/fixtures/convex", "convex"])));
after(() => app?.remove());

test("a Convex app passes the type check with Holdfast's types", async () => {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { ok, output } = await attempt(process.execPath, [tsc, "-p", "."], { cwd: app.folder });
  assert.ok(ok, output);
});

test("a Convex app works as vite builds it", async () => {
  const { warnings, ...rest } = await app.built(settings);
  // A glob also finds what the app imports by name.
  const others = warnings.filter((warning) => !warning.includes("INEFFECTIVE_DYNAMIC_IMPORT"));
  assert.deepEqual({ ...rest, warnings: others }, works);
  const assets = join(app.folder, "dist", "assets");
  const scripts = readdirSync(assets).filter((file) => file.endsWith(".js"));
  assert.ok(scripts.length > 0);
  for (const file of scripts) {
    assert.ok(!readFileSync(join(assets, file), "utf8").includes("nobody's business"), `${file} has a server's code`);
  }
});

test("a Convex app works as vite serves it in development", async () =>
  assert.deepEqual(await app.served(settings), works));
