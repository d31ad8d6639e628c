// Vite, as npm start and the tests use it: a folder of pages that import "holdfast" get the built package.

import { existsSync, readdirSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import { join, resolve } from "node:path";
import { root } from "./run.mjs";
import { cache } from "./setup.mjs";
import { endWorker, writeWorker } from "./www.mjs";

const config = (folder) => ({
  configFile: false,
  root: join(root, folder),
  cacheDir: join(cache, "vite", folder.replaceAll("/", "-")),
  logLevel: "warn",
  clearScreen: false,
  appType: "mpa",
  // The docs worker loads its binary as a script only where it must: a script in one piece would have it in any case.
  worker: { format: "es" },
  resolve: {
    alias: [
      { find: /^holdfast$/, replacement: resolve(root, "dist/index.js") },
      { find: /^holdfast\/(react|pages|sync|convex\/\w+)$/, replacement: `${resolve(root, "dist")}/$1.js` },
      // This package of data sets exports none of them.
      { find: /^vega-datasets\/data\//, replacement: `${resolve(root, "node_modules/vega-datasets/data")}/` },
    ],
  },
});

/** Whether nobody listens on a port. */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = createTcpServer();
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** The first port from one on that nobody listens on. */
export async function freePortFrom(port) {
  while (!(await isFree(port))) port += 1;
  return port;
}

/** A port that nobody listens on. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createTcpServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const served = (server) => ({ url: server.resolvedUrls.local[0], close: () => server.close() });

/** Serves a folder's sources; `watch` follows their changes. Answers { url, close }. */
export async function serveSources(folder, { port, strictPort = false, watch = false }) {
  const { createServer } = await import("vite");
  const live = watch ? {} : { hmr: false, watch: null };
  const server = await createServer({
    ...config(folder),
    plugins: [endWorker()],
    // As the tests' browser calls this machine, too: see playwright.config.mjs.
    server: { host: "127.0.0.1", port, strictPort, fs: { allow: [root] }, allowedHosts: ["lan.test"], ...live },
  });
  await server.listen();
  return served(server);
}

/** Where a folder's pages are when they are built. */
export const builtFolder = (folder) => join(cache, "built", folder.replaceAll("/", "-"));

/** The pages of a folder: its own, and those of the folders in it. */
const pagesOf = (folder) =>
  [".", ...readdirSync(join(root, folder))]
    .map((name) => join(root, folder, name, "index.html"))
    .filter((file) => existsSync(file));

/** Builds a folder as an app would be built, with a service worker. */
export async function buildPages(folder) {
  const { build } = await import("vite");
  const output = { outDir: builtFolder(folder), emptyOutDir: true, target: "es2022" };
  const rolldownOptions = { input: pagesOf(folder) };
  await build({ ...config(folder), build: { ...output, rolldownOptions, chunkSizeWarningLimit: 100_000 } });
  await writeWorker(output.outDir);
}

/** Builds a folder and serves the result. Answers { url, close }. */
export async function serveBuilt(folder, { port, strictPort = true }) {
  await buildPages(folder);
  const { preview } = await import("vite");
  const build = { outDir: builtFolder(folder) };
  return served(await preview({ ...config(folder), build, preview: { host: "127.0.0.1", port, strictPort } }));
}
