// npm run build: the crate becomes pkg/ (wasm-bindgen's output, which ts/ imports) and both become dist/ (the package).

import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { licenses } from "./licenses.mjs";
import { alone } from "./lock.mjs";
import { orderFunctions } from "./order.mjs";
import { silencePanics } from "./panics.mjs";
import { ask, attempt, main, patiently, Problem, root, run, say, tail, time } from "./run.mjs";
import { cache, ensureBuildTools, wasmBindgenVersion, wasmTarget } from "./setup.mjs";
import { shortenNames } from "./shorten.mjs";
import { noticeTraps } from "./traps.mjs";
import { dropUnreached } from "./unreached.mjs";

/** The WebAssembly binaries of the package: a name for the files, and the crate's features. */
const binaries = [
  { name: "holdfast", features: [], hasClosures: true },
  // The same with what synced tables need.
  { name: "holdfast_sync", features: ["sync"], hasClosures: true },
  // The docs worker: automerge. No page waits for it: a few kilobytes are not worth the minutes.
  { name: "holdfast_docs", features: ["docs"], hasClosures: false, isLarge: true },
];

/**
 * The entry points of the package: a missing one is left out. The name is that of the file in dist/. The command line imports
 * the others when it needs them, so that what pages load is divided into files as if it were not there.
 */
const entries = {
  index: "ts/index.ts",
  "convex/server": "ts/convex/server.ts",
  "convex/values": "ts/convex/values.ts",
  "convex/react": "ts/convex/react.ts",
  pages: "ts/pages.ts",
  react: "ts/react/index.ts",
  sync: "ts/sync/index.ts",
  docs_worker: "ts/sync/worker.ts",
  testing: "ts/testing.ts",
  cli: "ts/cli.ts",
};

const features = [
  "--enable-bulk-memory",
  "--enable-nontrapping-float-to-int",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-reference-types",
  "--enable-multivalue",
];

const optimize = [
  // Statements one by one, and loops made anew: a third of a percent for gzip.
  "--flatten",
  "--rereloop",
  "-Os",
  "--converge",
  // Each function that a page calls for the first time is compiled then, which takes 10 to 20 µs however small it is.
  // So what is small and has one caller is inlined, and the tiny everywhere: a page compiles a fifth less of them for
  // one percent of the size. All with one caller would be another tenth less, for 3 percent.
  "--one-caller-inline-max-function-size=60",
  "--always-inline-max-function-size=6",
  // Copies of generic code for other types, as far as they differ in constants only.
  "--merge-similar-functions",
  "-Os",
  // The end of the stack, which a sound program doesn't reach: offsets can be folded into loads and stores.
  "--low-memory-unused",
  ...features,
];

// The second time takes 15 seconds, and 2 percent off.
const optimizeLarge = ["-Os", "-Os", "--low-memory-unused", ...features];

// The glue belongs to one page and can be reset after a trap; the address of the binary is named once, in ts/.
const bindgen = ["--target", "web", "--omit-default-module-path", "--experimental-reset-state-function"];

const dist = join(root, "dist");
const pkg = join(root, "pkg");

// What is being built, until it is whole: whoever reads dist/ meanwhile reads what was built before. It lies beside
// dist/, so that source maps name the same places.
const newDist = join(root, ".dist-new");
const oldDist = join(root, ".dist-old");
const newPkg = join(cache, "pkg-new");

/** What rustc is told beside what Cargo.toml says. */
function rustFlags() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  const inherited = process.env.CARGO_ENCODED_RUSTFLAGS?.split("\x1f") ?? process.env.RUSTFLAGS?.split(" ") ?? [];
  return [
    ...inherited.filter(Boolean),
    // Panic messages name source files: without the place where this machine keeps them.
    `--remap-path-prefix=${join(cargoHome, "registry", "src")}=registry`,
    `--remap-path-prefix=${root}=holdfast`,
    // Inline half as much as opt-level "s" would: 2 percent of the size, for at most as much of the speed.
    "-Cllvm-args=-inline-threshold=25",
    // And what std marks `#[inline]` only where it is rather small, instead of up to thirteen times the limit above, wherever
    // it is called: 3.5 percent of the size, and no difference in speed that could be measured. With 45 it is another percent,
    // and reads and inserts take a tenth longer.
    "-Cllvm-args=-inlinehint-threshold=80",
    // Who refers to what, and by which names, for scripts/unreached.mjs and scripts/panics.mjs.
    "-Clink-arg=--emit-relocs",
    "-Clink-arg=--demangle",
  ];
}

/**
 * What a binary is made from, in short. Cargo can't be asked whether anything has changed: it gives the file the same name
 * whatever the features are, and compiles each binary anew because another one has taken its place.
 */
function keyOf(binary) {
  const sources = readdirSync(join(root, "src"), { recursive: true }).map((file) => join("src", file));
  const scripts = ["build", "panics", "unreached", "wasm", "order", "shorten", "traps"].map((name) =>
    join("scripts", `${name}.mjs`),
  );
  const others = ["Cargo.toml", "Cargo.lock", join("node_modules", "binaryen", "package.json")];
  const hash = createHash("sha256");
  hash.update(JSON.stringify([binary, ask("rustc", ["-vV"]), wasmBindgenVersion(), rustFlags()]));
  for (const file of [...sources, ...scripts, ...others].sort()) {
    if (statSync(join(root, file)).isFile()) hash.update(file).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

/** Compiles the crate and answers the file of the raw binary, without what only panics would use. */
async function compile({ name, features }) {
  const args = [
    "build",
    "--quiet",
    "--release",
    "--lib",
    "--target",
    wasmTarget,
    "--message-format=json-render-diagnostics",
  ];
  const result = await attempt("cargo", [...args, ...(features.length ? ["--features", features.join(",")] : [])], {
    env: { CARGO_ENCODED_RUSTFLAGS: rustFlags().join("\x1f") },
  });
  const lines = result.output.split("\n");
  if (!result.ok) {
    const said = lines.filter((line) => !line.startsWith('{"reason"')).join("\n");
    throw new Problem(`The crate does not compile.\n\n${tail(said, 60)}`);
  }
  const file = lines
    .filter((line) => line.startsWith('{"reason":"compiler-artifact"'))
    .flatMap((line) => JSON.parse(line).filenames)
    .findLast((name) => name.endsWith(".wasm"));
  if (!file) throw new Problem("cargo built no .wasm file: the crate's [lib] must have the type cdylib.");
  // The next binary takes its place.
  const raw = join(cache, `${name}.wasm`);
  mkdirSync(cache, { recursive: true });
  copyFileSync(file, raw);
  silencePanics(raw);
  dropUnreached(raw);
  return raw;
}

/** The binary may import from its own glue alone: anything else means that a crate expects a C library or a host. */
function checkImports(name, bytes) {
  const foreign = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).filter(
    ({ module }) => module !== `./${name}_bg.js` && module !== "wbg",
  );
  if (foreign.length === 0) return;
  const list = foreign.map((one) => `  ${one.module}.${one.name}`).join("\n");
  throw new Problem(
    `${name}_bg.wasm imports what no browser provides:\n${list}\nFind the crate that needs it: "cargo tree --target ${wasmTarget}".`,
  );
}

const stampOf = ({ name }) => join(pkg, `.${name}.stamp`);
const wasmOf = ({ name }) => join(pkg, `${name}_bg.wasm`);

/** Whether pkg/ has the binary as it would be made now. */
function isMade(binary) {
  const made = [wasmOf(binary), stampOf(binary), ...inlinedFiles(binary).map((file) => join(pkg, file))];
  return made.every(existsSync) && readFileSync(stampOf(binary), "utf8") === keyOf(binary);
}

/** wasm-bindgen and wasm-opt, from the raw binary into pkg/. */
async function bind(binary, raw, key) {
  const started = Date.now();
  const wasm = wasmOf(binary);
  const stamp = stampOf(binary);
  const passes = binary.isLarge ? optimizeLarge : optimize;
  rmSync(newPkg, { recursive: true, force: true });
  await run("wasm-bindgen", [...bindgen, "--out-dir", newPkg, "--out-name", binary.name, raw], {
    failure: "wasm-bindgen failed.",
  });
  const unfinished = join(newPkg, `${binary.name}_bg.wasm`);
  checkImports(binary.name, readFileSync(unfinished));
  const before = statSync(unfinished).size;
  const optimizer = join(root, "node_modules", "binaryen", "bin", "wasm-opt");
  await patiently(`optimizing ${binary.name}_bg.wasm`, () =>
    run(process.execPath, [optimizer, ...passes, "-o", unfinished, unfinished], { failure: "wasm-opt failed." }),
  );
  await orderFunctions(unfinished);
  shortenNames(unfinished, join(newPkg, `${binary.name}.js`));
  noticeTraps(join(newPkg, `${binary.name}.js`), join(newPkg, `${binary.name}.d.ts`), binary);
  mkdirSync(pkg, { recursive: true });
  rmSync(stamp, { force: true });
  for (const file of readdirSync(newPkg)) renameSync(join(newPkg, file), join(pkg, file));
  rmSync(newPkg, { recursive: true, force: true });
  inline(binary, readFileSync(wasm));
  writeFileSync(stamp, key);
  const kb = (bytes) => `${Math.round(bytes / 1000)} KB`;
  say(
    `bound and optimized ${binary.name}_bg.wasm in ${time(Date.now() - started)}: ${kb(before)} to ${kb(statSync(wasm).size)}`,
  );
}

/** esbuild's options for the package's JavaScript. */
export function bundleOptions() {
  const present = Object.entries(entries).filter(([, file]) => existsSync(join(root, file)));
  return {
    absWorkingDir: root,
    entryPoints: Object.fromEntries(present),
    outdir: "dist",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    metafile: true,
    target: "es2022",
    // The stream is one that papaparse would make for Node, when it is asked to.
    external: ["node:*", "stream", "react", "react/*", "react-dom"],
    sourcemap: true,
    logLevel: "silent",
  };
}

/** The types of wasm-bindgen's output go along, without what needs a newer library than an app may have. */
function shipGeneratedTypes() {
  for (const { name } of binaries) {
    const types = readFileSync(join(pkg, `${name}.d.ts`), "utf8");
    writeFileSync(join(newDist, `${name}.d.ts`), types.replace(/^.*\[Symbol\.dispose\].*\n/gm, ""));
  }
  for (const file of readdirSync(newDist, { recursive: true }).filter((name) => name.endsWith(".d.ts"))) {
    const importer = join(newDist, file);
    const text = readFileSync(importer, "utf8");
    // From the package's folder, or from one below it.
    const moved = text.replaceAll('"../pkg/', '"./').replaceAll('"../../pkg/', '"../');
    if (moved !== text) writeFileSync(importer, moved);
  }
}

/** esbuild and tsc, from ts/ into dist/. */
async function bundle() {
  rmSync(newDist, { recursive: true, force: true });
  mkdirSync(newDist, { recursive: true });
  const { build, formatMessages } = await import("esbuild");
  const fail = async (errors) => {
    throw new Problem(`esbuild failed.\n\n${(await formatMessages(errors, { kind: "error" })).join("\n")}`);
  };
  const { metafile } = await build({ ...bundleOptions(), outdir: newDist }).catch((error) =>
    fail(error.errors ?? [{ text: String(error) }]),
  );
  chmodSync(join(newDist, "cli.js"), 0o755);
  writeFileSync(join(newDist, "THIRD_PARTY_LICENSES.txt"), await licenses(Object.keys(metafile.inputs)));
  for (const { name } of binaries) copyFileSync(join(pkg, `${name}_bg.wasm`), join(newDist, `${name}_bg.wasm`));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  await run(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", newDist], { failure: "tsc failed." });
  shipGeneratedTypes();
  rmSync(oldDist, { recursive: true, force: true });
  if (existsSync(dist)) renameSync(dist, oldDist);
  renameSync(newDist, dist);
  rmSync(oldDist, { recursive: true, force: true });
}

const buildAlone = (body) => alone("build", "a build", body);

/** All binaries that pkg/ lacks. While one core optimizes a binary, the next one is compiled. */
async function bindAll() {
  let [compiled, bound] = [Promise.resolve(), Promise.resolve()];
  for (const binary of binaries.filter((one) => !isMade(one))) {
    let key;
    compiled = compiled.then(() => {
      // Sources that change meanwhile are compiled again next time.
      key = keyOf(binary);
      say(`compiling ${binary.name} for WebAssembly (a minute)`);
      return patiently(`compiling ${binary.name}`, () => compile(binary));
    });
    bound = Promise.all([compiled, bound]).then(([raw]) => bind(binary, raw, key));
  }
  await bound;
}

/** So long a script may be that no bundler warns of it. */
const SCRIPT_LETTERS = 480_000;

/** The binary as scripts, for servers that don't give it as a file. They are imported only then. */
function inline({ name, isLarge }, bytes) {
  const text = gzipSync(bytes, { level: 9 }).toString("base64");
  const half = Math.ceil(text.length / 2);
  const parts = isLarge ? [text.slice(0, half), text.slice(half)] : [text];
  for (const [index, part] of parts.entries()) {
    if (part.length > SCRIPT_LETTERS) throw new Problem(`${name}_bg.wasm as a script is too large: divide it further.`);
    const file = join(pkg, inlinedFiles({ name, isLarge })[index]);
    writeFileSync(file, `export default "${part}";\n`);
    writeFileSync(file.replace(/js$/, "d.ts"), "declare const zipped: string;\nexport default zipped;\n");
  }
}

const inlinedFiles = ({ name, isLarge }) => (isLarge ? ["_1", "_2"] : [""]).map((part) => `${name}_inlined${part}.js`);

/** pkg/ alone, which the type check of ts/ needs. */
export async function buildWasm() {
  await ensureBuildTools();
  await buildAlone(bindAll);
}

/** pkg/ and dist/. */
export async function build() {
  if (!existsSync(join(root, entries.index)))
    throw new Problem(`There is no ${entries.index} to build the package from.`);
  await ensureBuildTools();
  await buildAlone(async () => {
    // What was installed before, and the turns of others, are not the build's time.
    const started = Date.now();
    await bindAll();
    await bundle();
    say(`built dist/ in ${time(Date.now() - started)}`);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main(build);
