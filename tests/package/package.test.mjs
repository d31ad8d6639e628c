// The package as a stranger gets it: packed by npm, installed into a new Vite app outside the repository.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { attempt, root, run } from "../../scripts/run.mjs";
import { freshApp, npm } from "./fresh_app.mjs";

let app;
before(async () => (app = await freshApp(["tests/package/app", "."])));
after(() => app?.remove());

const works = {
  shown: "Pack, true, application/zip; worker: Pack, application/zip; synced: Meet, true",
  problems: [],
  warnings: [],
};

test("the package holds what its package.json names, and nothing else", () => {
  const folder = join(app.folder, "node_modules", "holdfast");
  const { bin, exports, types, typesVersions, dependencies, scripts } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  );
  const files = readdirSync(folder, { recursive: true }).map((file) => file.replaceAll("\\", "/"));
  for (const target of Object.values(exports).flatMap((one) =>
    typeof one === "string" ? [one] : Object.values(one),
  )) {
    assert.ok(files.includes(target.slice(2)), `${target} is missing`);
  }
  assert.deepEqual(bin, { holdfast: "./dist/cli.js" });
  assert.equal(types, exports["."].types, "who doesn't read `exports` finds the types as well");
  const entries = Object.entries(exports).filter(([path, { types }]) => path !== "." && types !== undefined);
  assert.deepEqual(typesVersions, {
    "*": Object.fromEntries(entries.map(([path, { types }]) => [path.slice(2), [types]])),
  });
  const foreign = files.filter(
    (file) => !/^((dist|docs)(\/|$)|bench$|package\.json$|LICENSE$|(bench\/)?[A-Z]+\.md$)/.test(file),
  );
  assert.deepEqual(foreign, []);
  assert.equal(dependencies, undefined);
  for (const hook of ["preinstall", "install", "postinstall", "prepare"]) assert.equal(scripts?.[hook], undefined);
});

test("links in the packed documents lead to packed files, and to headings that are there", () => {
  const folder = join(app.folder, "node_modules", "holdfast");
  const documents = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".md"));
  assert.ok(documents.length > 10);
  const headingsOf = (file) => {
    const headings = readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm);
    return [...headings].map(([, text]) =>
      text
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .replaceAll(" ", "-"),
    );
  };
  const broken = [];
  for (const document of documents) {
    for (const [, link] of readFileSync(join(folder, document), "utf8").matchAll(/\]\(([^)\s]+)\)/g)) {
      if (link.startsWith("https:")) continue;
      const [path, heading] = link.split("#");
      const target = path === "" ? join(folder, document) : join(folder, document, "..", path);
      if (!existsSync(target) || (heading && !headingsOf(target).includes(heading)))
        broken.push(`${document}: ${link}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("README.md names the file that npm pack makes, and how it is installed", () => {
  const [packed] = readdirSync(app.folder).filter((file) => file.endsWith(".tgz"));
  const [, pack, install] =
    /^```sh\nnpm run build && (npm pack) .* makes (?:\S+)\n(npm install \S+) .*\n```$/m.exec(
      readFileSync(join(root, "README.md"), "utf8"),
    ) ?? [];
  assert.deepEqual([pack, install], ["npm pack", `npm install ../holdfast/${packed}`]);
});

for (const [moduleResolution, module, others] of [
  ["bundler", "esnext", []],
  ["node16", "node16", []],
  // What TypeScript calls outdated, and apps have.
  ["node10", "esnext", ["--ignoreDeprecations", "6.0"]],
]) {
  test(`the app passes the type check, the library's declarations included, as ${moduleResolution} finds them`, async () => {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const args = [tsc, "-p", ".", "--moduleResolution", moduleResolution, "--module", module, ...others];
    const { ok, output } = await attempt(process.execPath, args, { cwd: app.folder });
    assert.ok(ok, output);
  });
}

test("the declarations say nothing that only the newest TypeScript knows", () => {
  const folder = join(app.folder, "node_modules", "holdfast", "dist");
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".d.ts"));
  assert.ok(files.length > 10);
  for (const file of files) {
    // Typed arrays have a parameter since 5.7.
    const found = /\w+Array<ArrayBuffer\w*>|\[Symbol\.dispose\]/.exec(readFileSync(join(folder, file), "utf8"));
    assert.equal(found?.[0], undefined, file);
  }
});

test("bundlers are told to leave the import for Node alone", () => {
  const dist = join(app.folder, "node_modules", "holdfast", "dist");
  const scripts = readdirSync(dist).filter((name) => name.endsWith(".js") && !name.includes("inlined"));
  const script = scripts.map((name) => readFileSync(join(dist, name), "utf8")).join("\n");
  assert.match(script, /import\(\s*\/\* @vite-ignore \*\/\s*\/\* webpackIgnore: true \*\/\s*\w+\s*\)/);
});

test("the app works as vite builds it", async () => assert.deepEqual(await app.built(), works));

test("the app works as vite serves it in development", async () => assert.deepEqual(await app.served(), works));

// What a worker imports when it needs it can't be one classic script, which older ones make of it.
const settings = { worker: { format: "es" } };

test("the app works as an older vite builds it", async () =>
  assert.deepEqual(await app.built(settings, await import("vite7")), works));

test("the app works as an older vite serves it in development, which leaves the binary and the docs worker behind", async () => {
  const { shown, problems, warnings } = await app.served(settings, await import("vite7"));
  // Then the page merges, and vite says what would mend it.
  assert.equal(shown, works.shown.replace("Meet, true", "Meet, false"));
  for (const problem of problems) assert.match(problem, /^404 .*docs_worker\.js/);
  for (const warning of warnings) assert.match(warning, /docs_worker\.js.*`optimizeDeps\.exclude`/s);
});

/** What the script without a browser says, run by a program. */
async function saidIn(program) {
  const child = spawn(program, ["node.mjs"], { cwd: app.folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { output, code };
}

test("a script works in Node, with its data in memory", async () =>
  assert.deepEqual(await saidIn(process.execPath), { output: "Pack\n", code: 0 }));

/** Where Bun's program comes from for this machine. */
const bun = `@oven/bun-${process.platform.replace("win32", "windows")}-${process.arch.replace("arm64", "aarch64")}`;

test("a script works in Bun, with its data in memory", async () => {
  await run(npm, ["install", "--no-audit", "--no-fund", "--no-save", `${bun}@1.4.5`], { cwd: app.folder });
  const program = join(app.folder, "node_modules", bun, "bin", process.platform === "win32" ? "bun.exe" : "bun");
  assert.deepEqual(await saidIn(program), { output: "Pack\n", code: 0 });
});

test("the command line works, and finds the rows that a script has exported", async () => {
  const npx = process.platform === "win32" ? "npx.cmd" : "npx";
  const holdfast = (...args) => attempt(npx, ["--offline", "holdfast", ...args], { cwd: app.folder });
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.deepEqual(await said(holdfast("--version")), [true, version]);
  const script = `import { writeFileSync } from "node:fs";
    import { defineSchema, defineTable, openDatabase, v } from "holdfast";
    const schema = defineSchema({ tasks: defineTable({ title: v.string() }) });
    const db = await openDatabase({ name: "command line", schema });
    await db.insert("tasks", { title: "Pack" });
    writeFileSync("backup.zip", new Uint8Array(await (await db.export()).arrayBuffer()));
    await db.close();`;
  const made = attempt(process.execPath, ["--input-type=module", "--eval", script], { cwd: app.folder });
  assert.deepEqual(await said(made), [true, ""]);
  const [ok, output] = await said(holdfast("inspect", "backup.zip"));
  assert.ok(ok, output);
  assert.match(output, /^backup\.zip: 1 table, 1 row, \d+ bytes\n\ntable .*\ntasks +\d+ +1 /);
  assert.deepEqual(await said(holdfast("verify", "backup.zip")), [true, "backup.zip is sound: 1 table, 1 row."]);
});

/** Whether a program has ended well, and everything that it said. */
async function said(attempted) {
  const { ok, output } = await attempted;
  return [ok, output.trim()];
}

test("nothing that apps import leads to the command line", () => {
  const dist = join(app.folder, "node_modules", "holdfast", "dist");
  const scripts = readdirSync(dist, { recursive: true }).filter((name) => name.endsWith(".js") && name !== "cli.js");
  for (const name of scripts) {
    assert.doesNotMatch(readFileSync(join(dist, name), "utf8"), /from "node:|\.\/cli\.js/, name);
  }
});
