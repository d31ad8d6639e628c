/**
 * Between JavaScript and the engine: arguments are written into the engine's memory, results are found through a few
 * words at a fixed place there. Nothing on the way of a read or write is a string or an object of wasm-bindgen.
 */
import { bounded } from "./arguments.js";
import { decodeRows, freezeRows } from "./decode.js";
import type { GenericDocument } from "./data_model.js";
import { DocumentEncoder, encodeTrusted } from "./encode.js";
import { nameIds, type NameIds } from "./encode_plan.js";
import { ERROR_CODES, type ErrorCode, HoldfastError } from "./errors.js";
import { followFreezing } from "./freezing.js";
import type { HeadStart } from "./head_start.js";
import type { SchemaJson } from "./schema.js";
import type { SerializedQuery } from "./serialized_query.js";
import { heapSink, Sink } from "./sink.js";
import { Turns } from "./turns.js";
import type { ValidatorJson } from "./validators.js";
import type { Engine, Wasm } from "./wasm.js";

/** How a call ended, as in src/browser/mailbox.rs. */
export const Status = {
  Done: 0,
  Nothing: 1,
  Missing: 2,
  Stale: 3,
  Building: 4,
  Failed: 5,
  Paused: 6,
  RunAgain: 7,
  Queued: 8,
} as const;

/** What is new about a live query, as in src/browser/live.rs. */
export const News = {
  Patches: 1,
  Rows: 2,
  More: 4,
  Unfinished: 8,
  Count: 16,
  Touched: 32,
  Waiting: 64,
} as const;

/** The words of the mailbox, as in src/browser/mailbox.rs. */
const Word = {
  Output: 0,
  OutputLength: 1,
  Results: 2,
  ResultsLength: 3,
  Run: 4,
  Read: 5,
  Number: 6,
  NumberHigh: 7,
  Code: 8,
  Text: 9,
  TextLength: 10,
  Capacity: 11,
  Path: 12,
} as const;
const WORDS = 14;

/** Flags of a result, as in src/browser/sinks.rs. */
const NEW = 0x80000000;
const REVIVE = 0x40000000;
const HANDLE = 0x3fffffff;

/** The operations of patches, as in src/browser/live.rs; the other bits are a position. */
const Operation = { Insert: 0, Replace: 1, Remove: 2, Truncate: 3 } as const;
/** In place of a row that a later operation replaces or removes. */
const NO_ROW = 0xffffffff;

/** How a mutation ended: saved, rejected or to be run again. */
export type Settlement = { type: "saved" } | { type: "rejected"; error: HoldfastError } | { type: "runAgain" };

/** What the engine is opened with, as in src/browser/options.rs. */
export interface EngineOptions {
  /** The database's name. */
  name: string;
  /** Where its documents are. */
  storage: "indexeddb" | "memory";
  /** What saved means. */
  durability: "relaxed" | "strict";
  /** Budgets and times, if they are not the default. */
  [tuning: string]: string | number | boolean | undefined;
}

interface Waiter {
  resolve(): void;
  reject(error: HoldfastError): void;
}

/** What says that storage is in trouble, and not the caller. */
const TROUBLE: ReadonlySet<string> = new Set([
  "QuotaExceeded",
  "StorageFailed",
  "StorageUnavailable",
  "OutcomeUnknown",
  "Corrupt",
  "DatabaseClosed",
]);

/** So many letters of an id hold nothing but its table's number. */
const PREFIX_LENGTH = 3;

/** Work behind the scenes gives way to others after this long. */
const SLICE_MS = 8;

const text = new TextDecoder();
const utf8 = new TextEncoder();
// Every byte is a letter of its own.
const latin1 = new TextDecoder("latin1");
const NO_WORDS = new Uint32Array(0);

function errorOf(code: string, message: string): HoldfastError {
  return new HoldfastError(code as ErrorCode, message);
}

/** Why nothing can be done with a database that was closed. */
export function closed(): HoldfastError {
  return new HoldfastError("DatabaseClosed", "The database was closed. Open it again to go on.");
}

/** What an export of the engine has thrown: `[code, message]`. */
export function thrownError(problem: unknown): unknown {
  return Array.isArray(problem) ? errorOf(String(problem[0]), String(problem[1])) : problem;
}

/** One open database. Its methods are as synchronous as the engine. */
export class Bridge {
  /** Whose turn it is to run again. */
  readonly turns = new Turns();
  /** Who hears of what has no caller to tell; the console, when there is nobody. */
  readonly listeners = new Set<(error: HoldfastError) => void>();
  /** Where arguments are written. */
  readonly input: Sink;
  readonly #memory: WebAssembly.Memory;
  readonly #address: number;
  readonly #documentTypes = new Map<string, ValidatorJson | undefined>();
  readonly #tables = new Map<string, number>();
  readonly #opened: Promise<void>;
  readonly #reads = new Map<number, Waiter>();
  readonly #mutations = new Map<number, (settlement: Settlement) => void>();
  /** Functions that run, by their transactions: how they are told that the database has ended. */
  readonly #running = new Map<number, (error: HoldfastError) => void>();
  /** Why storage was last in trouble, unless it works again. */
  failure: HoldfastError | undefined;
  /** Hears when it, or what is not saved, is other than before. */
  onSafety: () => void = () => undefined;
  /** Whether the engine can't go on with it, although it is not closed. */
  #isOver = false;
  /** Whether the database was deleted. */
  isDeleted = false;
  /** Reads that were over before anyone could wait for them. */
  #early = new Map<number, HoldfastError | undefined>();
  #schemaWaiters: (() => void)[] = [];
  /** Takes news of live queries, and hears of the end. */
  #takeNews: () => void = () => undefined;
  #endLive: (error: HoldfastError) => void = () => undefined;
  readonly #repairs: { resolve(report: { rows: number; lost: string[] }): void; reject(error: HoldfastError): void }[] =
    [];
  readonly #idlers: (() => void)[] = [];
  /** Ends the following of the page's freezing. */
  #unfollow: () => void = () => undefined;
  /** The check under way. */
  #checked: Promise<unknown> = Promise.resolve();
  #engine: Engine | undefined;
  #words = NO_WORDS;
  #rows: GenericDocument[] = [];
  #encoders = new Map<string, DocumentEncoder>();
  #names: NameIds | undefined;
  #prefixes: Map<string, string> | undefined;

  /** Begins to open a database. */
  constructor(wasm: Wasm, options: EngineOptions, schema: SchemaJson, start?: HeadStart) {
    this.#memory = wasm.memory;
    for (const table of schema.tables) this.#documentTypes.set(table.tableName, table.documentType);
    const encoded = heapSink();
    encodeTrusted(encoded, schema);
    let opened!: Waiter;
    this.#opened = new Promise((resolve, reject) => (opened = { resolve, reject }));
    const listener = {
      opened: (code: string, message: string, place: string) => {
        if (code === "") return opened.resolve();
        // Of a stored document: `table/id.path`.
        const [, table, id, path] = /^(\w+)\/(\w+)(.*)$/s.exec(place) ?? [];
        const details = { ...(table && { table, id }), ...(path && { path }) };
        opened.reject(new HoldfastError(code as ErrorCode, message, { details }));
      },
      settled: (transaction: number, outcome: number, code: string, message: string) => {
        const settle = this.#mutations.get(transaction);
        if (settle === undefined) {
          if (outcome === 1) this.#running.get(transaction)?.(errorOf(code, message));
          return;
        }
        this.#mutations.delete(transaction);
        if (outcome === 0) {
          this.failure = undefined;
          settle({ type: "saved" });
        } else if (outcome === 1) {
          const error = errorOf(code, message);
          this.#note(error);
          settle({ type: "rejected", error });
        } else settle({ type: "runAgain" });
        this.onSafety();
        this.#wakeIdlers();
      },
      readReady: (read: number, code: string, message: string) => {
        const waiter = this.#reads.get(read);
        const error = code === "" ? undefined : errorOf(code, message);
        if (waiter === undefined) this.#early.set(read, error);
        else {
          this.#reads.delete(read);
          if (error === undefined) waiter.resolve();
          else waiter.reject(error);
        }
      },
      schemaChanged: () => {
        this.#names = undefined;
        this.#prefixes = undefined;
        const waiters = this.#schemaWaiters;
        this.#schemaWaiters = [];
        for (const resolve of waiters) resolve();
      },
      liveChanged: () => this.#takeNews(),
      repaired: (code: string, message: string, rows: number, lost: string) => {
        const waiters = this.#repairs.splice(0);
        for (const waiter of waiters) {
          if (code !== "") waiter.reject(errorOf(code, message));
          else waiter.resolve({ rows, lost: lost === "" ? [] : lost.split("\n") });
        }
      },
      ended: (code: string, message: string) => {
        this.failure = errorOf(code, message);
        this.#isOver = true;
        this.onSafety();
      },
      trouble: (code: string, message: string) => {
        this.failure = code === "" ? undefined : errorOf(code, message);
        this.onSafety();
      },
      problem: (code: string, message: string) => {
        this.isDeleted ||= code === "DatabaseClosed";
        const listeners = this.listeners.size === 0 ? [(error: unknown) => console.error(error)] : this.listeners;
        const error = errorOf(code, message);
        this.#note(error);
        this.onSafety();
        // Not on the engine's stack: what an app throws there is its own affair.
        for (const listener of listeners) queueMicrotask(() => listener(error));
      },
    };
    try {
      this.#engine = new wasm.Engine(options, encoded.written(), listener, start);
    } catch (problem) {
      throw thrownError(problem);
    }
    this.#unfollow = followFreezing(
      () => this.#engine?.freeze(),
      () => this.#engine?.resume(),
    );
    this.#address = this.#engine.mailbox();
    this.input = new Sink((minimum, used) => {
      const address = this.engine.reserve(minimum, used);
      return new Uint8Array(this.#memory.buffer, address, this.#word(Word.Capacity));
    });
  }

  /** The tables of the app's schema. */
  get tableNames(): string[] {
    return [...this.#documentTypes.keys()];
  }

  /** Settles when the database is usable, or tells why it is not. */
  get opened(): Promise<void> {
    return this.#opened;
  }

  /** The engine, unless the database is closed. */
  get engine(): Engine {
    if (this.#engine === undefined) throw closed();
    return this.#engine;
  }

  /** Whether it is closed. */
  get isClosed(): boolean {
    return this.#engine === undefined;
  }

  /** Whether it has come to its end, be it closed or not. */
  get isOver(): boolean {
    return this.#isOver || this.isClosed;
  }

  /** Ends everything. Whatever was not saved is rejected. */
  close(): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    this.#unfollow();
    engine.close();
    this.#engine = undefined;
    engine.free();
    // What is written after this would go into memory that others have by then.
    this.input.close();
    this.#rows = [];
    this.#words = NO_WORDS;
    const error = closed();
    for (const waiter of this.#reads.values()) waiter.reject(error);
    for (const settle of this.#mutations.values()) settle({ type: "rejected", error });
    this.endFunctions();
    this.#endLive(error);
    for (const resolve of this.#schemaWaiters) resolve();
    for (const waiter of this.#repairs.splice(0)) waiter.reject(error);
    this.#reads.clear();
    this.#mutations.clear();
    this.#schemaWaiters = [];
    this.failure ??= error;
    this.onSafety();
    this.#wakeIdlers();
  }

  // ---- the mailbox ----

  #word(word: number): number {
    if (this.#words.length === 0) this.#words = new Uint32Array(this.#memory.buffer, this.#address, WORDS);
    return this.#words[word]!;
  }

  /** The text of the last call: an error's message, ids, a cursor. */
  text(): string {
    return this.#text(Word.Text);
  }

  #text(word: number): string {
    const length = this.#word(word + 1);
    return length === 0 ? "" : text.decode(new Uint8Array(this.#memory.buffer, this.#word(word), length));
  }

  /** The number of the last call. */
  number(): number {
    return this.#word(Word.Number);
  }

  /** The count of the last call. */
  count(): number {
    return this.#word(Word.NumberHigh) * 0x100000000 + this.#word(Word.Number);
  }

  /** The query that goes on. */
  run(): number {
    return this.#word(Word.Run);
  }

  /** The read that the last call has to wait for. */
  read(): number {
    return this.#word(Word.Read);
  }

  /** Why the last call failed. */
  error(): HoldfastError {
    const path = this.#text(Word.Path);
    const details = path === "" ? {} : { details: { path } };
    return new HoldfastError(ERROR_CODES[this.#word(Word.Code)] ?? "EngineFault", this.text(), details);
  }

  // ---- waiting ----

  /** Waits for pages. */
  ready(read: number): Promise<void> {
    if (this.#early.size > 0) {
      const early = this.#early;
      this.#early = new Map();
      if (early.has(read)) {
        const error = early.get(read);
        return error === undefined ? Promise.resolve() : Promise.reject(error);
      }
    }
    return new Promise((resolve, reject) => this.#reads.set(read, { resolve, reject }));
  }

  /** Waits until the schema changes. */
  schemaChange(): Promise<void> {
    return new Promise((resolve) => this.#schemaWaiters.push(resolve));
  }

  /** Remembers trouble with storage. */
  #note(error: HoldfastError): void {
    if (TROUBLE.has(error.code)) this.failure = error;
  }

  /** Finished mutations that are not saved. */
  get pending(): number {
    return this.#mutations.size;
  }

  /** How a finished mutation ends. To be asked for before it is finished. */
  settlement(transaction: number): Promise<Settlement> {
    this.onSafety();
    return new Promise((resolve) => this.#mutations.set(transaction, resolve));
  }

  /** A function runs in a transaction; `reject` ends the waiting for it. */
  runs(transaction: number, reject: (error: HoldfastError) => void): void {
    if (this.isClosed) reject(closed());
    else this.#running.set(transaction, reject);
  }

  /** Rejects the functions that run. */
  endFunctions(): void {
    const error = closed();
    for (const reject of this.#running.values()) reject(error);
  }

  /** It does no more. */
  ran(transaction: number): void {
    this.#running.delete(transaction);
  }

  /** Nobody waits for this mutation. */
  forget(transaction: number): void {
    this.#mutations.delete(transaction);
    this.onSafety();
    this.#wakeIdlers();
  }

  #wakeIdlers(): void {
    if (this.#mutations.size > 0) return;
    for (const resolve of this.#idlers.splice(0)) resolve();
  }

  /** Waits until no finished mutation waits to be saved. */
  async idle(): Promise<void> {
    while (this.#mutations.size > 0) await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }

  /** Somebody takes the news of live queries from here on. */
  followed(takeNews: () => void, end: (error: HoldfastError) => void): void {
    this.#takeNews = takeNews;
    this.#endLive = end;
  }

  // ---- care ----

  /** Checks everything that is stored, in slices with pauses; one check after the other. */
  verify(onProgress: (pages: number, rows: number) => void): Promise<unknown> {
    const check = this.#checked.then(() => this.#verify(onProgress));
    this.#checked = check.catch(() => undefined);
    return check;
  }

  async #verify(onProgress: (pages: number, rows: number) => void): Promise<unknown> {
    let status: number = this.engine.verifyStart();
    let resumed = performance.now();
    let [pages, rows] = [0, 0];
    for (;;) {
      switch (status) {
        case Status.Done:
          return this.engine.verified();
        case Status.Missing: {
          // First: what hears of the progress may ask the engine for something else, or end it.
          const isReady = this.ready(this.read());
          isReady.catch(() => undefined);
          onProgress(pages, rows);
          await isReady;
          resumed = performance.now();
          break;
        }
        case Status.Paused:
          if (performance.now() - resumed > SLICE_MS) {
            onProgress(pages, rows);
            await new Promise((resolve) => setTimeout(resolve));
            resumed = performance.now();
          }
          break;
        default:
          throw this.error();
      }
      status = this.engine.verifyStep();
      [pages, rows] = [this.number(), this.#word(Word.NumberHigh)];
    }
  }

  /** Makes the store anew from what can be read. */
  repair(): Promise<{ rows: number; lost: string[] }> {
    return new Promise((resolve, reject) => {
      this.#repairs.push({ resolve, reject });
      if (this.engine.repair() === Status.Failed) reject(this.error());
    });
  }

  // ---- arguments ----

  /** Writes an id or a name at the beginning of the input and answers its length. */
  writeText(value: string): number {
    this.input.clear();
    return this.appendText(bounded(value));
  }

  /** Writes a text behind what is in the input and answers its length. The caller has made sure that it is not endless. */
  appendText(value: string): number {
    const { input } = this;
    const length = value.length;
    input.ensure(length);
    const { bytes, position } = input;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        input.ensure(length * 3);
        const { written } = utf8.encodeInto(value, input.bytes.subarray(position));
        input.position += written;
        return written;
      }
      bytes[position + index] = code;
    }
    input.position += length;
    return length;
  }

  /** Writes a query at the beginning of the input and answers its length. */
  writeQuery(query: SerializedQuery, limit: number | undefined): number {
    const { input } = this;
    input.clear();
    const operators = limit === undefined ? query.operators : [...query.operators, { limit }];
    encodeTrusted(input, { source: query.source, operators });
    return input.position;
  }

  /** What is in the input, as something to find it by. */
  inputKey(length: number): string {
    return latin1.decode(this.input.bytes.subarray(0, length));
  }

  /** The engine's number of a table's name. */
  table(given: string): number {
    const name = bounded(given);
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = this.engine.table(this.writeText(name));
      this.#tables.set(name, table);
    }
    return table;
  }

  /** Writes documents of a table. */
  encoder(given: string): DocumentEncoder {
    const table = bounded(given);
    if (this.#names === undefined) {
      this.engine.names();
      this.#names = nameIds(JSON.parse(this.text()) as string[]);
      this.#encoders = new Map();
    }
    let encoder = this.#encoders.get(table);
    if (encoder === undefined) {
      encoder = new DocumentEncoder(this.#documentTypes.get(table), this.#names);
      this.#encoders.set(table, encoder);
    }
    return encoder;
  }

  /**
   * The table that an id is of, going by its first letters: good enough to choose an encoder, because any encoder
   * writes any document.
   */
  tableOf(id: string): string | undefined {
    if (this.#prefixes === undefined) {
      this.#prefixes = new Map();
      for (const table of this.#documentTypes.keys()) {
        if (this.engine.newId(0, this.table(table)) === Status.Done) {
          this.#prefixes.set(this.text().slice(0, PREFIX_LENGTH), table);
        }
      }
    }
    return this.#prefixes.get(id.slice(0, PREFIX_LENGTH));
  }

  // ---- rows ----

  /** Appends the rows of the last read of the current state: frozen, and the same objects while they are unchanged. */
  takeKept(rows: GenericDocument[]): void {
    const count = this.#word(Word.ResultsLength);
    if (count === 0) return;
    const results = new Uint32Array(this.#memory.buffer, this.#word(Word.Results), count);
    const fresh = this.#freshRows(results);
    const kept = this.#rows;
    let next = 0;
    for (let index = 0; index < count; index += 1) {
      const result = results[index]!;
      if (result < REVIVE) {
        rows.push(kept[result]!);
        continue;
      }
      const row = fresh[next++]!;
      const handle = result & HANDLE;
      if (handle !== HANDLE) kept[handle] = row;
      rows.push(row);
    }
  }

  /** The one row of the last read of the current state. */
  takeKeptRow(): GenericDocument {
    const result = new Uint32Array(this.#memory.buffer, this.#word(Word.Results), 1)[0]!;
    if (result < REVIVE) return this.#rows[result]!;
    const rows: GenericDocument[] = [];
    this.takeKept(rows);
    return rows[0]!;
  }

  /** Takes the steps that lead from rows to what they are now. */
  takePatches(rows: (GenericDocument | undefined)[]): void {
    const count = this.#word(Word.ResultsLength);
    const results = new Uint32Array(this.#memory.buffer, this.#word(Word.Results), count);
    const words: number[] = [];
    for (let index = 0; index < count; index += 1) {
      if (results[index]! >>> 30 <= Operation.Replace) words.push(results[(index += 1)]!);
    }
    const fresh = this.#freshRows(words.filter((word) => word !== NO_ROW));
    const kept = this.#rows;
    let [nextWord, nextFresh] = [0, 0];
    const row = (): GenericDocument | undefined => {
      const word = words[nextWord++]!;
      if (word === NO_ROW) return undefined;
      if (word < REVIVE) return kept[word];
      const made = fresh[nextFresh++]!;
      const handle = word & HANDLE;
      if (handle !== HANDLE) kept[handle] = made;
      return made;
    };
    for (let index = 0; index < count; index += 1) {
      const at = results[index]! & HANDLE;
      switch (results[index]! >>> 30) {
        case Operation.Insert:
          rows.splice(at, 0, row());
          index += 1;
          break;
        case Operation.Replace:
          rows[at] = row();
          index += 1;
          break;
        case Operation.Remove:
          rows.splice(at, 1);
          break;
        default:
          rows.length = at;
      }
    }
  }

  #freshRows(results: ArrayLike<number>): readonly GenericDocument[] {
    const json = this.#text(Word.Output);
    if (json === "") return [];
    let encoded: number[] | undefined;
    let position = 0;
    for (let index = 0; index < results.length; index += 1) {
      const result = results[index]!;
      if (result < NEW) continue;
      if ((result & REVIVE) !== 0) (encoded ??= []).push(position);
      position += 1;
    }
    return freezeRows(decodeRows(json, encoded));
  }

  /** Appends the rows of the last read of a transaction: new objects that belong to the caller. */
  takeFresh(rows: GenericDocument[]): void {
    const json = this.#text(Word.Output);
    if (json === "") return;
    const count = this.#word(Word.ResultsLength);
    const encoded = new Uint32Array(this.#memory.buffer, this.#word(Word.Results), count);
    for (const row of decodeRows(json, encoded)) rows.push(row);
  }
}
