/**
 * Opening a database: what it is asked for, checked, and where the engine comes from.
 */
import { invalidArgument } from "./arguments.js";
import { Bridge } from "./bridge.js";
import { loneSurrogate } from "./checked.js";
import { isWasmSource } from "./compile.js";
import { Database, endImports } from "./database.js";
import type { HoldfastError } from "./errors.js";
import { checkedIdentity, Contexts, type IdentityOption } from "./functions/contexts.js";
import type { FunctionModules } from "./functions/registry.js";
import { headStart } from "./head_start.js";
import { readOptions, readSizes } from "./options.js";
import { type DataModelOf, type ExportableSchema, toDefinition } from "./schema.js";
import { checkedTimeout } from "./transactions.js";
import type { SyncedDatabase } from "./sync/synced_database.js";
import { placeTables, type SyncOption } from "./sync_part.js";
import { loadWasm, type Wasm, type WasmSource } from "./wasm.js";

/** What {@link openDatabase} is asked for. */
export interface OpenDatabaseOptions<Schema extends ExportableSchema> {
  /** The database's name: one for each set of documents on this origin. */
  name: string;
  /** The schema, as `defineSchema` makes it. */
  schema: Schema;
  /**
   * Where documents are kept. `"indexeddb"` is the default in browsers, `"memory"` in Node: then they live as long as
   * the database is open under this name anywhere in the process.
   */
  storage?: "indexeddb" | "memory";
  /**
   * What "saved" means. `"relaxed"`, the default, survives a crash of tab or browser; `"strict"` also a power cut, and
   * takes longer.
   */
  durability?: "relaxed" | "strict";
  /** The WebAssembly binary, where it is not beside the script: its address, its bytes or a module. */
  wasmUrl?: WasmSource;
  /** How long one run of a mutation's function may last. Default: 30,000; 0 is for ever. */
  mutationTimeoutMs?: number;
  /** The numbers that a Convex deployment gave its tables, to keep its ids. */
  tableNumbers?: Readonly<Record<string, number>>;
  /** Memory that may be used, in bytes. */
  budgets?: {
    /** For pages of the store. Default: 64 MiB. */
    pageCacheBytes?: number;
    /** For documents that were read, about. Default: 32 MiB. */
    rowCacheBytes?: number;
    /** For what is not in the store's tree yet; beyond, writes wait. Default: 64 MiB. */
    overlayBytes?: number;
  };
  /** When the log is folded into the tree. To be changed by tests. */
  tuning?: {
    /** At so many bytes of log. */
    checkpointLogBytes?: number;
    /** At so many records of log. */
    checkpointLogRecords?: number;
    /** After so much quiet. */
    idleMs?: number;
  };
  /** Opens a database whose log is damaged without what can't be read, instead of failing. */
  accept?: "lose-unreadable";
  /**
   * The modules with the app's functions, loaded or to be loaded, by their paths, as Vite's `import.meta.glob` gives them:
   *
   * ```ts
   * functions: import.meta.glob(["../convex/**\/*.ts", "!**\/_generated/**", "!**\/schema.ts", "!**\/*.*.ts"]),
   * ```
   *
   * All that the glob matches is put into the page: leave out files with secrets, and those of `"use node"`.
   */
  functions?: FunctionModules;
  /**
   * Tables whose rows are merged with those of other devices, and where they lie: `root()`, `within("field")` or
   * `workspace()` of `holdfast/sync`. Others stay on this device.
   */
  sync?: SyncOption<Schema>;
  /** Who uses the app, or what finds that out: the answer of `ctx.auth.getUserIdentity()`. */
  identity?: IdentityOption;
  /** Hears of what has no caller to tell: a damaged page, storage that fails again and again. Default: the console. */
  onProblem?: (error: HoldfastError) => void;
}

const MUTATION_TIMEOUT_MS = 30_000;

const OPTIONS = [
  "name",
  "schema",
  "storage",
  "durability",
  "wasmUrl",
  "mutationTimeoutMs",
  "tableNumbers",
  "budgets",
  "tuning",
  "accept",
  "functions",
  "identity",
  "sync",
  "onProblem",
] as const;

/**
 * Opens a database with synced tables, and creates it if there is none. It is ready when the promise is fulfilled.
 *
 * ```ts
 * const db = await openDatabase({ name: "app", schema, sync: { projects: root() } });
 * ```
 */
export function openDatabase<Schema extends ExportableSchema>(
  options: OpenDatabaseOptions<Schema> & { sync: SyncOption<Schema> },
): Promise<SyncedDatabase<DataModelOf<Schema>>>;
/**
 * Opens a database, and creates it if there is none. It is ready when the promise is fulfilled.
 *
 * ```ts
 * const db = await openDatabase({ name: "app", schema });
 * ```
 */
export function openDatabase<Schema extends ExportableSchema>(
  options: OpenDatabaseOptions<Schema>,
): Promise<Database<DataModelOf<Schema>>>;
export async function openDatabase(given: OpenDatabaseOptions<ExportableSchema>): Promise<Database<any>> {
  const options = readOptions(given, "The options of `openDatabase`", OPTIONS);
  const { name, storage = defaultStorage(), durability = "relaxed", mutationTimeoutMs = MUTATION_TIMEOUT_MS } = options;
  if (typeof name !== "string" || name === "" || loneSurrogate(name) >= 0) {
    throw invalidArgument("`name` must be a well-formed text that is not empty.");
  }
  if (storage !== "indexeddb" && storage !== "memory")
    throw invalidArgument('`storage` must be "indexeddb" or "memory".');
  if (durability !== "relaxed" && durability !== "strict")
    throw invalidArgument('`durability` must be "relaxed" or "strict".');
  const timeoutMs = checkedTimeout("mutationTimeoutMs", mutationTimeoutMs);
  const budgets = readSizes(options.budgets, "budgets", ["pageCacheBytes", "rowCacheBytes", "overlayBytes"]);
  const tuning = readSizes(options.tuning, "tuning", ["checkpointLogBytes", "checkpointLogRecords", "idleMs"]);
  if (options.accept !== undefined && options.accept !== "lose-unreadable") {
    throw invalidArgument('`accept` must be "lose-unreadable", if anything.');
  }
  if (options.onProblem !== undefined && typeof options.onProblem !== "function") {
    throw invalidArgument("`onProblem` must be a function.");
  }
  const { functions = {}, identity } = options;
  if (typeof functions !== "object" || functions === null) {
    throw invalidArgument("`functions` must be modules by their paths, as `import.meta.glob` gives them.");
  }
  if (identity !== undefined && typeof identity !== "function") checkedIdentity(identity, "`identity`");
  if (options.wasmUrl !== undefined && !isWasmSource(options.wasmUrl)) {
    throw invalidArgument("`wasmUrl` must be the address of the binary, its bytes or a WebAssembly.Module.");
  }
  const definition = toDefinition(options.schema, options.tableNumbers);
  const part = placeTables(definition, options.sync);
  const loading = (part?.loadWasm ?? loadWasm)(options.wasmUrl);
  const starting = storage === "indexeddb" ? headStart(name) : undefined;
  // It may fail before anybody waits for it.
  starting?.catch(() => undefined);
  const acceptLoss = options.accept === "lose-unreadable";
  const engineOptions = { ...budgets, ...tuning, acceptLoss, name, storage, durability };
  let wasm: Wasm, bridge: Bridge;
  try {
    wasm = await loading;
    const start = await starting;
    bridge = new Bridge(wasm, engineOptions, definition, start?.isClosed ? undefined : start);
  } catch (error) {
    starting?.then((start) => start?.giveBack()).catch(() => undefined);
    throw error;
  }
  if (options.onProblem !== undefined) bridge.listeners.add(options.onProblem);
  try {
    await bridge.opened;
  } catch (error) {
    void bridge.close();
    throw error;
  }
  endImports(bridge, engineOptions);
  const contexts = new Contexts(bridge, functions, identity);
  const parts = [wasm, bridge, contexts, engineOptions, timeoutMs] as const;
  return part?.open(definition.sync!, ...parts) ?? new Database(...parts);
}

/** IndexedDB where there is a browser; in Node and the like there is none to be missed. */
function defaultStorage(): "indexeddb" | "memory" {
  const global = globalThis as { process?: { versions?: { node?: string } }; indexedDB?: unknown };
  // A page may not even look at `indexedDB` where the browser forbids it.
  const isNode = global.process?.versions?.node !== undefined;
  return isNode && global.indexedDB === undefined ? "memory" : "indexeddb";
}
