/**
 * Loads the engine. The only importer of what wasm-bindgen has made.
 */
import type * as files from "node:fs/promises";
import { deleteDatabase, Engine, initSync } from "../pkg/holdfast.js";
import { isInstance } from "./checked.js";
import { HoldfastError } from "./errors.js";
import { fromBase64 } from "./json.js";
import { type EngineUser, watchTraps } from "./outage.js";

export type { Engine };

/** The engine of this page: its classes and its memory. */
export interface Wasm {
  /** One open database. */
  readonly Engine: typeof Engine;
  /** Deletes a database of IndexedDB. */
  readonly deleteDatabase: typeof deleteDatabase;
  /** Where arguments and results lie. Its buffer is another one whenever it has grown. */
  readonly memory: WebAssembly.Memory;
  /** Who has to hear when it traps. */
  readonly users: Set<EngineUser>;
}

/** Where the binary is: its address, its bytes, or the module made of it. */
export type WasmSource = string | URL | BufferSource | WebAssembly.Module;

let loading: Promise<Wasm> | undefined;

/** @internal Whether something can be a binary, going by its kind. */
export function isWasmSource(source: unknown): source is WasmSource {
  if (typeof source === "string" || ArrayBuffer.isView(source)) return true;
  return [URL, ArrayBuffer, WebAssembly.Module].some((kind) => isInstance(source, kind));
}

/**
 * @internal Loads the engine, once for a page: later calls get the first one, wherever it came from. A failed load can
 * be tried again.
 */
export function loadWasm(given?: WasmSource): Promise<Wasm> {
  const source = given ?? besideScript();
  loading ??= load(source, given === undefined).catch((cause: unknown) => {
    loading = undefined;
    throw unavailable(source, cause);
  });
  return loading;
}

/** Where the package has its binary. Bundlers look for this line; what they make of it for Node may not know its own place. */
function besideScript(): URL | undefined {
  try {
    return new URL("./holdfast_bg.wasm", import.meta.url);
  } catch {
    return undefined;
  }
}

async function load(source: WasmSource | undefined, isOurs: boolean): Promise<Wasm> {
  try {
    return started(await compiled(source));
  } catch (cause) {
    if (cause instanceof NotReached || isForbidden(cause)) throw cause;
    if (isOurs) return started(await WebAssembly.compile(await inlined()));
    throw cause instanceof WebAssembly.CompileError ? new Error(NO_BINARY + cause.message) : cause;
  }
}

function started(module: WebAssembly.Module): Wasm {
  // What imports nothing would begin, and be in the way of the right one.
  if (WebAssembly.Module.imports(module).length === 0) throw new Error(WRONG_MODULE);
  try {
    const { memory } = initSync({ module });
    const users = new Set<EngineUser>();
    const wasm = { Engine, deleteDatabase, memory, users };
    watchTraps(users, (memory) => (wasm.memory = memory));
    return wasm;
  } catch (cause) {
    const isWrong = cause instanceof WebAssembly.LinkError || cause instanceof TypeError;
    throw isWrong ? new Error(WRONG_MODULE, { cause }) : cause;
  }
}

const NO_BINARY =
  "there is no WebAssembly (a web page, perhaps) or only a part of one: `wasmUrl` must be the address of " +
  "holdfast_bg.wasm. ";
const WRONG_MODULE =
  "`wasmUrl` is another WebAssembly module than the holdfast_bg.wasm of this version of the package.";

function isAddress(source: WasmSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
}

async function compiled(source: WasmSource | undefined): Promise<WebAssembly.Module> {
  if (source === undefined) throw new Error("the script does not know where it is.");
  if (isAddress(source)) return fetched(String(source));
  return isModule(source) ? source : WebAssembly.compile(source);
}

function isModule(source: WasmSource): source is WebAssembly.Module {
  return isInstance(source, WebAssembly.Module);
}

/** The network did not answer: it would not have the binary as a script, either. */
class NotReached extends Error {}

/** The binary at an address. */
async function fetched(address: string): Promise<WebAssembly.Module> {
  if (address.startsWith("file:")) {
    // Node's fetch knows no files. The name is put together so that bundlers for browsers don't look for it; of two
    // constants they would do that themselves.
    const name = ["node:fs", "promises"].join("/");
    const { readFile } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as typeof files;
    return WebAssembly.compile(new Uint8Array(await readFile(new URL(address))));
  }
  const response = await fetch(address).catch((cause: unknown) => {
    throw new NotReached(
      `it was not reached (${reasonOf(cause)}). The device may be offline, or the page's Content-Security-Policy ` +
        "does not have this address in connect-src.",
      { cause },
    );
  });
  if (!response.ok) throw new Error(`the server answered ${response.status}.`);
  // Some servers have no type for it.
  const isLabelled = response.headers.get("content-type")?.startsWith("application/wasm");
  return isLabelled ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

/**
 * The binary from a script of its own, for where it is not beside this one: bundlers leave it behind, and servers answer
 * with something else, such as the app's page.
 */
async function inlined(): Promise<BufferSource> {
  const { default: zipped } = await import("../pkg/inlined.js");
  const stream = new Blob([fromBase64(zipped)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function unavailable(source: WasmSource | undefined, cause: unknown): HoldfastError {
  const remedy = isForbidden(cause)
    ? " The page's Content-Security-Policy needs 'wasm-unsafe-eval' in script-src."
    : "";
  const from = source !== undefined && isAddress(source) ? ` from ${String(source)}` : "";
  return new HoldfastError(
    "EngineUnavailable",
    `Holdfast's WebAssembly binary could not be loaded${from}: ${reasonOf(cause)}${remedy}`,
    isForbidden(cause) ? { cause, retryable: false } : { cause },
  );
}

/** Whether the page may not run WebAssembly. */
function isForbidden(cause: unknown): boolean {
  const reason = reasonOf(cause);
  return /unsafe-eval|content.security.policy|\bCSP\b/i.test(reason) && !reason.includes("connect-src");
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
