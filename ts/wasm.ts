/**
 * Loads the engine. The only importer of what wasm-bindgen has made.
 */
import type * as files from "node:fs/promises";
import init, { deleteDatabase, Engine } from "../pkg/holdfast.js";
import { isInstance } from "./checked.js";
import { HoldfastError } from "./errors.js";
import { fromBase64 } from "./json.js";

export type { Engine };

/** The engine of this page: its classes and its memory. */
export interface Wasm {
  /** One open database. */
  readonly Engine: typeof Engine;
  /** Deletes a database of IndexedDB. */
  readonly deleteDatabase: typeof deleteDatabase;
  /** Where arguments and results lie. Its buffer is another one whenever it has grown. */
  readonly memory: WebAssembly.Memory;
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
  const source = given ?? new URL("./holdfast_bg.wasm", import.meta.url);
  loading ??= load(source, given === undefined).catch((cause: unknown) => {
    loading = undefined;
    throw unavailable(source, cause);
  });
  return loading;
}

async function load(source: WasmSource, isOurs: boolean): Promise<Wasm> {
  const binary = isAddress(source) ? await fetched(source, isOurs) : source;
  const { memory } = await init({ module_or_path: binary });
  return { Engine, deleteDatabase, memory };
}

function isAddress(source: WasmSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
}

/** The binary at an address. Where nothing is beside the script, what the package has of it as text. */
async function fetched(address: string | URL, isOurs: boolean): Promise<Response | BufferSource> {
  const text = String(address);
  if (text.startsWith("file:")) {
    // Node's fetch knows no files. The name is put together so that bundlers for browsers don't look for it; of two
    // constants they would do that themselves.
    const name = ["node:fs", "promises"].join("/");
    const { readFile } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as typeof files;
    return new Uint8Array(await readFile(new URL(text)));
  }
  let response: Response;
  try {
    response = await fetch(address);
  } catch (cause) {
    throw new Error(
      `it was not reached (${reasonOf(cause)}). The device may be offline, or the page's Content-Security-Policy ` +
        "does not have this address in connect-src.",
      { cause },
    );
  }
  if (!response.ok) {
    if (isOurs) return inlined();
    throw new Error(`the server answered ${response.status}.`);
  }
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/wasm")) return response;
  // Servers for single-page apps give the app's page for whatever is not there.
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] === 0x3c) {
    if (isOurs) return inlined();
    throw new Error("there is a web page and no WebAssembly: `wasmUrl` must be the address of holdfast_bg.wasm.");
  }
  return bytes;
}

/** The binary from a script of its own: some development servers bundle scripts anew and leave behind what is beside them. */
async function inlined(): Promise<BufferSource> {
  const { default: zipped } = await import("../pkg/inlined.js");
  const stream = new Blob([fromBase64(zipped)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function unavailable(source: WasmSource, cause: unknown): HoldfastError {
  const reason = reasonOf(cause);
  const isForbidden = /unsafe-eval|content.security.policy|\bCSP\b/i.test(reason) && !reason.includes("connect-src");
  const remedy = isForbidden ? " The page's Content-Security-Policy needs 'wasm-unsafe-eval' in script-src." : "";
  const from = isAddress(source) ? ` from ${String(source)}` : "";
  return new HoldfastError(
    "EngineUnavailable",
    `Holdfast's WebAssembly binary could not be loaded${from}: ${reason}${remedy}`,
    isForbidden ? { cause, retryable: false } : { cause },
  );
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
