// npm start [-- --port N]: builds the package, serves www, prints the address. Changes in ts/ and www/ show at once;
// start again after a change in src/.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build, bundleOptions } from "./build.mjs";
import { main, Problem, root } from "./run.mjs";
import { serveSources } from "./serve.mjs";

main(async () => {
  const { values } = parseArgs({ options: { port: { type: "string" } } });
  const port = Number(values.port ?? 5173);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Problem(`--port ${values.port} is no port number.`);
  if (!existsSync(join(root, "www", "index.html"))) throw new Problem("There is no www/index.html to serve.");
  await build();
  const { context } = await import("esbuild");
  const bundling = await context({ ...bundleOptions(), logLevel: "warning" });
  await bundling.watch();
  const { url } = await serveSources("www", { port, strictPort: values.port !== undefined, watch: true });
  console.log(`\nHoldfast is at ${url}`);
});
