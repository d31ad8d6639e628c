// npm start [-- --port N]: builds the package, serves www, prints the address. Changes in ts/ and www/ show at once;
// start again after a change in src/.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, bundleOptions } from "./build.mjs";
import { main, Problem, readOptions, root } from "./run.mjs";
import { isFree, serveSources } from "./serve.mjs";

const taken = (port) => new Problem(`Port ${port} is in use. Choose another, or leave the choice to npm start.`);

/** Ends with npm, which tells only the shell between them that it has to end. Without npm it may outlive who started it. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event !== "start") return;
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.exit(143), 500).unref();
}

main(async () => {
  endWithNpm();
  const values = readOptions({ port: { type: "string" } }, "npm start [-- --port N]");
  const port = Number(values.port ?? 5173);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Problem(`--port ${values.port} is no port number.`);
  // Without a wish, the next one that is free will do.
  if (values.port !== undefined && !(await isFree(port))) throw taken(port);
  if (!existsSync(join(root, "www", "index.html"))) throw new Problem("There is no www/index.html to serve.");
  await build();
  const { context } = await import("esbuild");
  const bundling = await context({ ...bundleOptions(), logLevel: "warning" });
  await bundling.watch();
  const options = { port, strictPort: values.port !== undefined, watch: true };
  const { url } = await serveSources("www", options).catch((error) => {
    // Somebody was quicker while it was built.
    throw /already in use/.test(error?.message) ? taken(port) : error;
  });
  console.log(`\nHoldfast is at ${url}`);
});
