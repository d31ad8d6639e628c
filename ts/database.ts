/**
 * An open database: what an application holds in its hands.
 */
import { invalidArgument, requireArgument, requireFunction } from "./arguments.js";
import type { Bridge, EngineOptions } from "./bridge.js";
import { closed, thrownError } from "./engine_errors.js";
import { Status } from "./mailbox.js";
import type { BaseTableWriter, GenericDatabaseReader, InsertValue, NonUnion, PatchValue } from "./context.js";
import type {
  DocumentByInfo,
  DocumentByName,
  GenericDataModel,
  GenericDocument,
  GenericId,
  GenericTableInfo,
  NamedTableInfo,
  TableNamesInDataModel,
  WithOptionalSystemFields,
} from "./data_model.js";
import { describe } from "./describe.js";
import { Durability } from "./durability.js";
import { encodeChange, encodeDocuments, listOf, NO_CHANGE } from "./encoded.js";
import type { HoldfastError } from "./errors.js";
import type { GenericMutationCtx, GenericQueryCtx } from "./functions/context.js";
import { type Contexts, copyOfArguments } from "./functions/contexts.js";
import type { ConvertReturnType, FunctionReference, OptionalRestArgs, Settled } from "./functions/reference.js";
import type { ForeignFunction, RegisteredMutation, RegisteredQuery } from "./functions/registration.js";
import { Live } from "./live/live.js";
import { LiveSource } from "./live/source.js";
import { loadPart } from "./load_part.js";
import { readOptions } from "./options.js";
import { PendingChanges } from "./pending.js";
import { type OrderedQuery, queryTable, type QueryInitializer } from "./query.js";
import { currentReader, Executor, goOn } from "./reads.js";
import type { DatabaseStats, RepairReport, VerifyOptions, VerifyReport } from "./reports.js";
import type { MutationOptions } from "./run.js";
import type { Scope } from "./scope.js";
import { notSynced, type Placed } from "./sync_part.js";
import { systemReader } from "./system.js";
import {
  checkedTimeout,
  mutate,
  newId,
  normalizeId,
  notFound,
  read,
  requireUserTable,
  tableWriter,
  target,
  targetAndValue,
  TransactionDatabase,
} from "./transactions.js";
import type { ExportOptions } from "./transfer/export.js";
import type { ImportOptions, ImportReport } from "./transfer/import.js";
import type { ImportSource } from "./transfer/sources.js";
import type { Wasm } from "./wasm.js";

/** Where a database is. */
export interface DatabaseStorage {
  /** In the browser's IndexedDB, or in memory: gone with the page. */
  readonly kind: "indexeddb" | "memory";
  /**
   * Asks the browser to keep this site's data also when the disk is full. Answers whether it has promised it. Firefox asks
   * the person, and the promise waits for that: go on without it.
   */
  requestPersistence(): Promise<boolean>;
}

/** Options of a single mutation. */
export interface MutateOptions {
  /** What it is called in errors. Default: the function's name. */
  name?: string;
  /** How long one run of the function may last, in milliseconds; 0 is for ever. */
  timeoutMs?: number;
}

/** What a database is made of. */
export type DatabaseParts = [
  wasm: Wasm,
  bridge: Bridge,
  contexts: Contexts,
  options: EngineOptions,
  /** How long one run of a mutation's function may last. */
  timeoutMs: number,
];

/**
 * An open database. Made by `openDatabase`.
 *
 * Reads see what this tab has written, saved or not. The promise of a write settles when it is saved. Documents that
 * come out here are frozen, and the same objects while they are unchanged.
 */
export class Database<DataModel extends GenericDataModel> {
  /** The database's name. */
  readonly name: string;
  /** Where its documents are. */
  readonly storage: DatabaseStorage;
  /** How safe what was written is. */
  readonly durability: Durability;
  /** Which documents are shown as they are not saved yet, as a value that one can follow. */
  readonly pending: PendingChanges;
  readonly #bridge: Bridge;
  readonly #wasm: Wasm;
  readonly #executor: Executor;
  readonly #contexts: Contexts;
  readonly #timeoutMs: number;
  /** @internal What makes live queries. */
  readonly source: LiveSource;
  /**
   * Reads that wait for nothing. What is not in memory they can't answer: they throw `NotCached`, and see to it that it
   * soon is.
   */
  readonly now: {
    /** The document with this id, or null. */
    get<TableName extends TableNamesInDataModel<DataModel>>(
      id: GenericId<TableName>,
    ): DocumentByName<DataModel, TableName> | null;
    /** The document with this id in this table, or null. */
    get<TableName extends TableNamesInDataModel<DataModel>>(
      table: TableName,
      id: GenericId<NonUnion<TableName>>,
    ): DocumentByName<DataModel, TableName> | null;
    /** The documents of a query. */
    query<TableInfo extends GenericTableInfo>(
      query: OrderedQuery<TableInfo>,
      terminal?: "collect" | { readonly take: number },
    ): DocumentByInfo<TableInfo>[];
    /** The first or the only document of a query. */
    query<TableInfo extends GenericTableInfo>(
      query: OrderedQuery<TableInfo>,
      terminal: "first" | "unique",
    ): DocumentByInfo<TableInfo> | null;
    /** How many documents a query has. */
    query<TableInfo extends GenericTableInfo>(query: OrderedQuery<TableInfo>, terminal: "count"): number;
  };
  /** Convex's own tables, which are empty here. */
  readonly system: GenericDatabaseReader<DataModel>["system"] =
    systemReader as unknown as GenericDatabaseReader<DataModel>["system"];
  /** Writes that have begun and have no function of the caller's to wait for. */
  readonly #writes = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  /** @internal Use `openDatabase`. */
  constructor(...[wasm, bridge, contexts, options, timeoutMs]: DatabaseParts) {
    this.name = options.name;
    this.#wasm = wasm;
    this.#bridge = bridge;
    this.#executor = new Executor(bridge, currentReader);
    this.#contexts = contexts;
    this.#timeoutMs = timeoutMs;
    const durability = new Durability(bridge, options.storage === "memory");
    this.durability = durability;
    this.pending = new PendingChanges(bridge);
    this.storage = { kind: options.storage, requestPersistence: () => durability.requestPersistence() };
    const source = new LiveSource(bridge, contexts);
    this.source = source;
    this.now = {
      get: (tableOrId: string, id?: string) => source.get(tableOrId, id) as never,
      query: (query: unknown, terminal?: unknown) => source.query(query, terminal) as never,
    };
  }

  // ---- reads ----

  /** Begins a query. */
  query<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
  ): QueryInitializer<NamedTableInfo<DataModel, TableName>> {
    return queryTable(this.#executor, tableName);
  }

  /** The document with this id, or null. */
  get<TableName extends TableNamesInDataModel<DataModel>>(
    id: GenericId<TableName>,
  ): Promise<DocumentByName<DataModel, TableName> | null>;
  /** The document with this id in this table, or null. */
  get<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
  ): Promise<DocumentByName<DataModel, TableName> | null>;
  async get(tableOrId: string, id?: string): Promise<unknown> {
    const bridge = this.#bridge;
    const [tableName, text] = target("get", tableOrId, id);
    const start = () => {
      const table = tableName === undefined ? 0 : bridge.table(tableName) + 1;
      const status = bridge.engine.get(bridge.input.writeText(text), table);
      if (status === Status.Failed) throw notFound(bridge, tableName, text);
      return status;
    };
    let status: number | undefined;
    try {
      status = start();
      if (status === Status.Done) return bridge.takeKeptRow();
      if (status === Status.Nothing) return null;
    } catch (error) {
      if (error !== bridge.fault) throw error;
      status = undefined;
    }
    const rows: GenericDocument[] = [];
    const steps = {
      start,
      take: () => bridge.takeKept(rows),
      discard: () => (rows.length = 0),
      finish: () => rows[0] ?? null,
    };
    return goOn(bridge, currentReader, steps, status);
  }

  /** The string as an id if it is one of this table, else null. The document need not exist. */
  normalizeId<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
    id: string,
  ): GenericId<TableName> | null {
    return normalizeId(this.#bridge, tableName, id) as GenericId<TableName> | null;
  }

  /** Runs a function over one state of the database, which nobody changes meanwhile. */
  async read<T>(action: (ctx: GenericQueryCtx<DataModel>) => Promise<T> | T): Promise<T> {
    requireFunction(action, "read", "action");
    return read(this.#bridge, (scope) => action(this.#contexts.ofRead(scope) as GenericQueryCtx<DataModel>));
  }

  // ---- live queries ----

  /**
   * Follows the documents of a query, or with a second argument what `take`, `first`, `unique` or `count` would make of
   * them. The value is there at once if what it needs is in memory. Call `stop` when it is not needed any more.
   */
  live<TableInfo extends GenericTableInfo>(
    query: OrderedQuery<TableInfo>,
    terminal?: "collect" | { readonly take: number },
  ): Live<DocumentByInfo<TableInfo>[]>;
  /** Follows the first or the only document of a query. */
  live<TableInfo extends GenericTableInfo>(
    query: OrderedQuery<TableInfo>,
    terminal: "first" | "unique",
  ): Live<DocumentByInfo<TableInfo> | null>;
  /** Follows how many documents a query has. */
  live<TableInfo extends GenericTableInfo>(query: OrderedQuery<TableInfo>, terminal: "count"): Live<number>;
  /** Follows what a query made by `query` answers. */
  live<Args extends Record<string, unknown>, Returns>(
    callable: RegisteredQuery<any, Args, Returns>,
    ...args: OptionalRestArgs<FunctionReference<any, any, Settled<Args>>>
  ): Live<ConvertReturnType<Returns>>;
  /** Follows what the query that a reference names answers. */
  live<Args extends Record<string, unknown>, Returns>(
    reference: FunctionReference<"query", any, Args, Returns>,
    ...args: OptionalRestArgs<FunctionReference<any, any, Settled<Args>>>
  ): Live<Returns>;
  /** Follows what a function makes of what it reads. It runs again when that is changed. */
  live<T>(action: (ctx: GenericQueryCtx<DataModel>) => Promise<T> | T): Live<T>;
  live(what: unknown, second?: unknown): Live<unknown> {
    if (this.#closing !== undefined) throw closed();
    return new Live(this.source.entry(what, second));
  }

  // ---- functions ----

  /**
   * Runs a query or a mutation made by `query` or `mutation`: the function itself, or a reference to one of the modules
   * that `openDatabase` was given. Its arguments and its result are validated and copied, as between a client and a
   * server.
   */
  run<Args extends Record<string, unknown>, Returns>(
    callable: RegisteredQuery<any, Args, Returns> | RegisteredMutation<any, Args, Returns>,
    ...args: OptionalRestArgs<FunctionReference<any, any, Settled<Args>>>
  ): Promise<ConvertReturnType<Returns>>;
  /** Runs the query or mutation that a reference names. */
  run<Args extends Record<string, unknown>, Returns>(
    reference: FunctionReference<"query" | "mutation", any, Args, Returns>,
    ...args: OptionalRestArgs<FunctionReference<any, any, Settled<Args>>>
  ): Promise<Returns>;
  /** Runs a query or mutation that the `convex` package has made, whose type says nothing of arguments and result. */
  run(callable: ForeignFunction, args?: Record<string, unknown>): Promise<any>;
  async run(meant: unknown, args?: unknown): Promise<unknown> {
    const copy = copyOfArguments(args);
    const functions = await this.#contexts.functions();
    const callable = await functions.find(meant);
    const given = functions.arguments(callable, copy);
    if (callable.type === "query") return read(this.#bridge, (scope) => functions.run(callable, given, scope));
    const options = { name: callable.name, timeoutMs: this.#timeoutMs };
    return this.#mutate((scope) => functions.run(callable, given, scope), options);
  }

  /** The same methods for one table. */
  table<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
  ): BaseTableWriter<DataModel, TableName> {
    return tableWriter(this as unknown as TransactionDatabase, tableName) as unknown as BaseTableWriter<
      DataModel,
      TableName
    >;
  }

  // ---- writes ----

  /**
   * Runs a function over a state of its own and saves what it wrote, all or nothing. The promise settles when that is
   * saved, with what the function returned.
   *
   * The function runs again, with the same ids, when what it read was changed meanwhile. What it throws rejects the
   * promise, and nothing is saved.
   */
  async mutate<T>(
    action: (ctx: GenericMutationCtx<DataModel>) => Promise<T> | T,
    options: MutateOptions = {},
  ): Promise<T> {
    requireFunction(action, "mutate", "action");
    const given = readOptions(options, "The options of `mutate`", ["name", "timeoutMs"]);
    const { name = nameOf(action), timeoutMs = this.#timeoutMs } = given;
    if (typeof name !== "string") throw invalidArgument("`name` of a mutation must be a text.");
    return this.#mutate((scope) => action(this.#contexts.ofMutation(scope) as GenericMutationCtx<DataModel>), {
      name,
      timeoutMs: checkedTimeout("timeoutMs", timeoutMs),
    });
  }

  /** Adds a document and gives its id. */
  insert<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    value: InsertValue<DocumentByName<DataModel, TableName>>,
  ): Promise<GenericId<TableName>>;
  async insert(table: string, value: unknown): Promise<string> {
    requireUserTable(table, "insert");
    requireArgument(value, "insert", "value", 2);
    if (this.#bridge.isDown) await this.#bridge.recovered();
    const encoded = encodeDocuments(this.#bridge, table, [value], false);
    const [id] = await this.#write((database) => database.insertEncoded(table, encoded));
    return id!;
  }

  /** Adds many documents in one mutation and gives their ids in the same order. */
  insertMany<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    values: readonly InsertValue<DocumentByName<DataModel, TableName>>[],
  ): Promise<GenericId<TableName>[]>;
  async insertMany(table: string, values: readonly unknown[]): Promise<string[]> {
    requireUserTable(table, "insertMany");
    if (this.#bridge.isDown) await this.#bridge.recovered();
    const encoded = encodeDocuments(this.#bridge, table, listOf(values), true);
    return this.#write((database) => database.insertEncoded(table, encoded));
  }

  /** An id that no document has yet, for an `insert` to come. */
  newId<TableName extends TableNamesInDataModel<DataModel>>(table: TableName): GenericId<TableName> {
    return newId(this.#bridge, 0, table) as GenericId<TableName>;
  }

  /** Changes the named fields; `undefined` removes one, nested objects are replaced. */
  patch<TableName extends TableNamesInDataModel<DataModel>>(
    id: GenericId<TableName>,
    value: PatchValue<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;
  /** Changes the named fields; `undefined` removes one, nested objects are replaced. */
  patch<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
    value: PatchValue<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;
  patch(tableOrId: string, idOrValue: unknown, value?: unknown): Promise<void> {
    return this.#change("patch", tableOrId, idOrValue, value);
  }

  /** Replaces all fields. */
  replace<TableName extends TableNamesInDataModel<DataModel>>(
    id: GenericId<TableName>,
    value: WithOptionalSystemFields<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;
  /** Replaces all fields. */
  replace<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
    value: WithOptionalSystemFields<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;
  replace(tableOrId: string, idOrValue: unknown, value?: unknown): Promise<void> {
    return this.#change("replace", tableOrId, idOrValue, value);
  }

  /** Removes a document. */
  delete(id: GenericId<TableNamesInDataModel<DataModel>>): Promise<void>;
  /** Removes a document. */
  delete<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
  ): Promise<void>;
  async delete(tableOrId: string, id?: string): Promise<void> {
    const [tableName, text] = target("delete", tableOrId, id);
    await this.#write((database) => database.changeEncoded("delete", tableName, text, NO_CHANGE));
  }

  async #change(method: "patch" | "replace", tableOrId: string, idOrValue: unknown, value: unknown): Promise<void> {
    if (this.#bridge.isDown) await this.#bridge.recovered();
    const [tableName, id, content] = targetAndValue(method, tableOrId, idOrValue, value);
    const change = encodeChange(this.#bridge, method, tableName, id, content);
    await this.#write((database) => database.changeEncoded(method, tableName, id, change));
  }

  #mutate<T>(action: (scope: Scope) => Promise<T> | T, options: MutationOptions): Promise<T> {
    return this.#closing === undefined ? mutate(this.#bridge, action, options) : Promise.reject(closed());
  }

  /** A write that is one call. */
  #write<T>(action: (database: TransactionDatabase) => Promise<T> | T): Promise<T> {
    const write = this.#mutate((scope) => action(new TransactionDatabase(this.#bridge, scope)), UNLIMITED);
    const settled: Promise<unknown> = write.catch(() => undefined).then(() => this.#writes.delete(settled));
    this.#writes.add(settled);
    return write;
  }

  // ---- synced tables ----

  /** @internal Where the tables lie that are synced. */
  protected get placed(): Placed {
    return {};
  }

  /** What a database with synced tables has, a `SyncedDatabase`. Throws `NotSupported` here. */
  protected get sync(): unknown {
    throw notSynced();
  }

  // ---- files ----

  /**
   * Makes a file of what is stored, as it is at one moment: a snapshot of all tables of the schema in the form of
   * Convex's, a ZIP, or the rows of one table as JSON lines, a JSON array or CSV.
   */
  async export(options: ExportOptions = {}): Promise<Blob> {
    const { exportFrom } = await loadTransfer();
    return exportFrom(this.#end(), options);
  }

  /**
   * Imports a file: a snapshot of Convex or Holdfast, or rows of one table. Ids and creation times are kept. Either all
   * of it is there in the end or nothing has changed; only `mode: "append"` adds batch by batch, and so do others to synced
   * tables.
   */
  async import(source: ImportSource, options: ImportOptions = {}): Promise<ImportReport> {
    const { importInto } = await loadTransfer();
    return importInto(this.#end(), source, options);
  }

  /** Where files come from and go to. */
  #end() {
    if (this.#closing !== undefined) throw closed();
    return {
      bridge: this.#bridge,
      name: this.name,
      storage: this.storage.kind,
      tables: this.#bridge.tableNames,
      placed: this.placed,
    };
  }

  // ---- the database itself ----

  /**
   * Hears from now on of what has no caller to tell, as the option `onProblem` does: a damaged page, storage that fails
   * again and again, a deletion by another tab. Answers what ends that. Without any listener the console hears of it.
   */
  on(event: "problem", listener: (error: HoldfastError) => void): () => void {
    requireArgument(event, "on", "event");
    if (event !== "problem") throw invalidArgument(`\`on\` knows the event "problem". Received ${describe(event)}.`);
    requireFunction(listener, "on", "listener", 2);
    // The same function may be given twice.
    const own = (error: HoldfastError) => listener(error);
    this.#bridge.listeners.add(own);
    return () => void this.#bridge.listeners.delete(own);
  }

  /** Numbers about the database. */
  stats(): DatabaseStats {
    return this.#bridge.engine.stats() as DatabaseStats;
  }

  /**
   * Checks everything that is stored: manifest, log and pages are read from the disk, and documents, ids and index
   * entries have to be what the schema and the documents say. Blocks nobody.
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { onProgress } = readOptions(options, "The options of `verify`", ["onProgress"]);
    if (onProgress !== undefined && typeof onProgress !== "function")
      throw invalidArgument("`onProgress` must be a function.");
    const found = (await this.#bridge.verify((pages, rows) => onProgress?.({ pages, rows }))) as Omit<
      VerifyReport,
      "ok"
    >;
    return { ok: found.problems.length === 0, ...found };
  }

  /**
   * Makes the store anew from the documents that can be read, on the disk or in this tab's memory. What can't is lost,
   * for all tabs, which the caller has to accept. Functions that have read anything run again, in all tabs. When other
   * tabs write without a pause it may fail with `StorageFailed` and has changed nothing.
   */
  async repair(options: { accept: "lose-unreadable" }): Promise<RepairReport> {
    const { accept } = readOptions<{ accept?: unknown }>(options, "The options of `repair`", ["accept"]);
    if (accept !== "lose-unreadable") {
      throw invalidArgument('`repair` loses what is unreadable: say so by `{ accept: "lose-unreadable" }`.');
    }
    return this.#bridge.repair();
  }

  /**
   * Closes the database: begins nothing new, waits until what is finished is saved and the browser has let go of it, and
   * gives its memory back.
   * Functions that still run are rejected.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      // First: a write may wait for a function that never ends.
      this.#bridge.endFunctions();
      this.#closing = Promise.all(this.#writes)
        .then(() => this.#bridge.idle())
        .then(() => this.#bridge.close());
    }
    return this.#closing;
  }

  /**
   * Closes the database and deletes it with all documents. Whoever else has it open, in other tabs too, loses it. Does
   * nothing when it was deleted already: what has the name now is another database. Fails with `StorageFailed` when a
   * page that sleeps holds it up for 5 seconds; it is deleted when that page is closed.
   */
  async destroy(): Promise<void> {
    // What deletes it is the engine, too.
    if (this.#bridge.isDown) await this.#bridge.recovered().catch(() => undefined);
    const closing = this.#bridge.close();
    this.#closing ??= closing;
    if (this.#bridge.isDeleted) return;
    await this.#wasm.deleteDatabase(this.name, this.storage.kind === "memory").catch((problem: unknown) => {
      throw thrownError(problem);
    });
    this.#bridge.isDeleted = true;
  }
}

const loadTransfer = () => loadPart(() => import("./transfer/transfer.js"), "reads and writes files");

/** Gives up an import whose page is gone: nobody will finish it. */
export function endImports(bridge: Bridge, { name, storage }: EngineOptions): void {
  const ASK = 3; // as in ts/transfer/step.ts, which a page need not load for this
  if (bridge.engine.importStep(0, ASK, 0) !== Status.Done) return;
  loadTransfer()
    .then(({ clearAway }) => clearAway({ bridge, name, storage }))
    .catch(() => undefined); // The next one who opens the database does it.
}

/** What a mutation is called when nobody says. */
function nameOf(action: { readonly name: unknown }): string {
  try {
    return (typeof action.name === "string" && action.name) || "anonymous";
  } catch {
    return "anonymous"; // a proxy
  }
}

/** One-shot writes have no function that could go on for ever. */
const UNLIMITED: MutationOptions = { name: "", timeoutMs: undefined };
