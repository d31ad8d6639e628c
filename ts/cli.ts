#!/usr/bin/env node
/**
 * `npx holdfast`: the command line. Pages load none of it.
 */
import { run } from "./cli/main.js";

// Whoever reads may have read enough, as `head` has: then there is nobody to write to, and nothing is wrong.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  // As on a full disk. Not by `exitCode`: the command may not know of it, and would go on.
  process.stderr.write(`The output can't be written: ${error.message}.\n`);
  process.exit(1);
});
// Here the work and its result are something else than what is said about them.
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  // Whoever does not ask for it must not open it.
  get in() {
    return process.stdin;
  },
  out: process.stdout,
  err: process.stderr,
});
