// npm run format: formats everything that npm run check looks at.

import { join } from "node:path";
import { formatted } from "./check.mjs";
import { main, root, run } from "./run.mjs";
import { ensureNpmPackages, ensureRustComponents } from "./setup.mjs";

main(async () => {
  await ensureRustComponents();
  await ensureNpmPackages();
  await run("cargo", ["fmt", "--all"], { show: true });
  const prettier = join(root, "node_modules", "prettier", "bin", "prettier.cjs");
  const quiet = ["--write", "--log-level", "warn", "--no-error-on-unmatched-pattern"];
  await run(process.execPath, [prettier, ...quiet, ...formatted], { show: true });
});
