// npm run bench: builds the package, prepares bench/ (which has packages of its own) and hands the arguments on.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { build } from "./build.mjs";
import { main, Problem, root } from "./run.mjs";
import { ensureChromium, ensureNpmPackages } from "./setup.mjs";

main(async () => {
  const folder = join(root, "bench");
  if (!existsSync(join(folder, "run.mjs"))) throw new Problem("There is no bench/run.mjs.");
  // Its own options, looked at first: nobody who asks for help or has misspelt something waits for a build.
  const { parse } = await import("../bench/run.mjs");
  try {
    parse(process.argv.slice(2));
  } catch (error) {
    throw new Problem(error.message);
  }
  await build();
  await ensureNpmPackages(folder, "the benchmark's npm packages");
  const env = { ...process.env, CHROMIUM: await ensureChromium() };
  const bench = spawn(process.execPath, [join(folder, "run.mjs"), ...process.argv.slice(2)], {
    cwd: root,
    env,
    stdio: "inherit",
  });
  bench.on("close", (code) => process.exit(code ?? 1));
});
