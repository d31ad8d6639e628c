/**
 * Taking back what mutations of this tab have written to synced tables, and doing it again.
 *
 * What a mutation has changed is noted in its own commit: a stack survives what the mutations survive.
 */
import { requireFunction } from "../arguments.js";
import { call } from "../live/entry.js";
import type { Bridge } from "../bridge.js";
import { decodeText } from "../decode.js";
import type { GenericDataModel, GenericId, TableNamesInDataModel } from "../data_model.js";
import { HoldfastError } from "../errors.js";
import type { MutationFollower } from "../followers.js";
import { Status } from "../mailbox.js";
import type { Scope } from "../scope.js";
import { mutate, TransactionDatabase } from "../transactions.js";
import { note, readNotes } from "./notes.js";
import type { SyncEngine } from "./engine.js";
import { keyOf } from "./frames.js";
import { GONE, own } from "./three_way.js";
import {
  type Entry,
  fieldWithout,
  Later,
  namesOf,
  type NotedRow,
  rowsOf,
  type UpdatedRow,
  withRows,
  type WrittenRow,
} from "./undo_entry.js";

/** Options of {@link SyncedDatabase.undoManager}. */
export interface UndoOptions<DataModel extends GenericDataModel = GenericDataModel> {
  /**
   * What is taken back: what was written to these tables, or to documents of rows with these ids, with the rows that lie
   * within them. Default: all synced tables.
   */
  readonly scope?: UndoScope<DataModel> | readonly UndoScope<DataModel>[];
  /** At most so many mutations. Default: 100. */
  readonly limit?: number;
  /** Managers of one name and scope have one stack. Default: one for each tab, which survives that it is loaded again. */
  readonly name?: string;
}

/** A table, or a row of `root()` by its id. */
export type UndoScope<DataModel extends GenericDataModel = GenericDataModel> =
  TableNamesInDataModel<DataModel> | GenericId<TableNamesInDataModel<DataModel>>;

/** What a manager knows of its database. */
export interface Undoable {
  /** Brings a row back that was deleted. */
  restore(scope: Scope, table: string, id: string): Promise<void>;
  /** Whether rows of a table have documents of their own, in which others lie. */
  isRoot(table: string): boolean;
}

/** What a mutation that is under way has noted. Without an entry it has written more than can be. */
interface Noted {
  readonly entry: Entry | undefined;
  readonly dropped: ReadonlySet<Entry>;
}

/** A mutation that has changed more rows than fit into so many letters is not noted. */
const MOST_LETTERS = 1 << 20;

/** The name of a note ends with when it was made, and a random number. */
const TAIL_BYTES = 12;

/** Stacks that nobody has touched for so long are deleted. */
const FORGOTTEN_MS = 7 * 24 * 3600_000;

/** What hides an entry is not saved yet. */
class NotSaved extends Error {}

/** What mutations of this tab have written to synced tables, to be taken back and done again. */
export class UndoManager {
  readonly #bridge: Bridge;
  /** Hears of mutations. */
  readonly #follower: MutationFollower = {
    finishing: (transaction) => this.#finishing(transaction),
    again: (transaction) => void this.#again.add(transaction),
    settled: (transaction, isSaved) => this.#settled(transaction, isSaved),
  };
  readonly #database: Undoable;
  readonly #scope: ReadonlySet<string> | undefined;
  #limit: number;
  readonly #stack: Uint8Array;
  #undo: Entry[] = [];
  #redo: Entry[] = [];
  /** What mutations that are under way have noted. */
  readonly #noted = new Map<number, Noted>();
  /** Those of them that run again. */
  readonly #again = new Set<number>();
  /** Who waits for one of those to end. */
  #waiters: (() => void)[] = [];
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  /** What was asked for is done one after another. */
  #work: Promise<unknown>;
  #last = 0;
  /** How many have asked for it and have not ended it. */
  #users = 1;

  /** Settles when it knows what was written before this page was loaded. */
  readonly ready: Promise<void>;

  /** @internal */
  constructor(bridge: Bridge, database: Undoable, stack: string, scope: readonly string[] | undefined, limit: number) {
    this.#bridge = bridge;
    this.#database = database;
    this.#scope = scope && new Set(scope);
    this.#limit = limit;
    this.#stack = stackOf(stack);
    bridge.mutationsFollowed(this.#follower);
    this.ready = this.#load();
    this.#work = this.ready.catch(() => undefined);
  }

  /** Whether there is something to take back. */
  get canUndo(): boolean {
    return this.#undo.length > 0;
  }

  /** Whether something was taken back that can be done again. */
  get canRedo(): boolean {
    return this.#redo.length > 0;
  }

  /**
   * Takes the last mutation back that was begun to be saved before this is called, as a new one: what others have written
   * since stays. Answers whether there was anything of it that could be.
   */
  undo(): Promise<boolean> {
    return this.#next(() => this.#undo);
  }

  /** Does again what was taken back last. */
  redo(): Promise<boolean> {
    return this.#next(() => this.#redo);
  }

  /** Forgets what can be taken back. */
  async clear(): Promise<void> {
    if (this.#bridge.isOver) throw this.#bridge.ended;
    const isMeant = this.#untilNow();
    await this.#after(this.#underWay(), async () => {
      const all = new Set([...this.#undo, ...this.#redo].filter(isMeant));
      if (all.size > 0) await this.#write((scope) => all.forEach(({ name }) => this.#note(scope.transaction, name)));
      this.#drop(all);
      this.#changed();
    });
  }

  /** Calls a function whenever `canUndo` or `canRedo` may have changed. Answers what ends that. */
  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    const own = { call: callback };
    this.#callbacks.add(own);
    return () => void this.#callbacks.delete(own);
  }

  /** Notes nothing more, when all who have asked for it have said so. What it has noted stays for the next one of its name. */
  end(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#callbacks.clear();
    this.#leave();
  }

  /** @internal Whether it notes nothing more. */
  get isOver(): boolean {
    return this.#users <= 0;
  }

  /** @internal Somebody else has asked for it, who wants so many to be kept. */
  shared(limit: number): this {
    this.#users += 1;
    this.#limit = Math.max(this.#limit, limit);
    return this;
  }

  #leave(): void {
    if (this.isOver && this.#noted.size === 0) this.#bridge.mutationsLeft(this.#follower);
  }

  // ---- mutations ----

  #finishing(transaction: number): void {
    this.#noted.delete(transaction);
    this.#again.delete(transaction);
    if (this.isOver) return;
    const { rows, isAny } = this.#written(transaction);
    if (!isAny) return;
    const underWay = [...this.#noted.values()];
    const isKept = (known: Entry) => underWay.every((noted) => !noted.dropped.has(known));
    const undo = this.#undo.filter(isKept);
    // What was taken back before is of another past. Of what can't be noted nobody can go back beyond it.
    const room = rows === undefined ? 0 : this.#limit - 1 - underWay.length;
    const tooMany = undo.slice(0, Math.max(0, undo.length - Math.max(0, room)));
    const dropped = new Set([...this.#redo.filter(isKept), ...tooMany]);
    for (const { name } of dropped) this.#note(transaction, name);
    const entry = rows === undefined ? undefined : { name: this.#newName(), isRedo: false, rows };
    if (entry !== undefined) this.#note(transaction, entry.name, entry);
    this.#noted.set(transaction, { entry, dropped });
  }

  #settled(transaction: number, isSaved: boolean): void {
    const noted = this.#noted.get(transaction);
    this.#again.delete(transaction);
    if (!this.#noted.delete(transaction) || noted === undefined) return;
    if (isSaved) {
      this.#drop(noted.dropped);
      if (noted.entry !== undefined) this.#undo.push(noted.entry);
      this.#undo = this.#undo.slice(-this.#limit);
      this.#changed();
    }
    this.#leave();
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  #drop(entries: ReadonlySet<Entry>): void {
    this.#undo = this.#undo.filter((entry) => !entries.has(entry));
    this.#redo = this.#redo.filter((entry) => !entries.has(entry));
  }

  /** The mutations that have noted something and are about to be saved. */
  #saving(): number[] {
    // One that runs again is not, and may be who asks.
    return [...this.#noted.keys()].filter((transaction) => !this.#again.has(transaction));
  }

  /** Waits for them. */
  async #underWay(): Promise<void> {
    const underWay = this.#saving();
    while (underWay.some((transaction) => this.#noted.has(transaction))) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  /** What a transaction has written within the scope, as JSON text; without it, if that is too much. */
  #written(transaction: number): { readonly rows: string | undefined; readonly isAny: boolean } {
    const rows = this.#engine.writtenRows(transaction) as [string[], string][] | number;
    if (typeof rows === "number") throw this.#bridge.error();
    const scope = this.#scope;
    const isWithin = ([roots, text]: [string[], string]) =>
      scope === undefined || roots.some((root) => scope.has(root)) || scope.has(tableOf(text));
    const texts = rows.filter(isWithin).map(([, text]) => text);
    const length = texts.reduce((sum, text) => sum + text.length + 1, 0);
    const isAny = texts.length > 0;
    return { rows: isAny && length <= MOST_LETTERS ? `[${texts.join()}]` : undefined, isAny };
  }

  // ---- taking back ----

  #next(list: () => readonly Entry[]): Promise<boolean> {
    if (this.#bridge.isOver) return Promise.reject(this.#bridge.ended);
    const isMeant = this.#untilNow();
    return this.#after(this.#underWay(), async () => {
      for (;;) {
        const entry = list().filter(isMeant).at(-1);
        if (entry === undefined) return false;
        const name = this.#newName();
        const back = await this.#write((scope) => this.#takeEntryBack(scope, entry, name, isMeant)).catch(
          async (error: unknown) => {
            if (!(error instanceof NotSaved)) throw error;
            await this.#underWay();
          },
        );
        if (back === undefined) continue;
        const { rows, isAny, over } = back;
        this.#undo = this.#undo.map((known) => over.get(known) ?? known);
        this.#drop(new Set([entry]));
        if (rows !== undefined) {
          (entry.isRedo ? this.#undo : this.#redo).push({ name, isRedo: !entry.isRedo, rows, isOwn: true });
        }
        this.#changed();
        // Where others have overwritten all of it, the one before is meant.
        if (isAny || over.size > 0) return true;
      }
    });
  }

  /** Takes back what an entry says, notes that under a name, and answers what it was, and what stands for entries over it. */
  async #takeEntryBack(scope: Scope, entry: Entry, name: Uint8Array, isMeant: (entry: Entry) => boolean) {
    const over = new Map<Entry, Entry>();
    // Another tab, or a manager that was there before, may have taken it back.
    if (!(await this.#isNoted(scope, entry.name))) return { rows: undefined, isAny: false, over };
    this.#note(scope.transaction, entry.name);
    const later = await this.#later(scope, isMeant);
    for (const row of this.#inOrder(entry)) await this.#isAllowed(() => this.#takeBack(scope, row, later));
    for (const [by, hidden] of later.hidden) {
      if (!this.#undo.includes(by)) throw new NotSaved();
      const both = withRows(by, hidden);
      this.#note(scope.transaction, by.name);
      this.#note(scope.transaction, both.name, both);
      over.set(by, both);
    }
    const { rows, isAny } = this.#written(scope.transaction);
    if (rows !== undefined) this.#note(scope.transaction, name, { isRedo: !entry.isRedo, rows });
    return { rows, isAny, over };
  }

  /** What was written after that which is meant, the first first: noted, or about to be. */
  async #later(scope: Scope, isMeant: (entry: Entry) => boolean): Promise<Later> {
    const later: Entry[] = [];
    for (const entry of this.#undo) {
      if (!isMeant(entry) && (await this.#isNoted(scope, entry.name))) later.push(entry);
    }
    for (const [transaction, { entry }] of this.#noted) {
      if (entry !== undefined && !isMeant(entry) && !this.#again.has(transaction)) later.push(entry);
    }
    return new Later(later);
  }

  /** What is meant by what is asked for now: nothing that is written after this. */
  #untilNow(): (entry: Entry) => boolean {
    const last = this.#last;
    return ({ name, isOwn }) => isOwn === true || orderOf(name) <= last;
  }

  /** The last row first, but that what others lie in comes back before them. */
  #inOrder(entry: Entry): NotedRow[] {
    const written = rowsOf(entry).reverse();
    const comesFirst = ({ row: { kind, table } }: NotedRow) => kind === "delete" && this.#database.isRoot(table);
    return [...written.filter(comesFirst), ...written.filter((row) => !comesFirst(row))];
  }

  /** Does what others, the schema and what else is there may forbid. Answers whether it is done. */
  async #isAllowed(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const isRefusal = error instanceof HoldfastError && !error.retryable && !this.#bridge.isOver;
      if (!isRefusal) throw error;
      return false;
    }
  }

  /** Takes back what was done to a row. */
  async #takeBack(scope: Scope, noted: NotedRow, later: Later): Promise<void> {
    const database = new TransactionDatabase(this.#bridge, scope);
    const { row, told } = noted;
    const current = await database.get(row.id);
    if ((current === null) !== (row.kind === "delete")) later.hidesRow(noted);
    else if (row.kind === "delete") await this.#database.restore(scope, row.table, row.id);
    else if (row.kind === "insert") await database.delete(row.id);
    else {
      const patch = new Map<string, unknown>();
      for (const name of namesOf(row)) {
        const value = fieldWithout(row, name, own(current!, name));
        if (value === GONE) later.hidesField(row, told as UpdatedRow, name);
        else patch.set(name, value);
      }
      const write = (fields: readonly (readonly [string, unknown])[]) =>
        this.#isAllowed(async () => void (await database.patch(row.id, Object.fromEntries(fields))));
      const fields = [...patch];
      // A field that is refused does not keep the others.
      if (fields.length > 0 && !(await write(fields))) for (const field of fields) await write([field]);
    }
  }

  /**
   * Those who have other stacks take it for a mutation like others. What rows lie within may be deleted, as it may have been
   * before.
   */
  async #write<T>(action: (scope: Scope) => Promise<T> | T): Promise<T> {
    const options = { name: "undo", timeoutMs: undefined, dangling: "inDocuments" } as const;
    return mutate(this.#bridge, action, { ...options, isNotFollowed: this.#follower });
  }

  #after<T>(first: Promise<void>, work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(() => first).then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  #changed(): void {
    for (const callback of [...this.#callbacks]) call(callback);
  }

  // ---- notes ----

  get #engine(): SyncEngine {
    return this.#bridge.engine as SyncEngine;
  }

  /** A name that sorts behind those before. */
  #newName(): Uint8Array {
    this.#last = Math.max(this.#last + 1, Date.now() * 1000);
    const name = new Uint8Array(this.#stack.length + TAIL_BYTES);
    name.set(this.#stack);
    const view = new DataView(name.buffer, this.#stack.length);
    view.setBigUint64(0, BigInt(this.#last));
    view.setUint32(8, Math.floor(Math.random() * 2 ** 32));
    return name;
  }

  #note(transaction: number, name: Uint8Array, entry?: Omit<Entry, "name">): void {
    const value = entry && new TextEncoder().encode(`{"isRedo":${entry.isRedo},"rows":${entry.rows}}`);
    note(this.#bridge, transaction, name, value);
  }

  /** Whether an entry is still there. */
  async #isNoted(scope: Scope, name: Uint8Array): Promise<boolean> {
    for (;;) {
      scope.check();
      const found = this.#engine.notes(name) as unknown[] | number;
      if (typeof found !== "number") return found.length > 0;
      if (found === (Status.Failed as number)) throw this.#bridge.error();
      if (found !== (Status.Missing as number)) scope.lost();
      await this.#bridge.ready(this.#bridge.read());
    }
  }

  /** Reads what is noted, and deletes stacks that were left behind. */
  async #load(): Promise<void> {
    // Others than those of stacks begin with another byte.
    const notes = await readNotes(this.#bridge, [0]);
    // By stacks, when each was touched last: names of notes end with that.
    const touched = new Map<string, number>();
    for (const [name] of notes) {
      const stack = keyOf(name.subarray(0, -TAIL_BYTES));
      touched.set(stack, Math.max(touched.get(stack) ?? 0, orderOf(name)));
    }
    const ours = keyOf(this.#stack);
    const known = new Set([...this.#undo, ...this.#redo].map(({ name }) => keyOf(name)));
    const [found, gone]: [Entry[], Uint8Array[]] = [[], []];
    for (const [name, value] of notes) {
      const stack = keyOf(name.subarray(0, -TAIL_BYTES));
      if (stack !== ours) {
        if (touched.get(stack)! / 1000 < Date.now() - FORGOTTEN_MS) gone.push(name);
      } else if (!known.has(keyOf(name))) {
        const entry = { name, ...splitText(new TextDecoder().decode(value)) };
        this.#last = Math.max(this.#last, orderOf(name));
        // What has been written meanwhile, or is about to be, is of another past than what was taken back.
        if (entry.isRedo && this.#undo.length + this.#saving().length > 0) gone.push(name);
        else found.push(entry);
      }
    }
    const undo = found.filter(({ isRedo }) => !isRedo);
    const isTooMuch = Math.max(0, undo.length + this.#undo.length - this.#limit);
    gone.push(...undo.slice(0, isTooMuch).map(({ name }) => name));
    this.#undo = [...undo.slice(isTooMuch), ...this.#undo];
    this.#redo = [...found.filter(({ isRedo }) => isRedo), ...this.#redo];
    if (found.length > 0) this.#changed();
    if (gone.length > 0) await this.#write((scope) => gone.forEach((name) => this.#note(scope.transaction, name)));
  }
}

/** What a note says, the rows as they stand there. */
function splitText(text: string): { readonly isRedo: boolean; readonly rows: string } {
  const start = text.indexOf('"rows":');
  return { isRedo: text.startsWith('{"isRedo":true'), rows: text.slice(start + 7, -1) };
}

/** What the names of a stack's notes begin with. */
function stackOf(name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  const stack = new Uint8Array(4 + text.length);
  new DataView(stack.buffer).setUint32(0, text.length);
  stack.set(text, 4);
  return stack;
}

/** When a note was made, in microseconds or a little more. */
function orderOf(name: Uint8Array): number {
  return Number(new DataView(name.buffer, name.byteOffset + name.length - TAIL_BYTES).getBigUint64(0));
}

/** The table that a row's text names. */
function tableOf(text: string): string {
  return (decodeText(text) as unknown as WrittenRow).table;
}

/** A name that this tab has kept since it was opened; a tab that is duplicated has the same. */
export function nameOfTab(database: string): string {
  const key = `holdfast undo ${database}`;
  try {
    const known = sessionStorage.getItem(key);
    if (known !== null) return known;
    const name = crypto.randomUUID();
    sessionStorage.setItem(key, name);
    return name;
  } catch {
    // Not in a browser, or it keeps nothing for this page.
    return "";
  }
}
