// WebKitGTK's small browser, by plain calls of W3C WebDriver. Of that protocol it takes a few lines; a client for all of
// it would be larger than these tests.

import { spawn } from "node:child_process";
import { freePort } from "../../scripts/serve.mjs";

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// A machine without a graphics card, and a container in which WebKit can't make its sandbox. The pages are ours.
const ENVIRONMENT = {
  WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
  WEBKIT_DISABLE_COMPOSITING_MODE: "1",
  LIBGL_ALWAYS_SOFTWARE: "1",
};

/** A screen that nobody sees. Answers its name and what ends it. */
async function startScreen(xvfb) {
  const child = spawn(xvfb, ["-displayfd", "3", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const number = await new Promise((resolve, reject) => {
    // Which it says when it is ready.
    child.stdio[3].once("data", (said) => resolve(String(said).trim()));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${xvfb} has ended with ${code}.`)));
  });
  return { display: `:${number}`, end: () => child.kill() };
}

/** Starts it. Answers { version, open, close }; `open` gives a tab: { evaluate, goto, close }. */
export async function startWebKit({ driver, xvfb, browser }) {
  const port = await freePort();
  const screen = await startScreen(xvfb);
  const child = spawn(driver, [`--port=${port}`], {
    env: { ...process.env, ...ENVIRONMENT, DISPLAY: screen.display },
    stdio: "ignore",
  });
  const kill = () => {
    child.kill();
    screen.end();
  };
  process.once("exit", kill);
  let hasEnded = false;
  for (const end of ["exit", "error"]) child.once(end, () => (hasEnded = true));

  async function call(method, path, body) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(method === "POST" && { body: JSON.stringify(body ?? {}) }),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  for (const end = Date.now() + 30_000; ; await sleep(50)) {
    const status = await call("GET", "/status").catch(() => undefined);
    if (status?.ready) break;
    if (hasEnded || Date.now() > end) throw new Error(`${driver} did not start.`);
  }
  const alwaysMatch = {
    "webkitgtk:browserOptions": { binary: browser, args: ["--automation", "--features=StorageAPI,StorageAPIEstimate"] },
  };
  const { sessionId, capabilities } = await call("POST", "/session", { capabilities: { alwaysMatch } });
  const session = (method, path, body) => call(method, `/session/${sessionId}${path}`, body);
  const { browserName, browserVersion } = capabilities;

  // One window at a time hears the commands: those of several tabs take turns.
  let turns = Promise.resolve();
  const inWindow = (handle, action) => {
    const turn = turns.then(async () => {
      await session("POST", "/window", { handle });
      return action();
    });
    turns = turn.catch(() => undefined);
    return turn;
  };

  // The session ends with its last window: the first one stays, and is used again.
  const first = await session("GET", "/window");
  let isFirstFree = true;
  return {
    version: `${browserName} ${browserVersion}`,
    async open(url) {
      const isFirst = isFirstFree;
      if (isFirst) isFirstFree = false;
      const handle = isFirst ? first : (await session("POST", "/window/new", { type: "tab" })).handle;
      const goto = (address) => inWindow(handle, () => session("POST", "/url", { url: address }));
      await goto(url);
      return {
        goto,
        /** Begins it and asks now and then: an answer that takes long would hold up the other tabs. */
        async evaluate(body, ...values) {
          const begin = `const [values] = arguments;
            const answer = (globalThis.answer = {});
            const end = (result) => Object.assign(answer, result, { isThere: true });
            Promise.resolve().then(() => (${String(body)})(...values)).then(
              (value) => end({ value }),
              (error) => end({ error: String(error?.message ?? error) }),
            );`;
          await inWindow(handle, () => session("POST", "/execute/sync", { script: begin, args: [values] }));
          for (;;) {
            const script = "return globalThis.answer.isThere ? globalThis.answer : null;";
            const answer = await inWindow(handle, () => session("POST", "/execute/sync", { script, args: [] }));
            if (answer?.error !== undefined && answer?.error !== null) throw new Error(answer.error);
            if (answer) return answer.value;
            await sleep(10);
          }
        },
        async close() {
          if (!isFirst) return inWindow(handle, () => session("DELETE", "/window"));
          await goto("about:blank");
          isFirstFree = true;
        },
      };
    },
    async close() {
      await session("DELETE", "").catch(() => undefined);
      process.removeListener("exit", kill);
      kill();
    },
  };
}
