// The package as files that a page imports, and as bundlers without configuration make one file of it: webpack for a page,
// esbuild and Vite for Node.

import assert from "node:assert/strict";
import { copyFileSync, createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import webpack from "webpack";
import { attempt } from "../../scripts/run.mjs";
import { freshApp } from "./fresh_app.mjs";

const works = { shown: "Pack, application/zip", problems: [] };

let app;
before(async () => (app = await freshApp(["tests/package/script_app", "."])));
after(() => app?.remove());

const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** What a page of a folder shows that a server gives out as it is, but for the binary, if there is another answer for that. */
async function visited(folder, file, answer) {
  const server = createServer(({ url }, response) => {
    const path = join(folder, new URL(url, "http://localhost").pathname);
    if (answer !== undefined && extname(path) === ".wasm")
      return response.setHeader("Content-Type", answer.type).end(answer.body);
    if (!existsSync(path)) return response.writeHead(404).end();
    response.setHeader("Content-Type", types[extname(path)] ?? "application/octet-stream");
    createReadStream(path).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await app.visit(`http://127.0.0.1:${server.address().port}/${file}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Bundles the app. Answers the folder, and what webpack says is wrong. */
async function bundled(mode) {
  const path = join(app.folder, `out-${mode}`);
  const compiler = webpack({ mode, context: app.folder, entry: "./main.mjs", output: { path, filename: "main.js" } });
  const stats = await new Promise((resolve, reject) =>
    compiler.run((error, stats) => (error ? reject(error) : resolve(stats))),
  );
  await new Promise((resolve) => compiler.close(resolve));
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  copyFileSync(join(app.folder, "bundled.html"), join(path, "index.html"));
  return { path, said: [...errors, ...warnings].map(({ message }) => message) };
}

test("a page imports the package's own files, without a bundler", async () =>
  assert.deepEqual(await visited(app.folder, "index.html"), works));

for (const [type, body] of [
  ["text/html", "<!doctype html>"],
  ["text/html", "\n<!doctype html>"],
  ["text/html", "\ufeff<!doctype html>"],
  ["text/plain", "Not found"],
  ["application/wasm", "<!doctype html>"],
  ["application/octet-stream", ""],
]) {
  test(`a server that answers ${JSON.stringify(body)} as ${type} for the binary gives it as a script`, async () =>
    assert.deepEqual(await visited(app.folder, "index.html", { type, body }), works));
}

/** What a program in Node says. */
const said = async (file) => {
  const { ok, output } = await attempt(process.execPath, [file], { cwd: app.folder });
  return [ok, output.trim()];
};

for (const [how, options, file] of [
  ["in modules", { format: "esm", splitting: true }, "node.js"],
  ["as one module", { format: "esm" }, "node.js"],
  [
    "as CommonJS",
    { format: "cjs", outExtension: { ".js": ".cjs" }, logOverride: { "empty-import-meta": "silent" } },
    "node.cjs",
  ],
]) {
  test(`a program works in Node as esbuild bundles it ${how}`, async () => {
    const outdir = join(app.folder, `out-${how}`);
    const entryPoints = [join(app.folder, "node.mjs")];
    await esbuild({
      entryPoints,
      outdir,
      bundle: true,
      platform: "node",
      target: "node20",
      logLevel: "error",
      ...options,
    });
    assert.deepEqual(await said(join(outdir, file)), [true, "Pack, application/zip"]);
  });
}

test("a program works in Node as vite bundles it for a server", async () => {
  const outDir = join(app.folder, "out-ssr");
  await vite({
    configFile: false,
    root: app.folder,
    logLevel: "error",
    build: { ssr: "node.mjs", outDir },
    ssr: { noExternal: true },
  });
  assert.deepEqual(await said(join(outDir, "node.js")), [true, "Pack, application/zip"]);
});

for (const mode of ["production", "development"]) {
  test(`the app works as webpack bundles it for ${mode}`, async () => {
    const { path, said } = await bundled(mode);
    // A page of some hundred kilobytes is large to webpack.
    assert.deepEqual(
      said.filter((message) => !/size limit|code splitting/.test(message)),
      [],
    );
    assert.deepEqual(await visited(path, "index.html"), works);
  });
}
