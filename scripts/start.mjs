// npm start [-- --port N] [--built]: builds the package, serves www beside a sync server, prints the addresses. Changes in ts/ and
// www/ show at once; start again after a change in src/. With --built it is www as it would be deployed, which works offline.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, bundleOptions } from "./build.mjs";
import { main, Problem, readOptions, root } from "./run.mjs";
import { freePortFrom, isFree, serveBuilt, serveSources } from "./serve.mjs";
import { defaultData, startSyncServer } from "./sync_server.mjs";

const taken = (port) => new Problem(`Port ${port} is in use. Choose another, or leave the choice to npm start.`);

/** Ends with npm, which tells only the shell between them that it has to end. Without npm it may outlive who started it. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event !== "start") return;
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.exit(143), 500).unref();
}

/** Serves the sources of www, with the package as it is built after every change. */
async function follow(place) {
  const { context } = await import("esbuild");
  const bundling = await context({ ...bundleOptions(), logLevel: "warning" });
  await bundling.watch();
  return serveSources("www", { ...place, watch: true });
}

main(async () => {
  endWithNpm();
  const options = { port: { type: "string" }, built: { type: "boolean" } };
  const values = readOptions(options, "npm start [-- --port N] [--built]");
  const port = Number(values.port ?? 5173);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Problem(`--port ${values.port} is no port number.`);
  // Without a wish, the next one that is free will do.
  if (values.port !== undefined && !(await isFree(port))) throw taken(port);
  if (!existsSync(join(root, "www", "index.html"))) throw new Problem("There is no www/index.html to serve.");
  await build();
  // What the pages sync with, if nobody says otherwise.
  process.env.VITE_SYNC_SERVER ??= await startSyncServer({ port: await freePortFrom(3030), data: defaultData });
  const place = { port, strictPort: values.port !== undefined };
  const { url } = await (values.built ? serveBuilt("www", place) : follow(place)).catch((error) => {
    // Somebody was quicker while it was built.
    throw /already in use/.test(error?.message) ? taken(port) : error;
  });
  console.log(`\nHoldfast is at ${url}`);
  console.log(`It syncs with ${process.env.VITE_SYNC_SERVER}`);
});
