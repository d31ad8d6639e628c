// Child processes and one-line messages, shared by all scripts.

import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** The repository's folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** A failure that needs no stack trace: its message says what to do. */
export class Problem extends Error {}

/** Says one calm line. */
export const say = (line) => console.log(`· ${line}`);

/** A duration as people read it. */
export function time(ms) {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Says every 20 seconds that something which may take minutes still goes on. */
export async function patiently(doing, body, interval = 20_000) {
  const started = Date.now();
  const timer = setInterval(() => say(`still ${doing} (${time(Date.now() - started)})`), interval);
  try {
    return await body();
  } finally {
    clearInterval(timer);
  }
}

/** The last lines of a text. */
export const tail = (text, lines = 40) => text.trimEnd().split("\n").slice(-lines).join("\n");

/**
 * Runs a program and answers { ok, code, output, timedOut }, never throws. `show` passes its output through, `hear` gets
 * it piece by piece, `log` keeps a copy in a file, `limit` ends the program and its children after so many milliseconds.
 */
export function attempt(command, args, { cwd = root, env = {}, show = false, hear, log, limit } = {}) {
  return new Promise((resolve) => {
    const grouped = process.platform !== "win32" && limit !== undefined;
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: grouped,
    });
    const stop = () => {
      try {
        if (grouped) process.kill(-child.pid, "SIGKILL");
        else child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
    };
    // A program in its own group doesn't hear Ctrl-C.
    const interrupted = () => {
      stop();
      process.exit(130);
    };
    if (grouped) for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, interrupted);
    if (log) mkdirSync(dirname(log), { recursive: true });
    const file = log && createWriteStream(log);
    let output = "";
    let timedOut = false;
    const timer =
      limit !== undefined &&
      setTimeout(() => {
        timedOut = true;
        stop();
      }, limit);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        output += text;
        file?.write(text);
        if (show) process.stdout.write(text);
        hear?.(text);
      });
    }
    const end = (code) => {
      clearTimeout(timer);
      file?.end();
      for (const signal of ["SIGINT", "SIGTERM"]) process.removeListener(signal, interrupted);
      resolve({ ok: code === 0, code, output, timedOut });
    };
    child.on("error", (error) => {
      output += `${command}: ${error.message}\n`;
      end(-1);
    });
    child.on("close", end);
  });
}

/** Runs a program quietly and answers its output; when it fails, throws what it said last under the given sentence. */
export async function run(command, args, { failure, ...options } = {}) {
  const result = await attempt(command, args, options);
  if (result.ok) return result.output;
  const said = options.show ? "" : `\n\n${tail(result.output)}`;
  throw new Problem(`${failure ?? `${command} ${args.join(" ")} failed (exit code ${result.code}).`}${said}`);
}

/** What a short program prints, or undefined when it can't be run or fails. */
export function ask(command, args = [], options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", timeout: 60_000, ...options });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** Puts a folder in front of PATH, for this process and its children. */
export function prependPath(folder) {
  const entries = (process.env.PATH ?? "").split(delimiter);
  if (entries[0] !== folder)
    process.env.PATH = [folder, ...entries.filter((entry) => entry !== folder)].join(delimiter);
}

/** A script's options. A wrong one is a Problem; `--help` prints the usage, and that is all then. */
export function readOptions(options, usage) {
  let values;
  try {
    ({ values } = parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } } }));
  } catch (error) {
    // Node says more than that, about arguments that begin with a dash.
    throw new Problem(`${error.message.split(". ")[0].replace(/\.?$/, ".")}\n${usage}`);
  }
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  return values;
}

/** Runs a script's main function: a Problem becomes its sentence, and any failure exit code 1. */
export function main(body) {
  body().catch((error) => {
    console.error(`\n${error instanceof Problem ? error.message : (error?.stack ?? error)}`);
    process.exit(1);
  });
}
