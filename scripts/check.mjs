// npm run check: formatting, lints and types of both languages.

import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildWasm } from "./build.mjs";
import { attempt, main, patiently, Problem, root, say, tail, time } from "./run.mjs";
import { ensureBuildTools, ensureRust, ensureRustComponents, rustVersion, wasmTarget } from "./setup.mjs";

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
  let building;
  const pkg = () => (building ??= buildWasm());
  // A newer clippy knows new lints: they are shown, but only the release the project is written for may fail it.
  const deny = ensureRust() === rustVersion() ? ["--", "-D", "warnings"] : [];
  const clippy = ["cargo", "clippy", "--quiet", "--workspace"];
  return [
    { name: "cargo fmt", command: ["cargo", "fmt", "--all", "--check"], remedy: "npm run format" },
    { name: "clippy", command: [...clippy, "--all-targets", ...deny] },
    {
      name: `clippy for ${wasmTarget}`,
      // With the unit tests of the library: some of them are for this target, and the others have to leave it alone.
      command: [...clippy, "--target", wasmTarget, "--lib", "--profile", "test", ...browserTests(), ...deny],
    },
    ...["sync", "docs"].map((feature) => ({
      name: `clippy of the feature ${feature}`,
      command: [...clippy, "--target", wasmTarget, "--lib", "--features", feature, ...deny],
    })),
    // ts/ is checked against pkg/.
    { name: "tsc", before: pkg, command: [...script("typescript", "bin", "tsc"), "-p", "tsconfig.json"] },
    { name: "eslint", before: pkg, command: [...script("eslint", "bin", "eslint.js"), "--max-warnings", "0", "."] },
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
  ];
}

/** Whether a step is one of cargo, which lets one in at a time. */
export const isCargo = ({ command }) => command[0] === "cargo";

/** Set-up for the steps. */
export async function prepareChecks() {
  await ensureBuildTools();
  await ensureRustComponents();
}

/** The steps, each with what `each` makes of it: those of cargo one after the other, and beside them the others. */
export async function inLanes(steps, each) {
  const lanes = [steps.filter(isCargo), steps.filter((step) => !isCargo(step))];
  await Promise.all(
    lanes.map(async (lane) => {
      for (const step of lane) await each(step);
    }),
  );
}

/** Carries out a step. Answers { ok, output }. */
export async function check({ name, before, command }, log) {
  try {
    await before?.();
  } catch (error) {
    return { ok: false, output: error instanceof Problem ? error.message : String(error?.stack ?? error) };
  }
  return patiently(`at ${name}`, () => attempt(command[0], command.slice(1), { log }));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  main(async () => {
    await prepareChecks();
    let failures = 0;
    await inLanes(checks(), async (step) => {
      const { name, remedy } = step;
      const started = Date.now();
      const { ok, output } = await check(step);
      say(`${name}: ${ok ? "fine" : "FAILED"} (${time(Date.now() - started)})`);
      if (!ok) {
        failures += 1;
        console.log(`${tail(output, 200)}\n${remedy ? `(${remedy} mends it)\n` : ""}`);
      } else if (output.includes("warning")) console.log(tail(output, 60));
    });
    process.exit(failures === 0 ? 0 : 1);
  });
}
