// A Convex app's folder, unchanged, in an app as create-vite's template vanilla-ts has it, set up as docs/convex.md says:
// with Holdfast and without `convex`.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { attempt, root } from "../../scripts/run.mjs";
import { shownFile } from "./documents.mjs";
import { freshApp, npm } from "./fresh_app.mjs";

const guide = "docs/convex.md";
const works = { shown: "one, two; 42; ArgumentValidationError", problems: [], warnings: [] };

let app, settings;
before(async () => {
  app = await freshApp(["tests/package/convex_app", "."], ["tests/fixtures/convex", "convex"]);
  // Its types are the template's.
  symlinkSync(join(root, "node_modules", "vite"), join(app.folder, "node_modules", "vite"), "junction");
  for (const name of ["vite.config.js", "src/database.ts"]) {
    writeFileSync(join(app.folder, name), shownFile(guide, name));
  }
  for (const name of ["tsconfig.json", "convex/tsconfig.json"]) {
    const options = JSON.parse(readFileSync(join(app.folder, name), "utf8"));
    Object.assign(options.compilerOptions, JSON.parse(shownFile(guide, name)).compilerOptions);
    writeFileSync(join(app.folder, name), JSON.stringify(options));
  }
  ({ default: settings } = await import(pathToFileURL(join(app.folder, "vite.config.js"))));
});
after(() => app?.remove());

async function typeCheck(...args) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { ok, output } = await attempt(process.execPath, [tsc, ...args], { cwd: app.folder });
  assert.ok(ok, output);
}

test("a Convex app passes the type check with Holdfast's types", () => typeCheck("-p", "."));

test("its folder passes the check of Convex's tool, the library's declarations included", () =>
  typeCheck("-p", "convex", "--skipLibCheck", "false"));

// What is in the folder from here on is for Convex's tool, its servers and a test runner. The app has none of their packages.
test("a Convex app works as vite builds it, without what is not for the page", async () => {
  cpSync(join(app.folder, "server_only"), join(app.folder, "convex"), { recursive: true });
  assert.deepEqual(await app.built(settings), works);
  const scripts = readdirSync(join(app.folder, "dist", "assets")).filter((name) => name.endsWith(".js"));
  for (const name of scripts) {
    assert.doesNotMatch(readFileSync(join(app.folder, "dist", "assets", name), "utf8"), /the key of the mail server/);
  }
});

test("a Convex app works as vite serves it in development", async () =>
  assert.deepEqual(await app.served(settings), works));

test("a Convex app works as an older vite serves it in development", async () =>
  assert.deepEqual(await app.served(settings, await import("vite7")), works));

test("its functions are tested by Node alone, as docs/testing.md says", async () => {
  mkdirSync(join(app.folder, "tests"));
  const name = "tests/tasks.test.ts";
  writeFileSync(join(app.folder, name), shownFile("docs/testing.md", name));
  const own = JSON.parse(readFileSync(join(app.folder, "package.json"), "utf8"));
  const { scripts } = JSON.parse(shownFile("docs/testing.md", "package.json"));
  writeFileSync(join(app.folder, "package.json"), JSON.stringify({ ...own, scripts }));
  // esbuild is this repository's. A program that uses node:test is not part of this one.
  const env = {
    PATH: [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter),
    NODE_TEST_CONTEXT: undefined,
  };
  const { ok, output } = await attempt(npm, ["test"], { cwd: app.folder, env });
  assert.ok(ok, output);
  assert.match(output, /# pass 1$|ℹ pass 1$/m);
});
