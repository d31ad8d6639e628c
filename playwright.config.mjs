import { defineConfig } from "@playwright/test";
import { chromiumArgs } from "./scripts/setup.mjs";

const { HOLDFAST_CHROMIUM: executablePath, HOLDFAST_WWW: baseURL, HOLDFAST_LONG: long } = process.env;
if (!executablePath) throw new Error('Run these tests by "npm test -- --only e2e [-- arguments for Playwright]".');

// What tests/e2e/pages is served as, for pages that came from another machine: there browsers allow less.
const args = [...chromiumArgs(), "--host-resolver-rules=MAP lan.test 127.0.0.1"];

// Pages that are slow because of another browser would fail these.
const alone = ["bad_days", "database", "durability", "frozen", "kill", "soak", "tabs", "www_live"].map(
  (name) => `**/${name}.spec.ts`,
);

// HOLDFAST_WWW is the address of www as it would be deployed, HOLDFAST_WWW_FOLDER where that lies, HOLDFAST_PAGES that of tests/e2e/pages.
export default defineConfig({
  testDir: "tests/e2e",
  outputDir: "test-results",
  projects: [
    { name: "beside", testIgnore: alone },
    { name: "alone", testMatch: alone },
  ],
  retries: 0,
  timeout: long ? 30 * 60_000 : 60_000,
  forbidOnly: Boolean(process.env.CI),
  use: { baseURL, browserName: "chromium", headless: true, launchOptions: { executablePath, args } },
});
