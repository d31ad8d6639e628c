// npm test [-- --only name[,name]] [-- more arguments for the only layer]: every layer, one summary.
// npm run test:long (--long): the same with HOLDFAST_LONG=1, which stands for more seeds, more mutated files and more kills
// of the browser under two writing tabs; with fuzzing and more time.

import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join, relative, sep } from "node:path";
import { build } from "./build.mjs";
import { browserTests, check, checks, inLanes, isCargo, prepareChecks } from "./check.mjs";
import { alone } from "./lock.mjs";
import { attempt, main, patiently, Problem, root, say, tail, time } from "./run.mjs";
import { builtFolder, freePort, serveBuilt, serveSources } from "./serve.mjs";
import {
  cache,
  ensureBuildTools,
  ensureChromium,
  ensureFirefox,
  ensureWebKit,
  Unavailable,
  wasmTarget,
} from "./setup.mjs";
import { excess, sizes, table } from "./size.mjs";

const usage = "npm test -- [--only name[,name]] [--long] [--help] [-- arguments for the only layer]";

function readArguments(argv) {
  const options = { only: undefined, long: false, rest: [], problem: undefined };
  for (let i = 0; i < argv.length; i += 1) {
    if (argv[i] === "--long") options.long = true;
    else if (argv[i] === "--help" || argv[i] === "-h") options.isHelp = true;
    else if (argv[i] === "--only" && argv[i + 1]) options.only = argv[(i += 1)].split(",");
    else if (argv[i].startsWith("--only=")) options.only = argv[i].slice("--only=".length).split(",");
    else if (options.only?.length === 1) {
      options.rest = argv.slice(argv[i] === "--" ? i + 1 : i);
      break;
    } else if (argv[i] === "--") {
      options.problem ??= `What follows -- is for the runner of one layer: name it by --only.\n${usage}`;
      break;
    } else options.problem ??= `${argv[i]} is no option here.\n${usage}`;
  }
  return options;
}

const { only, long, rest, isHelp, problem } = readArguments(process.argv.slice(2));
const minutes = (n) => n * 60_000 * (long ? 8 : 1);
const logs = join(cache, "logs");
const logOf = (name) => join(logs, `${name}.log`);
const shown = (file) => relative(root, file);

/** The files below a folder whose names end so, with forward slashes, relative to the root. */
function filesBelow(folder, ending) {
  const start = join(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { recursive: true })
    .filter((file) => file.endsWith(ending) && !file.split(sep).includes("node_modules"))
    .map((file) => join(folder, file).replaceAll(sep, "/"))
    .sort();
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const countAll = (output, pattern) => sum([...output.matchAll(pattern)].map((found) => Number(found[1])));

/** What a program's end means: its own counts, and at least one failure when it did not end well or ran no test. */
function outcome(result, counts, limit) {
  const none = counts.passed + counts.failed + counts.skipped === 0;
  const failed = result.ok && !(none && counts.mustRun) ? counts.failed : Math.max(1, counts.failed);
  const output = result.timedOut
    ? `${result.output}\n\nended after ${time(limit)}: that is the layer's limit`
    : result.output;
  return { ...counts, failed, output };
}

/** The part of cargo's output that tells what went wrong. */
function cargoFailure(output, most = 120) {
  const lines = output.split("\n");
  const start = lines.findIndex((line) => /^(error(\[|:)|failures:)|panicked at|test result: FAILED/.test(line));
  return start < 0 ? tail(output, most) : lines.slice(start, start + most).join("\n");
}

// A test that has ended, in the output of cargo and of Node; one that begins, in Playwright's.
const tested = /^test .*\.\.\. (?:ok|ignored|FAILED)|^ *[✔✖﹣] |^\[\d+\/\d+\]/gm;

/** As `attempt`; says now and then how far it is, because a layer may take minutes. */
async function watched(name, command, args, options) {
  const started = Date.now();
  let output = "";
  const timer = setInterval(() => {
    const tests = [...output.matchAll(tested)].length;
    const isCompiling = command === "cargo" && !/^ +Running /m.test(output);
    const doing = isCompiling ? "compiling" : tests === 0 ? "the first tests run" : `${tests} tests so far`;
    say(`${name}: ${doing} (${time(Date.now() - started)})`);
  }, 20_000);
  const hear = (text) => (output += text);
  return attempt(command, args, { ...options, hear, log: logOf(name) }).finally(() => clearInterval(timer));
}

async function cargoTest(name, args, { env = {}, limit, show = [] }) {
  const [own, theirs] = [["test", "--no-fail-fast", ...args], rest.length > 0 ? ["--", ...rest] : ["--", ...show]];
  const result = await watched(name, "cargo", [...own, ...theirs], { env, limit });
  const count = (word) => countAll(result.output, new RegExp(`^test result: .*?(\\d+) ${word}`, "gm"));
  const counts = { passed: count("passed"), failed: count("failed"), skipped: count("ignored") };
  return { ...outcome(result, counts, limit), summarize: (output) => cargoFailure(output) };
}

async function nodeTest(name, files, { limit, filesAtOnce }) {
  const tap = join(cache, "logs", `${name}.tap`);
  rmSync(tap, { force: true });
  const args = ["--enable-source-maps", "--test", "--test-reporter=spec", "--test-reporter-destination=stdout"];
  if (filesAtOnce !== undefined) args.push(`--test-concurrency=${filesAtOnce}`);
  args.push("--test-reporter=tap", `--test-reporter-destination=${tap}`, ...rest, ...files);
  // A server of Vite in this process has set NODE_ENV, which other bundlers take for the caller's wish.
  const env = { NODE_TEST_CONTEXT: undefined, NODE_ENV: undefined };
  const result = await watched(name, process.execPath, args, { limit, env });
  const report = existsSync(tap) ? readFileSync(tap, "utf8") : "";
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(report)?.[1] ?? 0);
  const counts = {
    passed: count("pass"),
    failed: count("fail") + count("cancelled"),
    skipped: count("skipped") + count("todo"),
  };
  return { ...outcome(result, counts, limit), summarize: (output) => tail(output.split("failing tests:").at(-1), 100) };
}

/** Playwright's run of tests/e2e. */
async function playwright(name, args, env) {
  const report = join(logs, `${name}.json`);
  rmSync(report, { force: true });
  const cli = join(root, "node_modules", "@playwright", "test", "cli.js");
  const result = await watched(name, process.execPath, [cli, "test", "--reporter=line,json", ...args], {
    env: { ...env, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
    limit: minutes(15),
  });
  const stats = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")).stats : {};
  const counts = {
    passed: stats.expected ?? 0,
    failed: (stats.unexpected ?? 0) + (stats.flaky ?? 0),
    skipped: stats.skipped ?? 0,
  };
  return outcome(result, counts, minutes(15));
}

/** Each fuzz target for a while, from the golden files on. Mutations of those are in the native layer too. */
async function fuzz() {
  const targets = filesBelow("fuzz/fuzz_targets", ".rs").map((file) => basename(file, ".rs"));
  if (!(await attempt("cargo", ["+nightly", "fuzz", "--version"])).ok) {
    say("no nightly compiler with cargo-fuzz here; the native layer has mutated the golden files");
    return { passed: 0, failed: 0, skipped: targets.length };
  }
  const corpus = join(cache, "fuzz");
  mkdirSync(corpus, { recursive: true });
  for (const file of filesBelow("tests/golden", ".hex")) {
    const hex = readFileSync(join(root, file), "utf8").replace(/\s+/g, "");
    writeFileSync(join(corpus, file.replaceAll("/", "-")), Buffer.from(hex, "hex"));
  }
  const counts = { passed: 0, failed: 0, output: "" };
  const seconds = long ? 120 : 10;
  for (const target of targets) {
    const own = join(root, "fuzz", "corpus", target);
    mkdirSync(own, { recursive: true });
    const args = ["+nightly", "fuzz", "run", target, own, corpus, "--", `-max_total_time=${seconds}`];
    // What it finds it keeps in fuzz/artifacts.
    const result = await patiently(`fuzzing ${target}`, () =>
      attempt("cargo", args, { log: logOf(`fuzz-${target}`), limit: minutes(10) }),
    );
    if (result.ok) counts.passed += 1;
    else {
      counts.failed += 1;
      counts.output += `${target}:\n${tail(result.output, 40)}\n\n`;
    }
  }
  return counts;
}

/** Each engine's files, or why there are none here; that is said as well. */
async function findEngines() {
  const found = {};
  for (const [name, ensure] of Object.entries({
    chromium: ensureChromium,
    firefox: ensureFirefox,
    webkit: ensureWebKit,
  })) {
    try {
      found[name] = { file: await ensure() };
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      say(error.message);
      found[name] = { missing: error.message };
    }
  }
  return found;
}

/** A folder with the tests of types in which `ts/` is what was built, so that they read the published declarations. */
function besideBuiltTypes() {
  const place = join(cache, "built-types");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  copyFileSync(join(root, "tsconfig.json"), join(place, "tsconfig.json"));
  for (const folder of ["types", "fixtures"]) {
    cpSync(join(root, "tests", folder), join(place, "tests", folder), { recursive: true });
  }
  symlinkSync(join(root, "dist"), join(place, "ts"), "junction");
  symlinkSync(join(root, "node_modules"), join(place, "node_modules"), "junction");
  return place;
}

let building;
/** The package, built once for all layers that need it. */
const built = () => (building ??= build());

const layers = [
  {
    name: "build",
    about: "the package builds",
    present: () => existsSync(join(root, "ts", "index.ts")),
    async run() {
      await built();
      return { passed: 1, failed: 0 };
    },
  },
  {
    name: "check",
    about: "formatting, lints, types",
    present: () => true,
    async run() {
      await prepareChecks();
      const counts = { passed: 0, failed: 0, output: "" };
      await inLanes(checks(), async (step) => {
        const { name, remedy } = step;
        const result = await check(step, logOf(`check-${name.replaceAll(" ", "-")}`));
        if (result.ok) counts.passed += 1;
        else {
          counts.failed += 1;
          const said = isCargo(step) ? cargoFailure(result.output, 60) : tail(result.output, 60);
          counts.output += `${name}${remedy ? ` (${remedy} mends it)` : ""}:\n${said}\n\n`;
        }
      });
      return counts;
    },
  },
  {
    name: "native",
    about: "the core: unit, property and simulation tests",
    present: () => true,
    async run() {
      const result = await cargoTest("native", ["--workspace", ...(long ? ["--profile", "release-native"] : [])], {
        env: long ? { HOLDFAST_LONG: "1" } : {},
        limit: minutes(15),
        // What the simulator says of itself.
        show: ["--show-output"],
      });
      const said = /^(\d+) seeds, (\d+) happenings, (\d+) commits/m.exec(result.output)?.slice(1);
      const [seeds, happenings, commits] = (said ?? []).map((digits) => Number(digits).toLocaleString("en"));
      if (said) say(`the simulator ran ${seeds} seeds: ${commits} commits, ${happenings} happenings`);
      return result;
    },
  },
  {
    name: "fuzz",
    about: "the fuzz targets, by cargo-fuzz where there is one",
    present: () => long,
    run: fuzz,
  },
  {
    name: "browser",
    about: "the crate in Chromium's WebAssembly and IndexedDB",
    present: () => browserTests().length > 0 || existsSync(join(root, "src", "browser")),
    async run() {
      const unit = filesBelow("src/browser", ".rs").some((file) =>
        readFileSync(join(root, file), "utf8").includes("wasm_bindgen_test"),
      );
      return cargoTest("browser", ["--target", wasmTarget, ...(unit ? ["--lib"] : []), ...browserTests()], {
        env: {
          HOLDFAST_CHROMIUM: await ensureChromium(),
          CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: `node ${join("scripts", "wasm-test-runner.mjs")}`,
        },
        limit: minutes(10),
      });
    },
  },
  {
    name: "types",
    about: "what the types accept and refuse, as written and as published",
    present: () => filesBelow("tests/types", ".test-d.ts").length > 0,
    async run() {
      await built();
      const files = filesBelow("tests/types", ".test-d.ts");
      const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
      // The sources, and what the build has made of them: it strips what is internal.
      const places = { sources: root, built: besideBuiltTypes() };
      const sum = { ok: true, timedOut: false, output: "", passed: 0, failed: 0 };
      for (const [name, place] of Object.entries(places)) {
        const args = [tsc, "-p", join(place, "tests", "types", "tsconfig.json"), "--pretty", "false"];
        const result = await attempt(process.execPath, args, { log: logOf(`types-${name}`), limit: minutes(5) });
        const failed = files.filter((file) => result.output.includes(`${file}(`)).length;
        sum.ok &&= result.ok;
        sum.timedOut ||= result.timedOut;
        sum.output += result.output;
        sum.failed += failed;
        sum.passed += result.ok || failed > 0 ? files.length - failed : 0;
      }
      const { passed, failed } = sum;
      return outcome(sum, { passed, failed, skipped: 0 }, minutes(5));
    },
  },
  {
    name: "node",
    about: "the TypeScript in Node",
    present: () => [...filesBelow("tests/node", ".test.ts"), ...filesBelow("ts", ".test.ts")].length > 0,
    async run() {
      await built();
      const sources = [...filesBelow("tests/node", ".test.ts"), ...filesBelow("ts", ".test.ts")];
      // Node 20 reads no TypeScript. "holdfast" stays an import of the built package; ts/ modules are bundled in.
      const outdir = join(cache, "node-tests");
      rmSync(outdir, { recursive: true, force: true });
      const { build: bundle } = await import("esbuild");
      await bundle({
        absWorkingDir: root,
        entryPoints: sources,
        outdir,
        outbase: root,
        entryNames: "[dir]/[name]",
        outExtension: { ".js": ".mjs" },
        bundle: true,
        format: "esm",
        platform: "node",
        target: "node20",
        packages: "external",
        // As an app's bundler does it, so that files written for Convex need no change.
        alias: {
          "convex/server": join(root, "ts", "convex", "server.ts"),
          "convex/values": join(root, "ts", "convex", "values.ts"),
        },
        sourcemap: "linked",
        logLevel: "silent",
      });
      const folders = new Set(sources.map((file) => join(outdir, file, "..")));
      for (const wasm of readdirSync(join(root, "pkg")).filter((file) => file.endsWith(".wasm"))) {
        for (const folder of folders) copyFileSync(join(root, "pkg", wasm), join(folder, wasm));
      }
      const files = sources.map((file) => join(outdir, file.replace(/\.ts$/, ".mjs")));
      // Node would leave one of two cores to itself.
      return nodeTest("node", files, { limit: minutes(10), filesAtOnce: availableParallelism() });
    },
  },
  {
    name: "e2e",
    about: "pages in Chromium",
    present: () => filesBelow("tests/e2e", ".spec.ts").length > 0,
    async run() {
      await built();
      const env = { HOLDFAST_CHROMIUM: await ensureChromium(), HOLDFAST_LONG: long ? "1" : "" };
      const servers = [];
      try {
        if (existsSync(join(root, "www", "index.html"))) {
          servers.push(await serveBuilt("www", { port: await freePort() }));
          env.HOLDFAST_WWW = servers.at(-1).url;
          env.HOLDFAST_WWW_FOLDER = builtFolder("www");
        }
        if (existsSync(join(root, "tests", "e2e", "pages"))) {
          servers.push(await serveSources("tests/e2e/pages", { port: await freePort() }));
          env.HOLDFAST_PAGES = servers.at(-1).url;
        }
        if (rest.length > 0) return await playwright("e2e", ["--workers=1", ...rest], env);
        // Most files don't mind another browser beside theirs; then those that measure, starve or end theirs, alone.
        const beside = await playwright("e2e", ["--project=beside", `--workers=${availableParallelism()}`], env);
        const alone = await playwright("e2e-alone", ["--project=alone", "--workers=1"], env);
        const both = (count) => beside[count] + alone[count];
        const output = `${beside.output}\n${alone.output}`;
        return { passed: both("passed"), failed: both("failed"), skipped: both("skipped"), output };
      } finally {
        await Promise.all(servers.map((server) => server.close()));
      }
    },
  },
  {
    name: "engines",
    about: "the store, two tabs, React and sync in Chromium, Firefox and WebKitGTK",
    present: () => filesBelow("tests/engines", ".test.mjs").length > 0,
    async run() {
      await built();
      process.env.HOLDFAST_ENGINES = JSON.stringify(await findEngines());
      const servers = [];
      try {
        for (const [variable, folder] of [
          ["HOLDFAST_ENGINE_PAGES", "tests/engines/pages"],
          ["HOLDFAST_PAGES", "tests/e2e/pages"],
        ]) {
          servers.push(await serveSources(folder, { port: await freePort() }));
          process.env[variable] = servers.at(-1).url;
        }
        return await nodeTest("engines", filesBelow("tests/engines", ".test.mjs"), { limit: minutes(10) });
      } finally {
        await Promise.all(servers.map((server) => server.close()));
      }
    },
  },
  {
    name: "package",
    about: "npm pack in a fresh app; npm start",
    present: () => existsSync(join(root, "ts", "index.ts")) && filesBelow("tests/package", ".test.mjs").length > 0,
    async run() {
      await built();
      process.env.HOLDFAST_CHROMIUM = await ensureChromium();
      return nodeTest("package", filesBelow("tests/package", ".test.mjs"), { limit: minutes(8) });
    },
  },
  {
    name: "size",
    about: "the package is within its budget",
    present: () => existsSync(join(root, "ts", "index.ts")),
    async run() {
      await built();
      const rows = await sizes();
      const budgets = rows.filter(({ budget }) => budget !== undefined).length;
      const failed = excess(rows).length;
      return { passed: budgets - failed, failed, output: table(rows) };
    },
  },
];

main(async () => {
  if (isHelp) {
    console.log(`${usage}\n\nThe layers:`);
    for (const { name, about } of layers) console.log(`  ${name.padEnd(8)} ${about}`);
    return;
  }
  if (problem) throw new Problem(problem);
  for (const name of only ?? []) {
    if (!layers.some((layer) => layer.name === name)) {
      throw new Problem(`There is no layer ${name}. The layers: ${layers.map((layer) => layer.name).join(", ")}.`);
    }
  }
  await alone("test", "the tests that are run", test);
});

async function test() {
  const started = Date.now();
  await ensureBuildTools();
  mkdirSync(logs, { recursive: true });
  const results = [];
  for (const { name, about, present, run } of layers) {
    if (only ? !only.includes(name) : !present()) continue;
    console.log(`\n${name}: ${about}`);
    const begun = Date.now();
    // A set-up or build that fails is a failure of the layer, and the other layers still have their turn.
    const result = await run().catch((error) => ({
      passed: 0,
      failed: 1,
      output: error instanceof Problem ? error.message : String(error?.stack ?? error),
    }));
    const { passed, failed, skipped = 0 } = result;
    const counts = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
    if (failed > 0)
      console.log(`\n${(result.summarize ?? ((output) => tail(output, 200)))(result.output).trimEnd()}\n`);
    const log = failed > 0 && existsSync(logOf(name)) ? `; all of it in ${shown(logOf(name))}` : "";
    say(`${name}: ${counts} (${time(Date.now() - begun)})${log}`);
    results.push({ name, passed, failed, skipped, duration: Date.now() - begun });
  }
  const width = Math.max(...results.map(({ name }) => name.length), 0);
  console.log(`\nSummary, after ${time(Date.now() - started)}:`);
  for (const { name, passed, failed, skipped, duration } of results) {
    const verdict = failed > 0 ? "FAILED" : passed > 0 ? "ok" : "no tests";
    const numbers = `${String(passed).padStart(6)} ok ${String(failed).padStart(4)} bad ${String(skipped).padStart(4)} skipped`;
    console.log(`  ${name.padEnd(width)} ${numbers} ${time(duration).padStart(12)}  ${verdict}`);
  }
  const [passed, failed] = [sum(results.map((one) => one.passed)), sum(results.map((one) => one.failed))];
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
