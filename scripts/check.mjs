// npm run check: formatting, lints and types of both languages.

import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildWasm } from "./build.mjs";
import { attempt, main, root, say, tail, time } from "./run.mjs";
import { ensureRust, ensureRustComponents, rustVersion, wasmTarget } from "./setup.mjs";

const script = (...parts) => [process.execPath, join(root, "node_modules", ...parts)];

/** The integration tests that are written for a browser, as arguments for cargo. */
export function browserTests() {
  const folder = join(root, "tests");
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files.filter((file) => /^browser.*\.rs$/.test(file)).flatMap((file) => ["--test", basename(file, ".rs")]);
}

/** Everything that prettier formats. */
export const formatted = ["ts", "www", "tests", "scripts", "*.{mjs,json}"];

/** The steps, each a name and a command. */
export function checks() {
  // A newer clippy knows new lints: they are shown, but only the release the project is written for may fail it.
  const deny = ensureRust() === rustVersion() ? ["--", "-D", "warnings"] : [];
  const clippy = ["cargo", "clippy", "--quiet", "--workspace"];
  return [
    { name: "cargo fmt", command: ["cargo", "fmt", "--all", "--check"], remedy: "npm run format" },
    { name: "clippy", command: [...clippy, "--all-targets", ...deny] },
    {
      name: `clippy for ${wasmTarget}`,
      command: [...clippy, "--target", wasmTarget, "--lib", ...browserTests(), ...deny],
    },
    { name: "tsc", command: [...script("typescript", "bin", "tsc"), "-p", "tsconfig.json"], needs: "ts/index.ts" },
    { name: "eslint", command: [...script("eslint", "bin", "eslint.js"), "--max-warnings", "0", "."] },
    {
      name: "prettier",
      command: [
        ...script("prettier", "bin", "prettier.cjs"),
        "--check",
        "--no-error-on-unmatched-pattern",
        ...formatted,
      ],
      remedy: "npm run format",
    },
  ].filter(({ needs }) => !needs || existsSync(join(root, needs)));
}

/** Set-up for the steps: tsc checks ts/ against pkg/. */
export async function prepareChecks() {
  await ensureRustComponents();
  await buildWasm();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  main(async () => {
    await prepareChecks();
    let failures = 0;
    for (const { name, command, remedy } of checks()) {
      const started = Date.now();
      const { ok, output } = await attempt(command[0], command.slice(1));
      say(`${name}: ${ok ? "fine" : "FAILED"} (${time(Date.now() - started)})`);
      if (!ok) {
        failures += 1;
        console.log(`${tail(output, 200)}\n${remedy ? `(${remedy} mends it)\n` : ""}`);
      } else if (output.includes("warning")) console.log(tail(output, 60));
    }
    process.exit(failures === 0 ? 0 : 1);
  });
}
