// Set-up: each function makes one tool available, does nothing when it already is, and says in a line what it installs.
// Only Node's own modules here: the npm packages may not be installed yet.

import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { alone } from "./lock.mjs";
import { ask, attempt, patiently, prependPath, Problem, root, run, say, tail } from "./run.mjs";

/** Tools that belong to this clone alone; git ignores it. */
export const cache = join(root, ".cache");

const cargoToml = () => readFileSync(join(root, "Cargo.toml"), "utf8");

function pinned(pattern, what) {
  const found = pattern.exec(cargoToml());
  if (!found) throw new Problem(`Cargo.toml doesn't pin ${what} any more, but scripts/setup.mjs reads it there.`);
  return found[1];
}

/** The Rust release that the project is built and linted with, as "1.95". */
export const rustVersion = () => pinned(/^rust-version = "(\d+\.\d+)/m, "rust-version");

/** The version of wasm-bindgen: the crate and the command must be the same. */
export const wasmBindgenVersion = () => pinned(/^wasm-bindgen = "=([^"]+)"/m, "wasm-bindgen");

export const wasmTarget = "wasm32-unknown-unknown";

/** The oldest Node that runs the project, as "20.19". */
export function nodeVersion() {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const found = /^>=(\d+\.\d+)$/.exec(engines.node);
  if (!found)
    throw new Problem(
      `package.json doesn't say ">=20.19" or the like in "engines", but scripts/setup.mjs reads it there.`,
    );
  return found[1];
}

/** Whether a version, as "v20.19.0" or "1.95", is at least that of two numbers. */
function isAtLeast(version, wanted) {
  const [[major, minor], [wantedMajor, wantedMinor]] = [version.replace(/^v/, ""), wanted].map((text) =>
    text.split(".").map(Number),
  );
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** A Node that the project is written for. With an older one a test may fail later, without a word of the reason. */
export function ensureNode(version = process.version) {
  if (isAtLeast(version, nodeVersion())) return;
  throw new Problem(
    `Node ${nodeVersion()} or newer is needed, and this is ${version}: install one (see nodejs.org), then try again.`,
  );
}

/** Says what is being installed, and every 20 seconds that it still is. */
function installing(what, body, note = "") {
  say(`installing ${what}${note}`);
  return patiently(`installing ${what}`, body);
}

/** The file of a program on PATH, or undefined. */
export function which(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const ending of process.platform === "win32" ? [".exe", ".cmd"] : [""]) {
      const file = join(folder || ".", name + ending);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

/** npm packages as package-lock.json names them, in the repository or in a folder with a lock file of its own. */
export async function ensureNpmPackages(folder = root, name = "npm packages") {
  ensureNode();
  const lock = readFileSync(join(folder, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).update(`${process.platform}-${process.arch}`).digest("hex");
  const stamp = join(folder, "node_modules", ".installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  // npm_execpath is set when npm started us; it saves the search for npm.cmd on Windows.
  const npm = process.env.npm_execpath?.endsWith(".js")
    ? [process.execPath, process.env.npm_execpath]
    : [process.platform === "win32" ? "npm.cmd" : "npm"];
  const options = { cwd: folder, failure: `npm ci failed in ${folder}.` };
  await installing(name, () => run(npm[0], [...npm.slice(1), "ci", "--include=dev"], options));
  writeFileSync(stamp, wanted);
}

/** cargo and rustc of a release that can build the project. Answers the release, as "1.95". */
export function ensureRust() {
  if (!which("cargo")) prependPath(join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "bin"));
  const version = ask("rustc", ["--version"]);
  const found = /^rustc (\d+\.\d+)/.exec(version ?? "");
  if (!found || !which("cargo"))
    throw new Problem("Rust is missing: install it with rustup (see rustup.rs), then try again.");
  if (!isAtLeast(found[1], rustVersion())) {
    throw new Problem(
      `Rust ${rustVersion()} or newer is needed, and this is ${version}: run "rustup update stable", then try again.`,
    );
  }
  return found[1];
}

/** Rust's standard library for WebAssembly. */
async function ensureWasmTarget() {
  ensureRust();
  const folder = ask("rustc", ["--print", "target-libdir", "--target", wasmTarget]);
  if (folder && existsSync(folder)) return;
  const failure = `Rust's target ${wasmTarget} could not be added. Run "rustup target add ${wasmTarget}" and see what it says.`;
  await installing(`Rust's target ${wasmTarget}`, () => run("rustup", ["target", "add", wasmTarget], { failure }));
}

/** rustfmt and clippy, which a minimal Rust lacks. */
export async function ensureRustComponents() {
  ensureRust();
  for (const [component, command] of [
    ["rustfmt", "fmt"],
    ["clippy", "clippy"],
  ]) {
    if (ask("cargo", [command, "--version"]) !== undefined) continue;
    const failure = `Rust's component ${component} could not be added. Run "rustup component add ${component}" and see what it says.`;
    await installing(`Rust's component ${component}`, () =>
      run("rustup", ["component", "add", component], { failure }),
    );
  }
}

/** wasm-bindgen and its test runner in the crate's version, in front of PATH when they are the clone's own. */
async function ensureWasmBindgen() {
  const version = wasmBindgenVersion();
  const fits = (command) => ask(command, ["--version"])?.split(" ")[1] === version;
  if (fits("wasm-bindgen") && fits("wasm-bindgen-test-runner")) return;
  const tools = join(cache, "tools");
  prependPath(join(tools, "bin"));
  if (fits("wasm-bindgen") && fits("wasm-bindgen-test-runner")) return;
  ensureRust();
  // Without --locked: its lock file names a release of a dependency that is not to be had any more.
  const args = ["install", "wasm-bindgen-cli", "--version", version, "--root", tools, "--force", "--quiet"];
  args.push("--bin", "wasm-bindgen", "--bin", "wasm-bindgen-test-runner");
  // It runs for a second: to optimize it would take two minutes more.
  const quick = { CARGO_PROFILE_RELEASE_OPT_LEVEL: "0", CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16" };
  const options = {
    failure: `wasm-bindgen could not be installed. Run "cargo install wasm-bindgen-cli --version ${version}" and see what it says.`,
    env: { ...quick, CARGO_TARGET_DIR: join(cache, "tools-target") },
  };
  const note = " into .cache/tools (a minute, or 5 on a slow computer, once)";
  await installing(`wasm-bindgen ${version}`, () => run("cargo", args, options), note);
  rmSync(join(cache, "tools-target"), { recursive: true, force: true });
}

const isRoot = () => process.getuid?.() === 0;

/** What every Chromium of ours is started with: nothing that calls home, and no sandbox only where there can't be one. */
export const chromiumArgs = () => [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  ...(isRoot() ? ["--no-sandbox"] : []),
];

const works = (file) => ask(file, ["--version"], { stdio: ["ignore", "pipe", "ignore"] }) !== undefined;

function installedChromium() {
  const named = process.env.HOLDFAST_CHROMIUM;
  if (named) {
    if (!works(named)) throw new Problem(`HOLDFAST_CHROMIUM names ${named}, which can't be started.`);
    return named;
  }
  const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
  const apps = ["Google Chrome", "Chromium"].flatMap((app) =>
    [homedir(), "/"].map((place) => join(place, "Applications", `${app}.app`, "Contents", "MacOS", app)),
  );
  return [...names.map(which), ...(process.platform === "darwin" ? apps : [])].find(
    (file) => file && existsSync(file) && works(file),
  );
}

/** A tool that can't be had here. Who needs it is left out, and says the message. */
export class Unavailable extends Problem {}

const canInstallDebianPackages = () => process.platform === "linux" && isRoot() && which("apt-get") !== undefined;

/** Installs packages of Debian, and answers what apt-get said, however that ended. */
function installDebianPackages(names) {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const what = `Debian's package${names.length > 1 ? "s" : ""} ${names.join(", ")}`;
  return installing(what, async () => {
    await attempt("apt-get", ["update"], { env });
    const { output } = await attempt("apt-get", ["install", "-y", "--no-install-recommends", ...names], { env });
    return output;
  });
}

async function playwrightChromium() {
  const { chromium } = await import("playwright-core");
  const file = chromium.executablePath();
  return file && existsSync(file) && works(file) ? file : undefined;
}

/** A Chromium: the installed one, else Debian's package when root, else Playwright's. Answers its file. */
export async function ensureChromium() {
  await ensureNpmPackages();
  const found = installedChromium() ?? (await playwrightChromium());
  if (found) return found;
  const tried = [];
  if (canInstallDebianPackages()) {
    const output = await installDebianPackages(["chromium"]);
    const file = installedChromium();
    if (file) return file;
    tried.push(output);
  }
  const playwright = join(root, "node_modules", "playwright-core", "cli.js");
  const result = await installing("Playwright's Chromium", () =>
    attempt(process.execPath, [playwright, "install", "--no-shell", "chromium"], { limit: 600_000 }),
  );
  const file = await playwrightChromium();
  if (file) return file;
  tried.push(result.output);
  const said = tried.map((output) => tail(output, 6)).join("\n");
  throw new Problem(
    `No Chromium could be found or installed. Install Chromium or Chrome (on Debian: apt-get install chromium), or name one ` +
      `with HOLDFAST_CHROMIUM=<file>, then try again.\n\n${said}`,
  );
}

/** Derived from Debian is not enough: their packages have other names, or lead to other stores. */
const isDebian = () =>
  existsSync("/etc/os-release") && /^ID="?debian"?$/m.test(readFileSync("/etc/os-release", "utf8"));

/**
 * What `find` finds, or finds when Debian's packages are installed. Where they can't be, it is Unavailable, with a sentence
 * that says what to install; on Debian, for root, that is a Problem.
 */
async function ensureFromDebian(what, find, packages, others) {
  const found = find();
  if (found) return found;
  const remedy = `On Debian: apt-get install ${packages.join(" ")}. ${others}`;
  if (!canInstallDebianPackages() || !isDebian())
    throw new Unavailable(`There is no ${what} here, so its tests are left out. ${remedy}`);
  const output = await installDebianPackages(packages);
  const installed = find();
  if (installed) return installed;
  throw new Problem(`${what} could not be installed. ${remedy}\n\n${tail(output, 6)}`);
}

function installedFirefox() {
  const named = process.env.HOLDFAST_FIREFOX;
  if (named) {
    if (!works(named)) throw new Problem(`HOLDFAST_FIREFOX names ${named}, which can't be started.`);
    return named;
  }
  const app = ["Firefox.app", "Contents", "MacOS", "firefox"];
  const apps =
    process.platform === "darwin" ? [homedir(), "/"].map((place) => join(place, "Applications", ...app)) : [];
  // Debian's first: a "firefox" may be a page that tells how to get it.
  return [...["firefox-esr", "firefox"].map(which), ...apps].find((file) => file && existsSync(file) && works(file));
}

/** A stock Firefox: the installed one, else Debian's package when root. Answers its file. */
export const ensureFirefox = () =>
  ensureFromDebian("Firefox", installedFirefox, ["firefox-esr"], "Another one is named by HOLDFAST_FIREFOX=<file>.");

/** WebKitGTK's driver, the small browser that it drives, and what runs them without a screen. */
function installedWebKit() {
  const [driver, xvfb] = ["WebKitWebDriver", "Xvfb"].map(which);
  if (!driver || !xvfb) return undefined;
  const folders = ["/usr/lib", "/usr/libexec", "/usr/lib64"].flatMap((place) =>
    existsSync(place) ? [place, ...readdirSync(place).map((name) => join(place, name))] : [],
  );
  // Those of GTK 4 and of GTK 3 with HTTP/2: whichever belongs to the driver is there.
  const browsers = folders.flatMap((folder) =>
    ["webkitgtk-6.0", "webkit2gtk-4.1"].map((version) => join(folder, version, "MiniBrowser")),
  );
  const browser = browsers.find((file) => existsSync(file));
  return browser && { driver, xvfb, browser };
}

/** A WebKitGTK that can be driven: the installed one, else Debian's packages when root. Answers its files. */
export const ensureWebKit = () =>
  ensureFromDebian("WebKitGTK", installedWebKit, ["webkit2gtk-driver", "xvfb"], "It runs on Linux only.");

/** All that a build needs. */
export const ensureBuildTools = () =>
  alone("setup", "what is being installed", async () => {
    ensureNode();
    ensureRust();
    mkdirSync(cache, { recursive: true });
    await ensureNpmPackages();
    await ensureWasmTarget();
    await ensureWasmBindgen();
  });
