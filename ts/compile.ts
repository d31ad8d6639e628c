/**
 * WebAssembly modules of the package's binaries, from wherever they are.
 */
import type * as files from "node:fs/promises";
import { isInstance } from "./checked.js";
import { fromBase64 } from "./json.js";

/** Where the binary is: its address, its bytes, or the module made of it. */
export type WasmSource = string | URL | BufferSource | WebAssembly.Module;

/** @internal Whether something can be a binary, going by its kind. */
export function isWasmSource(source: unknown): source is WasmSource {
  if (typeof source === "string" || ArrayBuffer.isView(source)) return true;
  return [URL, ArrayBuffer, WebAssembly.Module].some((kind) => isInstance(source, kind));
}

/** A binary as a script: gzipped, in base64. */
export type Inlined = () => Promise<{ readonly default: string }>;

/** @internal The module of a binary of ours: from its place or, if it is not to be had there, from a script. */
export async function compiledOrInlined(source: WasmSource | undefined, inlined: Inlined): Promise<WebAssembly.Module> {
  try {
    return await compiled(source);
  } catch (cause) {
    if (cause instanceof NotReached || isForbidden(cause)) throw cause;
    return WebAssembly.compile(await unzipped(inlined));
  }
}

/** @internal Whether a source is an address. */
export function isAddress(source: WasmSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
}

/** @internal The module of a binary. */
export async function compiled(source: WasmSource | undefined): Promise<WebAssembly.Module> {
  if (source === undefined) throw new Error("the script does not know where it is.");
  if (isAddress(source)) return fetched(String(source));
  return isModule(source) ? source : WebAssembly.compile(source);
}

function isModule(source: WasmSource): source is WebAssembly.Module {
  return isInstance(source, WebAssembly.Module);
}

/** The network did not answer: it would not have the binary as a script, either. */
export class NotReached extends Error {}

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
export async function unzipped(inlined: Inlined): Promise<BufferSource> {
  const { default: zipped } = await inlined();
  const stream = new Blob([fromBase64(zipped)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** @internal Whether the page may not run WebAssembly. */
export function isForbidden(cause: unknown): boolean {
  const reason = reasonOf(cause);
  return /unsafe-eval|content.security.policy|\bCSP\b/i.test(reason) && !reason.includes("connect-src");
}

/** @internal What a failure says of itself. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
