// cargo's runner for tests compiled to WebAssembly: wasm-bindgen-test-runner serves the test page, and our own Chromium
// opens it. So no chromedriver of the right version is needed, and any Chromium will do.

import { spawn } from "node:child_process";
import { chromium } from "playwright-core";
import { main } from "./run.mjs";
import { chromiumArgs, ensureChromium } from "./setup.mjs";

/** How long the page may say nothing new. */
const patience = Number(process.env.HOLDFAST_BROWSER_TEST_TIMEOUT ?? 120) * 1000;

async function serve(args) {
  const server = spawn("wasm-bindgen-test-runner", args, {
    env: {
      ...process.env,
      NO_HEADLESS: "1",
      WASM_BINDGEN_TEST_ADDRESS: "127.0.0.1:0",
      WASM_BINDGEN_TEST_ONLY_WEB: "1",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  process.on("exit", () => server.kill());
  let output = "";
  const address = await new Promise((resolve) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        output += text;
        const found = /available at (http:\S+)/.exec(output);
        if (found) resolve(found[1]);
      });
    }
    server.on("close", (code) => resolve(code ?? 1));
  });
  return { address, output };
}

main(async () => {
  const { address, output } = await serve(process.argv.slice(2).filter((arg) => arg !== "--quiet")); // which "cargo test -q" adds
  if (typeof address === "number") {
    // Nothing to serve: a list of the tests, a wrong argument, or no tests at all.
    process.stdout.write(output);
    process.exit(address);
  }
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArgs() });
  const page = await browser.newPage();
  const shown = [];
  // The page of wasm-bindgen-test-runner has two complaints of its own.
  const known = /^using deprecated parameters for the init|^Failed to load resource.*404/;
  page.on("console", (message) => known.test(message.text()) || shown.push(message.text()));
  page.on("pageerror", (error) => shown.push(`uncaught: ${error.stack ?? error}`));
  page.on("crash", () => shown.push("the page crashed"));
  await page.goto(address);
  const read = () => page.evaluate(() => document.getElementById("output")?.textContent ?? "").catch(() => "");
  let text = "";
  let told = "";
  let changed = Date.now();
  let result;
  while (!result && Date.now() - changed < patience) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = `${await read()}`;
    if (now !== text) changed = Date.now();
    // What is finished is told at once: somebody waits for it.
    if (now.startsWith(text) && text.startsWith(told)) {
      const lines = now.slice(0, now.lastIndexOf("\n") + 1);
      process.stdout.write(lines.slice(told.length));
      told = lines;
    }
    text = now;
    result = /test result: (ok|FAILED)/.exec(text)?.[1];
  }
  await browser.close();
  console.log(text.startsWith(told) ? text.slice(told.length) : text);
  if (result !== "ok" && shown.length > 0) console.log(`\nconsole of the page:\n${shown.join("\n")}`);
  if (!result) console.log(`\nno result: the page said nothing new for ${patience / 1000} s`);
  process.exit(result === "ok" ? 0 : 1);
});
