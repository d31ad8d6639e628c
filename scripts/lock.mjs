// Commands that are started at the same time take turns where they write the same files.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { root, say } from "./run.mjs";

const folder = join(root, ".cache");
const held = new Set();

const isRunning = (pid) => {
  // No process has the number 0, which stands for a file without one: it was left by a computer that lost power.
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process can't be signalled, but is one.
    return error.code === "EPERM";
  }
};

/** The process that has the lock, or undefined if there is none. */
function ownerOf(file) {
  try {
    return Number(readFileSync(file, "utf8")) || 0;
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  }
}

/** Takes the lock if nobody has it. Answers whose it is then. */
function take(file) {
  // Linked when it is written: nobody ever sees a lock without its owner.
  const written = `${file}.${process.pid}.new`;
  writeFileSync(written, String(process.pid));
  try {
    linkSync(written, file);
    return process.pid;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  } finally {
    rmSync(written, { force: true });
  }
  const owner = ownerOf(file);
  if (owner === undefined || isRunning(owner)) return owner;
  // Its process was killed. Of several that see it, one gets it out of the way, and looks whether it is the same still.
  const away = `${file}.${process.pid}`;
  try {
    renameSync(file, away);
    if (ownerOf(away) === owner) rmSync(away);
    else renameSync(away, file);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  return undefined;
}

/** Does something while no other process does something under the same name. `what` is what others wait for. */
export async function alone(name, what, body) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.lock`);
  let isTold = false;
  for (;;) {
    const owner = take(file);
    if (owner === process.pid) break;
    if (owner !== undefined && !isTold) {
      isTold = true;
      say(`waiting for ${what} by process ${owner} (if it is none of ours, remove ${relative(root, file)})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  held.add(file);
  try {
    return await body();
  } finally {
    held.delete(file);
    rmSync(file, { force: true });
  }
}

process.on("exit", () => {
  for (const file of held) rmSync(file, { force: true });
});
