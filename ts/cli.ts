#!/usr/bin/env node
/**
 * `npx holdfast`: the command line. Pages load none of it.
 */
import { run } from "./cli/main.js";

// Whoever reads may have read enough, as `head` has: then there is nobody to write to, and nothing is wrong.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
// Here the work and its result are something else than what is said about them.
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await run(process.argv.slice(2), { out: process.stdout, err: process.stderr });
