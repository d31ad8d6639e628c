/** A Chromium of a test's own, with a profile that outlives it: to be killed, frozen, starved. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, chromium, test } from "@playwright/test";
import type { Tab } from "./tab.js";

export interface Running {
  process: ChildProcess;
  browser: Browser;
  /** What Chromium wrote about its IndexedDB: when data is missing, this tells its fault from Holdfast's. */
  storageLog: string[];
}

/**
 * A browser of its own process group on a profile that outlives it.
 *
 * Chromium goes on writing to LevelDB's log where the kill left it, even behind a record that the kill tore; the
 * start after the next kill finds a "checksum mismatch" there and throws the whole IndexedDB away (LevelDB's issue
 * 1287). No page can prevent that, and up to one kill in twenty tears a record, so these tests would fail for it. In
 * its mode for devices with little memory Chromium starts a new log instead.
 *
 * Pages are as in a window of a person's: all but one are hidden.
 */
export async function start(profile: string, more: string[] = []): Promise<Running> {
  const portFile = join(profile, "DevToolsActivePort");
  rmSync(portFile, { force: true });
  const flags = test.info().project.use.launchOptions?.args ?? [];
  const args = ["--headless=new", ...flags, "--enable-low-end-device-mode", "--enable-logging=stderr", ...more];
  args.push(`--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank");
  const child = spawn(process.env["HOLDFAST_CHROMIUM"]!, args, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
  const storageLog: string[] = [];
  createInterface(child.stderr).on("line", (line) => {
    if (/indexed_?db|leveldb/i.test(line)) storageLog.push(line);
  });
  const end = Date.now() + 20_000;
  while (!existsSync(portFile) || !readFileSync(portFile, "utf8").includes("\n")) {
    if (Date.now() > end) throw new Error("Chromium did not say where it listens.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const port = readFileSync(portFile, "utf8").split("\n")[0]!;
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
  return { process: child, browser, storageLog };
}

/** SIGKILL for the browser and everything that it started. */
export async function kill(running: Running): Promise<void> {
  if (running.process.exitCode === null && running.process.signalCode === null) {
    const gone = new Promise((resolve) => running.process.once("exit", resolve));
    process.kill(-running.process.pid!, "SIGKILL");
    await gone;
  }
  await running.browser.close().catch(() => undefined);
}

/** Another page with the package. */
export async function openPage(running: Running): Promise<Tab> {
  const page = await running.browser.contexts()[0]!.newPage();
  // Vite's client reloads a page that has lost its connection to the server, as those do that sleep.
  await page.addInitScript(() => {
    globalThis.WebSocket = class extends EventTarget {
      send() {}
      close() {}
    } as never;
  });
  await page.goto(process.env["HOLDFAST_PAGES"]!);
  await page.waitForFunction(() => document.title === "ready", undefined, { polling: 20 });
  return page;
}

/** A browser on a new profile for the time of an action. */
export async function withBrowser<T>(action: (running: Running) => Promise<T>, more?: string[]): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), "holdfast-browser-"));
  const running = await start(profile, more);
  try {
    return await action(running);
  } finally {
    await kill(running);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Ends a page's process as a crash does. */
export async function crash(page: Tab): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const crashed = new Promise((resolve) => page.once("crash", resolve));
  // It is never answered.
  session.send("Page.crash").catch(() => undefined);
  await crashed;
}

/** Freezes a hidden page, as browsers do to save power. Answers what wakes it. */
export async function freeze(page: Tab): Promise<() => Promise<void>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  return async () => void (await session.send("Page.setWebLifecycleState", { state: "active" }));
}

/** The processes that this browser has started of one kind, by their command lines. */
export function processesOf(running: Running, word: string): number[] {
  const group = running.process.pid!;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // The fifth field of `stat`, behind the name in brackets, is the group.
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const groupOf = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
        return groupOf === group && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
      } catch {
        return false; // It has ended meanwhile.
      }
    });
}
