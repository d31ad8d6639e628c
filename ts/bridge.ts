/**
 * Between JavaScript and the engine: arguments are written into the engine's memory, results are found through a few
 * words at a fixed place there. Nothing on the way of a read or write is a string or an object of wasm-bindgen.
 */
import type { GenericDocument } from "./data_model.js";
import { type DocumentEncoder, encodeTrusted } from "./encode.js";
import { closed, errorIn, errorOf, TROUBLE, thrownError } from "./engine_errors.js";
import { type ErrorCode, HoldfastError } from "./errors.js";
import { followFreezing } from "./freezing.js";
import type { HeadStart } from "./head_start.js";
import type { DocumentFollower, LiveFollower, MutationFollower } from "./followers.js";
import { Input } from "./input.js";
import { KeptRows } from "./kept_rows.js";
import { Mailbox, Status, Word } from "./mailbox.js";
import { Names } from "./names.js";
import type { SchemaJson } from "./schema.js";
import { heapSink } from "./sink.js";
import type { EngineUser } from "./outage.js";
import { Pause, Turns } from "./turns.js";
import { verify } from "./verify.js";
import { type Waiter, Waiting } from "./waiting.js";
import type { Engine, Wasm } from "./wasm.js";

/**
 * How a mutation ended: it is saved, rejected, or to be run again, in the same transaction or, when nothing is left of that,
 * in another.
 */
export type Settlement =
  { type: "saved" } | { type: "rejected"; error: HoldfastError } | { type: "runAgain" } | { type: "lost" };

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

/** A time without an engine: it has trapped, and the next one opens what is stored. */
interface Outage {
  /** What the engine was about to save, as src/tab/afterwards.rs has it. */
  readonly note: Uint32Array;
  /** Settles when it is over, one way or the other. */
  readonly over: Promise<void>;
  end(): void;
}

/** Where a note says how many transactions were saved before; they follow, and then those that it speaks of. */
const NOTE_SAVED = 6;

/** Ends an engine that nobody needs. */
function discard(engine: Engine): void {
  void engine.close();
  engine.free();
}

/** One open database. Its methods are as synchronous as the engine. */
export class Bridge implements EngineUser {
  /** Whose turn it is to run again. */
  readonly turns = new Turns();
  /** For merges that come too late again and again. */
  readonly pause = new Pause();
  /** Who hears of what has no caller to tell; the console, when there is nobody. */
  readonly listeners = new Set<(error: HoldfastError) => void>();
  /** Where arguments are written. */
  readonly input: Input;
  readonly #wasm: Wasm;
  readonly #options: EngineOptions;
  readonly #schema: Uint8Array;
  readonly #names: Names;
  /** How the opening under way ends. */
  #opening: Waiter | undefined;
  #opened!: Promise<void>;
  readonly #waiting = new Waiting();
  readonly #mutations = new Map<number, (settlement: Settlement) => void>();
  /** Functions that run, by their transactions: how they are told that the database has ended. */
  readonly #running = new Map<number, (error: HoldfastError) => void>();
  /** Why storage was last in trouble, unless it works again. */
  failure: HoldfastError | undefined;
  /** Hear when it, or what is not saved, is other than before. */
  readonly safetyListeners = new Set<() => void>();
  /** Whether the engine can't go on with it, although it is not closed. */
  #isOver = false;
  /** Whether the database was deleted. */
  isDeleted = false;
  #live: LiveFollower | undefined;
  #documents: DocumentFollower | undefined;
  readonly #idlers: (() => void)[] = [];
  /** Ends the following of the page's freezing. */
  #unfollow: () => void = () => undefined;
  /** The check under way. */
  #checked: Promise<unknown> = Promise.resolve();
  #engine: Engine | undefined;
  #mailbox: Mailbox;
  #rows: KeptRows;
  /** The engine's connection to IndexedDB. */
  #connection: IDBDatabase | undefined;
  #outage: Outage | undefined;
  #ended: HoldfastError | undefined;
  #endClosing: () => void = () => undefined;
  /** What the engine has last failed of. */
  fault: HoldfastError | undefined;
  /** The last transaction, and the last one of an engine that has failed. */
  #transaction = 0;
  #lostTransaction = 0;

  /** Begins to open a database. */
  constructor(wasm: Wasm, options: EngineOptions, schema: SchemaJson, start?: HeadStart) {
    this.#wasm = wasm;
    this.#options = options;
    this.#names = new Names(this, schema);
    const encoded = heapSink();
    encodeTrusted(encoded, schema);
    this.#schema = encoded.written();
    wasm.users.add(this);
    try {
      const engine = (this.#engine = this.#start(options, start));
      this.#mailbox = new Mailbox(wasm.memory, engine.mailbox());
    } catch (problem) {
      wasm.users.delete(this);
      throw thrownError(problem);
    }
    this.#rows = new KeptRows(this.#mailbox);
    this.#unfollow = followFreezing(
      () => this.#engine?.freeze(),
      () => this.#engine?.resume(),
    );
    this.input = new Input((minimum, used) => {
      const address = this.engine.reserve(minimum, used);
      return this.#mailbox.region(address);
    });
  }

  /** Makes an engine, which begins to open the database. */
  #start(options: EngineOptions, start?: HeadStart): Engine {
    let opened!: Waiter;
    this.#opened = new Promise((resolve, reject) => (opened = { resolve, reject }));
    // Whoever waits for it hears of it.
    this.#opened.catch(() => undefined);
    this.#opening = opened;
    const listener = {
      connected: (database: IDBDatabase) => (this.#connection = database),
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
        this.#safetyChanged();
        this.#wakeIdlers();
      },
      readReady: (read: number, code: string, message: string) =>
        this.#waiting.readReady(read, code === "" ? undefined : errorOf(code, message)),
      schemaChanged: () => {
        this.#names.schemaChanged();
        this.#waiting.schemaChanged();
      },
      liveChanged: () => this.#live?.takeNews(),
      // Only an engine that syncs calls it.
      documentNews: () => this.#documents?.takeNews(),
      repaired: (code: string, message: string, rows: number, lost: string) =>
        this.#waiting.repaired(
          code === "" ? { rows, lost: lost === "" ? [] : lost.split("\n") } : errorOf(code, message),
        ),
      ended: (code: string, message: string) => {
        this.failure = errorOf(code, message);
        this.#isOver = true;
        this.#safetyChanged();
      },
      trouble: (code: string, message: string) => {
        this.failure = code === "" ? undefined : errorOf(code, message);
        this.#safetyChanged();
        // Not on the engine's stack.
        if (code === "") queueMicrotask(() => this.#live?.healed());
      },
      problem: (code: string, message: string) => {
        this.isDeleted ||= code === "DatabaseClosed";
        this.tell(errorOf(code, message));
      },
    };
    return new this.#wasm.Engine(options, this.#schema, listener, start);
  }

  /** The tables of the app's schema. */
  get tableNames(): string[] {
    return this.#names.tables;
  }

  /** Settles when the database is usable, or tells why it is not. */
  get opened(): Promise<void> {
    return this.#opened;
  }

  /** The engine, unless the database is closed or the engine has failed. */
  get engine(): Engine {
    if (this.#engine === undefined) throw this.#outage === undefined ? this.ended : this.fault!;
    return this.#engine;
  }

  /** Why it is closed. */
  get ended(): HoldfastError {
    return this.#ended ?? closed();
  }

  /** Whether it is closed. */
  get isClosed(): boolean {
    return this.#engine === undefined && this.#outage === undefined;
  }

  /** Whether it has come to its end, be it closed or not. */
  get isOver(): boolean {
    return this.#isOver || this.isClosed;
  }

  /** Whether the engine has failed, and there is no other one yet. */
  get isDown(): boolean {
    return this.#outage !== undefined;
  }

  /** Whether there is an engine that knows a transaction. */
  holds(transaction: number): boolean {
    return this.#engine !== undefined && transaction > this.#lostTransaction;
  }

  /** Ends everything, at once. Whatever was not saved is rejected. The promise settles when storage has let go of it. */
  close(): Promise<void> {
    const engine = this.#engine;
    if (this.isClosed) return Promise.resolve();
    const closing = engine?.close();
    engine?.free();
    this.#end(closed());
    if (closing === undefined) return Promise.resolve();
    // Should the engine fail meanwhile, nobody would say so.
    this.#wasm.users.add(this);
    const isOver = new Promise<void>((resolve) => (this.#endClosing = resolve));
    return Promise.race([closing, isOver]).finally(() => this.#wasm.users.delete(this));
  }

  #end(error: HoldfastError): void {
    const outage = this.#outage;
    this.#ended = error;
    this.#engine = undefined;
    this.#outage = undefined;
    this.#wasm.users.delete(this);
    this.#unfollow();
    // What is written after this would go into memory that others have by then.
    this.input.close();
    this.#rows = new KeptRows(this.#mailbox);
    this.#opening?.reject(error);
    for (const settle of this.#mutations.values()) settle({ type: "rejected", error });
    this.endFunctions();
    this.#live?.end(error);
    this.#documents?.end();
    this.#waiting.end(error);
    this.#mutations.clear();
    this.failure ??= error;
    outage?.end();
    this.#safetyChanged();
    this.#wakeIdlers();
  }

  // ---- when the engine fails ----

  fell(error: HoldfastError): void {
    this.fault = error;
    if (this.isClosed) return this.#endClosing();
    this.#opening?.reject(error);
    this.#connection?.close();
    if (this.#outage !== undefined) {
      this.tell(error);
      return;
    }
    const note = this.#mailbox.list(Word.Flight).slice();
    let end!: () => void;
    const over = new Promise<void>((resolve) => (end = resolve));
    this.#outage = { note, over, end };
    this.#engine = undefined;
    this.#lostTransaction = this.#transaction;
    this.input.close();
    this.#waiting.end(error);
    this.tell(error);
  }

  restarted(memory: WebAssembly.Memory): void {
    void this.#reopen(memory).catch((error: HoldfastError) => {
      // It has failed while it opened the database: then the next one tries.
      if (error !== this.fault) this.#end(error);
    });
  }

  gaveUp(error: HoldfastError): void {
    if (!this.isClosed) this.#end(error);
  }

  async #reopen(memory: WebAssembly.Memory): Promise<void> {
    const outage = this.#outage;
    if (outage === undefined) return;
    if (this.#options.storage === "memory") throw this.#lostMemory();
    let engine: Engine;
    try {
      engine = this.#start({ ...this.#options, firstTransaction: this.#lostTransaction + 1 });
    } catch (problem) {
      throw thrownError(problem);
    }
    await this.#opened.catch((error: unknown) => {
      // Closed meanwhile, unless this engine has failed, too.
      if (error !== this.fault) discard(engine);
      throw error;
    });
    if (this.#outage !== outage) return discard(engine);
    const mailbox = new Mailbox(memory, engine.mailbox());
    const outcomes = this.#outcomes(engine, mailbox, outage.note);
    // From here on nothing calls the engine.
    this.#engine = engine;
    this.#outage = undefined;
    this.#mailbox = mailbox;
    this.#rows = new KeptRows(mailbox);
    this.#names.engineChanged();
    if (this.failure?.code === "EngineFault") this.failure = undefined;
    const mutations = [...this.#mutations];
    this.#mutations.clear();
    for (const [transaction, settle] of mutations) settle(outcomes(transaction));
    this.#wakeIdlers();
    outage.end();
    this.#live?.renew();
    this.#documents?.renew();
    this.#safetyChanged();
  }

  /** What became of mutations that were not settled: the log says which are saved, and nothing is left of the others. */
  #outcomes(engine: Engine, mailbox: Mailbox, note: Uint32Array): (transaction: number) => Settlement {
    const told = NOTE_SAVED + 1 + (note[NOTE_SAVED] ?? 0);
    const bytes = new Uint8Array(note.buffer);
    mailbox.region(engine.reserve(bytes.length, 0)).set(bytes);
    const status = engine.wasSaved(bytes.length);
    const error = status === Status.Failed ? errorIn(mailbox) : undefined;
    return (transaction) => {
      const place = note.indexOf(transaction, NOTE_SAVED + 1);
      if (place >= 0 && (place < told || status === Status.Done)) return { type: "saved" };
      return place >= 0 && error !== undefined ? { type: "rejected", error } : { type: "lost" };
    };
  }

  #lostMemory(): HoldfastError {
    const { message, cause } = this.fault!;
    const more = " This database was in memory only, and is gone.";
    return new HoldfastError("EngineFault", message.replace(/ What was saved is safe\.$/, more), { cause });
  }

  /** Waits until there is an engine again. */
  async recovered(): Promise<void> {
    await this.#outage?.over;
    if (this.isClosed) throw this.ended;
  }

  /** Tells of what has no caller. */
  tell(error: HoldfastError): void {
    const listeners = this.listeners.size === 0 ? [(error: unknown) => console.error(error)] : this.listeners;
    this.#note(error);
    this.#safetyChanged();
    // Not on the engine's stack: what an app throws there is its own affair.
    for (const listener of listeners) queueMicrotask(() => listener(error));
  }

  // ---- the mailbox ----

  /** The text of the last call: an error's message, ids, a cursor. */
  text(): string {
    return this.#mailbox.text(Word.Text);
  }

  /** The number of the last call. */
  number(): number {
    return this.#mailbox.word(Word.Number);
  }

  /** The other number of the last call, or the upper half of a large one. */
  secondNumber(): number {
    return this.#mailbox.word(Word.NumberHigh);
  }

  /** The count of the last call. */
  count(): number {
    return this.secondNumber() * 0x100000000 + this.number();
  }

  /** The query that goes on. */
  run(): number {
    return this.#mailbox.word(Word.Run);
  }

  /** The read that the last call has to wait for. */
  read(): number {
    return this.#mailbox.word(Word.Read);
  }

  /** Why the last call failed. */
  error(): HoldfastError {
    return errorIn(this.#mailbox);
  }

  // ---- waiting ----

  /** Waits for pages. */
  ready(read: number): Promise<void> {
    return this.#waiting.ready(read);
  }

  /** Waits until the schema changes. */
  schemaChange(): Promise<void> {
    return this.#waiting.schemaChange();
  }

  #safetyChanged(): void {
    for (const listener of this.safetyListeners) listener();
  }

  /** Remembers trouble with storage. */
  #note(error: HoldfastError): void {
    if (TROUBLE.has(error.code)) this.failure = error;
  }

  /** Finished mutations that are not saved. */
  get pending(): number {
    return this.#mutations.size;
  }

  /** Begins a transaction, and answers its number. */
  begin(kind: number): number {
    if (this.engine.begin(kind) === Status.Failed) throw this.error();
    return (this.#transaction = this.number());
  }

  /** How a finished mutation ends. To be asked for before it is finished. */
  settlement(transaction: number): Promise<Settlement> {
    this.#safetyChanged();
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
    this.#safetyChanged();
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
  followed(live: LiveFollower): void {
    this.#live = live;
  }

  /** Those who follow mutations. */
  readonly followers = new Set<MutationFollower>();

  /** Somebody follows mutations from here on. */
  mutationsFollowed(follower: MutationFollower): void {
    this.followers.add(follower);
  }

  /** It does no longer. */
  mutationsLeft(follower: MutationFollower): void {
    this.followers.delete(follower);
  }

  /** Somebody hears of what is saved of CRDT documents from here on. */
  documentsFollowed(documents: DocumentFollower): void {
    this.#documents = documents;
  }

  // ---- care ----

  /** Checks everything that is stored, in slices with pauses; one check after the other. */
  verify(onProgress: (pages: number, rows: number) => void): Promise<unknown> {
    const check = this.#checked.then(() => verify(this, onProgress));
    this.#checked = check.catch(() => undefined);
    return check;
  }

  /** Makes the store anew from what can be read. */
  repair(): Promise<{ rows: number; lost: string[] }> {
    return this.#waiting.repair(() => {
      if (this.engine.repair() === Status.Failed) throw this.error();
    });
  }

  // ---- tables ----

  /** The engine's number of a table's name. */
  table(name: string): number {
    return this.#names.table(name);
  }

  /** Writes documents of a table. */
  encoder(table: string): DocumentEncoder {
    return this.#names.encoder(table);
  }

  /** The table that an id is of, as far as its first letters tell. */
  tableOf(id: string): string | undefined {
    return this.#names.tableOf(id);
  }

  // ---- rows ----

  /** Appends the rows of the last read of the current state: frozen, and the same objects while they are unchanged. */
  takeKept(rows: GenericDocument[]): void {
    this.#rows.take(rows);
  }

  /** The one row of the last read of the current state. */
  takeKeptRow(): GenericDocument {
    return this.#rows.takeOne();
  }

  /** Takes the steps that lead from rows to what they are now. */
  takePatches(rows: (GenericDocument | undefined)[]): void {
    this.#rows.takePatches(rows);
  }

  /** Appends the rows of the last read of a transaction: new objects that belong to the caller. */
  takeFresh(rows: GenericDocument[]): void {
    this.#rows.takeFresh(rows);
  }
}
