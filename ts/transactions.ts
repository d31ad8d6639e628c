/**
 * Mutations and reads as functions over a state of their own: `ctx.db`, and the loop that runs a function until it is
 * saved.
 */
import { invalidArgument, requireArgument, requireText } from "./arguments.js";
import type { Bridge, Settlement } from "./bridge.js";
import { Status } from "./mailbox.js";
import type { GenericDocument } from "./data_model.js";
import { describe } from "./describe.js";
import { type Change, type Documents, encodeChange, encodeDocuments, listOf, NO_CHANGE } from "./encoded.js";
import { HoldfastError } from "./errors.js";
import { pathOfExcess, type Place, placed } from "./place.js";
import { type PageJournal, queryTable } from "./query.js";
import { drive, Executor } from "./reads.js";
import { refusal } from "./refusal.js";
import { isTimeout, type MutationOptions, Run, timeout } from "./run.js";
import { Scope } from "./scope.js";
import { systemReader } from "./system.js";

/** Methods that change a document, as in src/browser/writing.rs. */
const METHODS = { patch: 1, replace: 2, delete: 3 } as const;
type Method = keyof typeof METHODS;

/** Kinds of transactions, as in src/browser/writing.rs. */
const BEGIN = { mutation: 0, read: 1, watched: 2, inDocuments: 3, anywhere: 4 } as const;

/** `ctx.db` of a query. */
export class TransactionReader {
  protected readonly bridge: Bridge;
  protected readonly scope: Scope;
  readonly #executor: Executor;
  /** Convex's own tables, which are empty here. */
  readonly system = systemReader;

  /** Makes one for a function. */
  constructor(bridge: Bridge, scope: Scope) {
    this.bridge = bridge;
    this.scope = scope;
    this.#executor = new Executor(bridge, scope);
  }

  get(tableOrId: string, id?: string): Promise<GenericDocument | null> {
    const [tableName, text] = target("get", tableOrId, id);
    return this.getById(tableName, text);
  }

  query(tableName: string): unknown {
    return queryTable(this.#executor, tableName);
  }

  normalizeId(tableName: string, id: string): string | null {
    return normalizeId(this.bridge, tableName, id);
  }

  table(tableName: string): object {
    return tableReader(this, tableName);
  }

  protected getById(tableName: string | undefined, id: string): Promise<GenericDocument | null> {
    const { bridge, scope } = this;
    const rows: GenericDocument[] = [];
    return drive(bridge, scope, {
      start: () => {
        const table = tableName === undefined ? 0 : bridge.table(tableName) + 1;
        const status = bridge.engine.getIn(scope.transaction, bridge.input.writeText(id), table);
        if (status === Status.Failed) throw notFound(bridge, tableName, id);
        return status;
      },
      take: () => bridge.takeFresh(rows),
      discard: () => (rows.length = 0),
      finish: () => rows[0] ?? null,
    });
  }
}

/** A text with some letters in place of others. */
function splicedText(text: string, field: string, index: number, deleteCount: number, insert: string): string {
  if (typeof insert !== "string") {
    throw invalidArgument(`\`ctx.db.splice\` inserts a string into "${field}". Received ${describe(insert)}.`);
  }
  const isWithin = (number: unknown, most: number) =>
    Number.isInteger(number) && (number as number) >= 0 && (number as number) <= most;
  if (Number.isInteger(index) && index > text.length) {
    throw invalidArgument(
      `\`ctx.db.splice\` was to begin at letter ${index} of "${field}", which is past its end: it has ${text.length}.`,
    );
  }
  if (!isWithin(index, text.length) || !isWithin(deleteCount, text.length - index)) {
    throw invalidArgument(
      `\`ctx.db.splice\` was to take ${describe(deleteCount)} letters from ${describe(index)} on out of "${field}", which has ${text.length}.`,
    );
  }
  return text.slice(0, index) + insert + text.slice(index + deleteCount);
}

/** What a server fills in when it saves. */
const VARS = {
  get commitTs(): never {
    throw refusal("`ctx.db.vars.commitTs`");
  },
};

/** `ctx.db` of a mutation. */
export class TransactionDatabase extends TransactionReader {
  readonly vars = VARS;

  newId(tableName: string): string {
    this.scope.check();
    return newId(this.bridge, this.scope.transaction, tableName);
  }

  override table(tableName: string): object {
    return tableWriter(this, tableName);
  }

  insert(tableName: string, value: unknown): Promise<string> {
    return this.#write(() => {
      requireUserTable(tableName, "insert");
      requireArgument(value, "insert", "value", 2);
      const ids = this.insertEncoded(tableName, encodeDocuments(this.bridge, tableName, [value], false));
      return ids instanceof Promise ? ids.then(([id]) => id!) : ids[0]!;
    });
  }

  insertMany(tableName: string, values: readonly unknown[]): Promise<string[]> {
    return this.#write(() => {
      requireUserTable(tableName, "insertMany");
      return this.insertEncoded(tableName, encodeDocuments(this.bridge, tableName, listOf(values), true));
    });
  }

  patch(tableOrId: string, idOrValue: unknown, value?: unknown): Promise<void> {
    return this.#change("patch", tableOrId, idOrValue, value);
  }

  replace(tableOrId: string, idOrValue: unknown, value?: unknown): Promise<void> {
    return this.#change("replace", tableOrId, idOrValue, value);
  }

  delete(tableOrId: string, id?: string): Promise<void> {
    return this.#write(() => {
      const [tableName, text] = target("delete", tableOrId, id);
      return this.changeEncoded("delete", tableName, text, NO_CHANGE);
    });
  }

  #change(method: "patch" | "replace", tableOrId: string, idOrValue: unknown, value: unknown): Promise<void> {
    return this.#write(() => {
      const [tableName, id, content] = targetAndValue(method, tableOrId, idOrValue, value);
      return this.changeEncoded(method, tableName, id, encodeChange(this.bridge, method, tableName, id, content));
    });
  }

  splice(id: string, field: string, index: number, deleteCount: number, insert = ""): Promise<void> {
    return this.#edit("splice", "string", id, field, (text) =>
      splicedText(text as string, field, index, deleteCount, insert),
    );
  }

  increment(id: string, field: string, by = 1): Promise<void> {
    return this.#edit("increment", "number", id, field, (number) => {
      if (Number.isSafeInteger(by)) return (number as number) + by;
      throw invalidArgument(`\`ctx.db.increment\` adds whole numbers to "${field}". Received ${describe(by)}.`);
    });
  }

  /** Makes another value of that of a field, which is of a kind. */
  #edit(method: string, kind: string, id: string, field: string, edit: (value: unknown) => unknown): Promise<void> {
    return this.#write(async () => {
      requireText(id, method, "id");
      requireText(field, method, "field", 2);
      const document = await this.getById(undefined, id);
      if (document === null) {
        throw new HoldfastError("NonexistentDocument", `Update on nonexistent document ID ${id}`, { details: { id } });
      }
      const value = document[field];
      if (typeof value !== kind) {
        const is = value === undefined ? "is not there: set it first" : `is no ${kind}: ${describe(value)}`;
        const error = invalidArgument(`\`ctx.db.${method}\` changes a ${kind}. "${field}" ${is}.`);
        throw placed(error, { table: this.bridge.tableOf(id) });
      }
      const change = { [field]: edit(value) };
      return this.changeEncoded("patch", undefined, id, encodeChange(this.bridge, "patch", undefined, id, change));
    });
  }

  /** What comes after the function's end belongs to nobody. */
  #write<T>(write: () => T | Promise<T>): Promise<T> {
    const { scope } = this;
    if (scope.isOver) return (async () => write())();
    const turn = scope.turn();
    return scope.writes.begin(turn === undefined ? write : () => turn.then(write));
  }

  /** Inserts documents as {@link encodeDocuments} has made them: all or none. */
  insertEncoded(tableName: string, documents: Documents): string[] | Promise<string[]> {
    const bridge = this.bridge;
    const { transaction } = this.scope;
    const ids: string[] = [];
    let done = 0;
    const call = () => {
      const table = bridge.table(tableName);
      const { input } = bridge;
      input.clear();
      const rest = documents.bytes.subarray(done);
      input.ensure(rest.length);
      input.bytes.set(rest);
      const status = bridge.engine.insert(transaction, table, 0, rest.length);
      const reached = done + bridge.number();
      if (status === Status.Failed) throw notInserted(bridge.error(), tableName, documents, reached);
      done = reached;
      pushIds(ids, bridge.text());
      return status;
    };
    const takeBack = () => {
      if (this.scope.isOver || !bridge.holds(transaction)) return;
      for (const id of ids) bridge.engine.change(transaction, METHODS.delete, bridge.input.writeText(id), 0, 0);
    };
    const waiting = this.#call(call);
    return waiting === undefined
      ? ids
      : waiting.then(
          () => ids,
          (error: unknown) => {
            takeBack();
            throw error;
          },
        );
  }

  /** Changes a document by what {@link encodeChange} has made. */
  changeEncoded(
    method: Method,
    tableName: string | undefined,
    id: string,
    { bytes, creationTime, value }: Change,
  ): void | Promise<void> {
    const bridge = this.bridge;
    const call = () => {
      const table = tableName === undefined ? 0 : bridge.table(tableName) + 1;
      const length = bridge.input.writeText(id);
      const { input } = bridge;
      input.ensure(bytes.length);
      input.bytes.set(bytes, length);
      const { transaction } = this.scope;
      const status = bridge.engine.change(transaction, METHODS[method], length, table, bytes.length);
      if (status !== Status.Failed) return status;
      const error = bridge.error();
      throw placed(located(error, value), placeOf(bridge, error, tableName, id));
    };
    if (creationTime === undefined) return this.#call(call);
    return this.getById(tableName, id).then((document) => {
      if (document !== null && document["_creationTime"] !== creationTime) {
        throw invalidArgument(
          `Provided creation time ${describe(creationTime)} doesn't match '_creationTime' field ` +
            `${describe(document["_creationTime"])} of document ${id}.`,
        );
      }
      return this.#call(call);
    });
  }

  /** Calls the engine until it has done what it was asked for: at once, unless pages have to be waited for. */
  #call(call: () => number): undefined | Promise<void> {
    this.scope.check();
    return this.#isDone(call()) ? undefined : this.#callAgain(call);
  }

  async #callAgain(call: () => number): Promise<void> {
    do {
      await this.bridge.ready(this.bridge.read());
      this.scope.check();
    } while (!this.#isDone(call()));
  }

  /** Whether a write is done; else it has to wait for pages. */
  #isDone(status: number): boolean {
    if (status === Status.Done) return true;
    if (status === Status.Missing) return false;
    if (status === Status.Stale) this.scope.lost();
    throw unexpected(status);
  }
}

/** Why documents were not inserted; the one to blame begins at `position`. */
function notInserted(
  error: HoldfastError,
  table: string,
  { bytes, values, isMany }: Documents,
  position: number,
): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let index = 0;
  for (let at = 0; at < position && at + 8 <= bytes.length; index += 1)
    at += 8 + view.getUint32(at, true) + view.getUint32(at + 4, true);
  const isAboutId = ID_CODES.has(error.code) || error.code === "DuplicateId";
  const there = isAboutId ? withPath(error, "._id") : located(error, values[index]);
  return placed(there, { table, index: isMany ? index : undefined });
}

/** What is wrong with an id. */
const ID_CODES: ReadonlySet<string> = new Set(["InvalidId", "WrongTable", "NonexistentDocument"]);

function placeOf(bridge: Bridge, { code }: HoldfastError, tableName: string | undefined, id: string): Place {
  return { table: tableName ?? bridge.tableOf(id), id: ID_CODES.has(code) ? id : undefined };
}

/** Why no document was found, at once: {@link Status.Failed}. */
export function notFound(bridge: Bridge, tableName: string | undefined, id: string): unknown {
  const error = bridge.error();
  return placed(error, placeOf(bridge, error, tableName, id));
}

/** An error of the engine about a document, with the field where a limit is met. */
function located(error: HoldfastError, document: unknown): HoldfastError {
  return error.code === "ValueTooLarge" ? withPath(error, pathOfExcess(document, error.message)) : error;
}

function withPath(error: HoldfastError, path: string | undefined): HoldfastError {
  return path ? new HoldfastError(error.code, error.message, { details: { path } }) : error;
}

/** Ids come one behind the other, each followed by a line feed. */
function pushIds(ids: string[], text: string): void {
  for (let start = 0, end; start < text.length; start = end + 1) {
    end = text.indexOf("\n", start);
    ids.push(text.slice(start, end));
  }
}

/** A table to insert into. */
export function requireUserTable(tableName: unknown, method: string): asserts tableName is string {
  requireText(tableName, method, "table");
  if (!tableName.startsWith("_")) return;
  throw new HoldfastError("TableNotFound", "System tables (prefixed with `_`) are read-only.");
}

/** Sorts out the two ways to name a document: `(id)` and `(table, id)`. */
export function target(method: string, tableOrId: unknown, id: unknown): [string | undefined, string] {
  if (id === undefined) {
    requireText(tableOrId, method, "id");
    return [undefined, tableOrId];
  }
  requireText(tableOrId, method, "table");
  requireText(id, method, "id", 2);
  return [tableOrId, id];
}

/** Sorts out `(id, value)` and `(table, id, value)`. */
export function targetAndValue(
  method: string,
  tableOrId: unknown,
  idOrValue: unknown,
  value: unknown,
): [string | undefined, string, unknown] {
  if (value === undefined) {
    requireArgument(idOrValue, method, "value", 2);
    return [...target(method, tableOrId, undefined), idOrValue];
  }
  requireArgument(idOrValue, method, "id", 2);
  return [...target(method, tableOrId, idOrValue), value];
}

/** The string as an id if it is one of this table, else null. */
export function normalizeId(bridge: Bridge, tableName: string, id: string): string | null {
  requireText(tableName, "normalizeId", "tableName");
  requireArgument(id, "normalizeId", "id", 2);
  if (typeof id !== "string") return null;
  const table = bridge.table(tableName);
  return bridge.engine.isIdOf(bridge.input.writeText(id), table) ? id : null;
}

/** An id that no document has yet, of a transaction's stream or, without one, of fresh randomness. */
export function newId(bridge: Bridge, transaction: number, tableName: string): string {
  requireText(tableName, "newId", "table");
  const status = bridge.engine.newId(transaction, bridge.table(tableName));
  if (status === Status.Failed) throw bridge.error();
  return bridge.text();
}

function unexpected(status: number): HoldfastError {
  return new HoldfastError("EngineFault", `The engine answered a write with status ${status}.`);
}

/** `db.table(name)` of a query: the same methods without the table's name. */
export function tableReader(database: TransactionReader, tableName: string) {
  requireText(tableName, "table", "tableName");
  return {
    get: (id: string) => database.get(tableName, id),
    query: () => database.query(tableName),
  };
}

/** The same of a mutation. */
export function tableWriter(database: TransactionDatabase, tableName: string) {
  return {
    ...tableReader(database, tableName),
    insert: (value: unknown) => database.insert(tableName, value),
    patch: (id: string, value: unknown) => database.patch(tableName, id, value),
    replace: (id: string, value: unknown) => database.replace(tableName, id, value),
    delete: (id: string) => database.delete(tableName, id),
  };
}

/** The longest time that a timer can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A time limit as an app gives it. */
export function checkedTimeout(name: string, milliseconds: unknown): number {
  if (typeof milliseconds === "number" && milliseconds >= 0) return milliseconds > TIMER_MAX_MS ? 0 : milliseconds;
  throw invalidArgument(
    `\`${name}\` must be a number of milliseconds, 0 for ever. Received ${describe(milliseconds)}.`,
  );
}

/**
 * Runs a function until what it wrote is saved.
 *
 * It runs again when other writes have changed what it read, with the same ids.
 */
export async function mutate<T>(
  bridge: Bridge,
  action: (scope: Scope) => Promise<T> | T,
  options: MutationOptions,
): Promise<T> {
  let endTurn: (() => void) | undefined;
  let hasFallen = false;
  const pause = options.isNotFollowed === true ? undefined : bridge.pause.forWriter();
  if (pause !== undefined) await pause;
  const kind = BEGIN[options.dangling ?? "mutation"];
  const begun = begin(bridge, kind);
  // Not waited for without need: what the function writes in its first step is seen by what its caller does next.
  let transaction = typeof begun === "number" ? begun : await begun;
  for (;;) {
    const run = new Run(bridge, transaction, options);
    const scope = new Scope(bridge, run);
    let result: T | undefined;
    let failure: { readonly error: unknown } | undefined;
    try {
      const running = action(scope);
      // A write of one step that had to wait for nothing is finished before its caller goes on: what the caller does
      // next sees it.
      if (options.timeoutMs !== undefined) result = await within(bridge, scope, options, running);
      else result = running instanceof Promise ? await running : running;
      if (bridge.followers.size > 0 && !run.isLost && options.isNotFollowed !== true) {
        for (const follower of bridge.followers) {
          if (follower !== options.isNotFollowed) follower.finishing(transaction);
        }
      }
    } catch (error) {
      failure = { error };
    }
    run.end();
    if (failure !== undefined && (bridge.isClosed || isTimeout(failure.error))) {
      if (bridge.holds(transaction)) bridge.engine.abandon(transaction);
      for (const follower of bridge.followers) follower.settled(transaction, false);
      endTurn?.();
      throw failure.error;
    }
    const outcome = run.isLost ? RUN_AGAIN : finished(bridge, transaction, failure !== undefined);
    if (outcome !== RUN_AGAIN && !hasFallen) {
      endTurn?.();
      endTurn = undefined;
    }
    const settled = outcome instanceof Promise ? await outcome : outcome;
    if (settled.type === "saved" || settled.type === "rejected") {
      const isSaved = settled.type === "saved" && failure === undefined;
      for (const follower of bridge.followers) follower.settled(transaction, isSaved);
      endTurn?.();
      if (failure !== undefined) throw failure.error;
      if (settled.type === "rejected") throw settled.error;
      return result as T;
    }
    endTurn ??= await bridge.turns.take();
    for (const follower of bridge.followers) follower.again(transaction);
    try {
      if (!rerun(bridge, transaction)) {
        // Nothing is left of it, as the engine has failed: it begins anew, once, and alone.
        if (hasFallen) throw bridge.fault!;
        hasFallen = true;
        for (const follower of bridge.followers) follower.settled(transaction, false);
        await bridge.recovered();
        transaction = bridge.begin(kind);
      }
    } catch (error) {
      for (const follower of bridge.followers) follower.settled(transaction, false);
      endTurn();
      throw error;
    }
  }
}

/** Begins a transaction again, unless the engine has failed. */
function rerun(bridge: Bridge, transaction: number): boolean {
  if (bridge.isClosed) throw bridge.ended;
  if (!bridge.holds(transaction)) return false;
  try {
    if (bridge.engine.rerun(transaction) === Status.Failed) throw bridge.error();
  } catch (error) {
    if (error !== bridge.fault) throw error;
    return false;
  }
  return true;
}

/** Begins a transaction: at once, unless the engine has failed. */
function begin(bridge: Bridge, kind: number): number | Promise<number> {
  try {
    return bridge.begin(kind);
  } catch (error) {
    if (error !== bridge.fault || bridge.isClosed) throw error;
    return bridge.recovered().then(() => bridge.begin(kind));
  }
}

const RUN_AGAIN: Settlement = { type: "runAgain" };

/** Finishes a run of a mutation. It waits for its settlement if it is queued. */
function finished(bridge: Bridge, transaction: number, isFailed: boolean): Settlement | Promise<Settlement> {
  if (!bridge.holds(transaction)) return bridge.isClosed ? { type: "rejected", error: bridge.ended } : { type: "lost" };
  const settlement = bridge.settlement(transaction);
  let status: number;
  try {
    // A failure, too, may rest on what others wrote and is not saved yet: then it has to wait for that.
    const { engine } = bridge;
    status = isFailed ? engine.finishFailed(transaction) : engine.finish(transaction);
  } catch (error) {
    if (error !== bridge.fault) throw error;
    // The next engine finds out what became of it.
    return settlement;
  }
  if (status === Status.Queued) return settlement;
  bridge.forget(transaction);
  if (status === Status.Failed) return { type: "rejected", error: bridge.error() };
  return status === Status.Done ? { type: "saved" } : RUN_AGAIN;
}

/** A live query whose function is run. */
export interface Watched {
  /** The engine's number of it. */
  readonly live: () => number;
  /** Where its pages end. */
  readonly journal: PageJournal;
}

/** Runs a function over one state, which nobody changes. */
export async function read<T>(bridge: Bridge, action: (scope: Scope) => Promise<T> | T, watched?: Watched): Promise<T> {
  let hasFallen = false;
  const pause = bridge.pause.forReader();
  if (pause !== undefined) await pause;
  for (;;) {
    const begun = begin(bridge, watched === undefined ? BEGIN.read : BEGIN.watched);
    const transaction = typeof begun === "number" ? begun : await begun;
    const run = new Run(bridge, transaction, undefined, watched?.journal);
    if (watched !== undefined) watched.journal.next = 0;
    const scope = new Scope(bridge, run);
    try {
      const result = await within(bridge, scope, undefined, action(scope));
      if (!run.isLost) return result;
    } catch (error) {
      if (bridge.isClosed || (bridge.holds(transaction) ? !run.isLost : hasFallen)) throw error;
    } finally {
      run.end();
      if (bridge.holds(transaction)) {
        // A failure, too, may rest on what it has read.
        if (watched !== undefined && !run.isLost) bridge.engine.noteRun(watched.live(), transaction);
        bridge.engine.abandon(transaction);
      } else hasFallen = true;
    }
  }
}

/** Waits for a function and its writes, but not beyond its time limit or the end of the database. */
async function within<T>(
  bridge: Bridge,
  { transaction, writes }: Scope,
  options: MutationOptions | undefined,
  running: Promise<T> | T,
): Promise<T> {
  const isPromise = typeof (running as PromiseLike<T> | null | undefined)?.then === "function";
  if (!isPromise && !writes.isOpen) return running;
  const whole = async () => {
    const result = await running;
    if (writes.isOpen) await writes.end();
    return result;
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<never>((_, reject) => {
    bridge.runs(transaction, reject);
    if (options?.timeoutMs) timer = setTimeout(() => reject(timeout(options)), options.timeoutMs);
  });
  try {
    return await Promise.race([whole(), end]);
  } finally {
    clearTimeout(timer);
    bridge.ran(transaction);
  }
}
