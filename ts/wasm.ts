/**
 * Loads the engine. The only importer of what wasm-bindgen has made.
 */
import type * as files from "node:fs/promises";
import init, { deleteDatabase, Engine } from "../pkg/holdfast.js";
import { HoldfastError } from "./errors.js";

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

/**
 * @internal Loads the engine, once for a page: later calls get the first one, wherever it came from. A failed load can
 * be tried again.
 */
export function loadWasm(source?: WasmSource): Promise<Wasm> {
  loading ??= load(source).catch((cause: unknown) => {
    loading = undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HoldfastError("EngineFault", `Holdfast's WebAssembly binary could not be loaded: ${reason}`, { cause });
  });
  return loading;
}

async function load(source: WasmSource = new URL("./holdfast_bg.wasm", import.meta.url)): Promise<Wasm> {
  let binary: WasmSource = source;
  if (
    (typeof binary === "string" && binary.startsWith("file:")) ||
    (binary instanceof URL && binary.protocol === "file:")
  ) {
    // Node's fetch knows no files. The name is put together so that bundlers for browsers don't look for it; of two
    // constants they would do that themselves.
    const name = ["node:fs", "promises"].join("/");
    const { readFile } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as typeof files;
    binary = new Uint8Array(await readFile(new URL(binary)));
  }
  const { memory } = await init({ module_or_path: binary });
  return { Engine, deleteDatabase, memory };
}
