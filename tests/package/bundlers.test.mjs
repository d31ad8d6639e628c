// The package without Vite: as files that a page imports, and as webpack bundles it, both without configuration.

import assert from "node:assert/strict";
import { copyFileSync, createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import webpack from "webpack";
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

/** What a page of a folder shows that a server gives out as it is. */
async function visited(folder, file) {
  const server = createServer(({ url }, response) => {
    const path = join(folder, new URL(url, "http://localhost").pathname);
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
