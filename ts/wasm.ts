/**
 * Loads the engine. The only importer of what wasm-bindgen has made.
 */
import { deleteDatabase, Engine, initSync, onTrap, restart } from "../pkg/holdfast.js";
import {
  compiled,
  type Inlined,
  isAddress,
  isForbidden,
  NotReached,
  reasonOf,
  unzipped,
  type WasmSource,
} from "./compile.js";
import { HoldfastError } from "./errors.js";
import { type EngineUser, watchTraps } from "./outage.js";

export type { Engine };
export type { WasmSource } from "./compile.js";

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

/** @internal An engine's binary, and what wasm-bindgen has made of it. */
export interface EngineFiles {
  readonly glue: Pick<Wasm, "Engine" | "deleteDatabase"> & {
    readonly initSync: typeof initSync;
    readonly onTrap: typeof onTrap;
    readonly restart: typeof restart;
  };
  /** The name of the binary. */
  readonly file: string;
  /** Where the package has it. Bundlers look for such lines; what they make of one for Node may not know its own place. */
  readonly place: () => URL;
  readonly inlined: Inlined;
}

/**
 * @internal What loads an engine, once for a page: later calls get the first one, wherever it came from. A failed load can
 * be tried again.
 */
export function engineLoader(files: EngineFiles): (given?: WasmSource) => Promise<Wasm> {
  let loading: Promise<Wasm> | undefined;
  return (given) => {
    const source = given ?? besideScript(files);
    loading ??= load(files, source, given === undefined).catch((cause: unknown) => {
      loading = undefined;
      throw unavailable(source, cause);
    });
    return loading;
  };
}

/** @internal Loads the engine of databases that sync nothing. */
export const loadWasm = engineLoader({
  glue: { Engine, deleteDatabase, initSync, onTrap, restart },
  file: "holdfast_bg.wasm",
  place: () => new URL("./holdfast_bg.wasm", import.meta.url),
  inlined: () => import("../pkg/holdfast_inlined.js"),
});

function besideScript({ place }: EngineFiles): URL | undefined {
  try {
    return place();
  } catch {
    return undefined;
  }
}

async function load(files: EngineFiles, source: WasmSource | undefined, isOurs: boolean): Promise<Wasm> {
  try {
    return started(files, await compiled(source));
  } catch (cause) {
    if (cause instanceof NotReached || isForbidden(cause)) throw cause;
    if (isOurs) return started(files, await WebAssembly.compile(await unzipped(files.inlined)));
    throw cause instanceof WebAssembly.CompileError ? new Error(noBinary(files) + cause.message) : cause;
  }
}

function started(files: EngineFiles, module: WebAssembly.Module): Wasm {
  // What imports nothing would begin, and be in the way of the right one.
  if (WebAssembly.Module.imports(module).length === 0) throw new Error(wrongModule(files));
  try {
    const { glue } = files;
    const { memory } = glue.initSync({ module });
    const users = new Set<EngineUser>();
    const wasm = { Engine: glue.Engine, deleteDatabase: glue.deleteDatabase, memory, users };
    watchTraps(glue, users, (memory) => (wasm.memory = memory));
    return wasm;
  } catch (cause) {
    const isWrong = cause instanceof WebAssembly.LinkError || cause instanceof TypeError;
    throw isWrong ? new Error(wrongModule(files), { cause }) : cause;
  }
}

const noBinary = ({ file }: EngineFiles) =>
  "there is no WebAssembly (a web page, perhaps) or only a part of one: `wasmUrl` must be the address of " +
  `${file}. `;
const wrongModule = ({ file }: EngineFiles) =>
  `\`wasmUrl\` is another WebAssembly module than the ${file} of this version of the package.`;

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
