/**
 * Taking back what mutations of this tab have written to synced tables, and doing it again.
 *
 * What a mutation has changed is noted in its own commit: a stack survives what the mutations survive.
 */
import { call } from "../live/entry.js";
import type { Bridge, MutationFollower } from "../bridge.js";
import { decodeText } from "../decode.js";
import { HoldfastError } from "../errors.js";
import { Status } from "../mailbox.js";
import type { Scope } from "../scope.js";
import { mutate, TransactionDatabase } from "../transactions.js";
import { askEngine } from "./documents.js";
import type { SyncEngine } from "./engine.js";
import { GONE, uncounted, without } from "./three_way.js";

/** Options of {@link DatabaseSync.undoManager}. */
export interface UndoOptions {
  /**
   * What is taken back: what was written to these tables, or to documents of rows with these ids, with the rows that lie
   * within them. Default: all synced tables.
   */
  readonly scope?: string | readonly string[];
  /** At most so many mutations. Default: 100. */
  readonly limit?: number;
  /**
   * Two managers of one name have one stack, also in other tabs. Default: one for each tab, which survives that it is
   * loaded again.
   */
  readonly name?: string;
}

/** Brings rows back that were deleted. */
export type Restore = (scope: Scope, table: string, id: string) => Promise<void>;

/** A row as src/tab/notes.rs tells what a mutation has done to it. */
type WrittenRow =
  | { readonly kind: "insert"; readonly table: string; readonly id: string }
  | { readonly kind: "delete"; readonly table: string; readonly id: string }
  | {
      readonly kind: "update";
      readonly table: string;
      readonly id: string;
      readonly counters: readonly string[];
      readonly before: Readonly<Record<string, unknown>>;
      readonly after: Readonly<Record<string, unknown>>;
    };

/** What can be taken back: the name of its note, and the rows as JSON text. */
interface Entry {
  readonly name: Uint8Array;
  readonly isRedo: boolean;
  readonly rows: string;
}

/** A mutation that has changed more rows than fit into so many letters is not noted. */
const MOST_LETTERS = 1 << 20;

/** Stacks that nobody has touched for so long are deleted. */
const FORGOTTEN_MS = 7 * 24 * 3600_000;

/** What mutations of this tab have written to synced tables, to be taken back and done again. */
export class UndoManager implements MutationFollower {
  readonly #bridge: Bridge;
  readonly #restore: Restore;
  readonly #scope: ReadonlySet<string> | undefined;
  readonly #limit: number;
  readonly #stack: Uint8Array;
  #undo: Entry[] = [];
  #redo: Entry[] = [];
  /** What mutations that are under way have noted. */
  readonly #noted = new Map<number, { readonly entry: Entry; readonly dropped: ReadonlySet<Entry> }>();
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  /** What was asked for is done one after another. */
  #work: Promise<unknown>;
  #last = 0;

  /** Settles when it knows what was written before this page was loaded. */
  readonly ready: Promise<void>;

  /** @internal */
  constructor(bridge: Bridge, restore: Restore, options: UndoOptions & Required<Omit<UndoOptions, "scope">>) {
    const { scope, limit, name } = options;
    this.#bridge = bridge;
    this.#restore = restore;
    this.#scope = scope === undefined ? undefined : new Set(typeof scope === "string" ? [scope] : scope);
    this.#limit = limit;
    this.#stack = stackOf(name);
    bridge.mutationsFollowed(this);
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
   * Takes the last mutation back, as a new one: what others have written since stays. Answers whether there was anything of
   * it that could be.
   */
  undo(): Promise<boolean> {
    return this.#next(() => this.#undo.at(-1));
  }

  /** Does again what was taken back last. */
  redo(): Promise<boolean> {
    return this.#next(() => this.#redo.at(-1));
  }

  /** Forgets what can be taken back. */
  async clear(): Promise<void> {
    await this.#after(async () => {
      const all = [...this.#undo, ...this.#redo];
      if (all.length > 0) await this.#write((scope) => all.forEach(({ name }) => this.#note(scope.transaction, name)));
      this.#undo = [];
      this.#redo = [];
      this.#changed();
    });
  }

  /** Calls a function whenever `canUndo` or `canRedo` may have changed. Answers what ends that. */
  subscribe(callback: () => void): () => void {
    const own = { call: callback };
    this.#callbacks.add(own);
    return () => void this.#callbacks.delete(own);
  }

  /** Notes nothing more. What it has noted stays, for the next manager of its name. */
  end(): void {
    this.#bridge.mutationsLeft(this);
    this.#callbacks.clear();
  }

  // ---- mutations ----

  /** @internal */
  finishing(transaction: number): void {
    this.#noted.delete(transaction);
    const rows = this.#written(transaction);
    if (rows === undefined) return;
    const entry = { name: this.#newName(), isRedo: false, rows };
    // What was taken back before is of another past.
    const tooMany = this.#undo.slice(0, Math.max(0, this.#undo.length + 1 - this.#limit));
    const isUnderWay = (known: Entry) => [...this.#noted.values()].some((noted) => noted.dropped.has(known));
    const dropped = new Set([...this.#redo, ...tooMany].filter((known) => !isUnderWay(known)));
    for (const { name } of dropped) this.#note(transaction, name);
    this.#note(transaction, entry.name, entry);
    this.#noted.set(transaction, { entry, dropped });
  }

  /** @internal */
  settled(transaction: number, isSaved: boolean): void {
    const noted = this.#noted.get(transaction);
    if (!this.#noted.delete(transaction) || noted === undefined || !isSaved) return;
    const stays = (entry: Entry) => !noted.dropped.has(entry);
    this.#undo = [...this.#undo.filter(stays), noted.entry];
    this.#redo = this.#redo.filter(stays);
    this.#changed();
  }

  /** What a transaction has written within the scope, as JSON text; undefined, if that is nothing or too much. */
  #written(transaction: number): string | undefined {
    const rows = this.#engine.writtenRows(transaction) as [string, string][] | number;
    if (typeof rows === "number") throw this.#bridge.error();
    const scope = this.#scope;
    const isWithin = ([root, text]: [string, string]) =>
      scope === undefined || scope.has(root) || scope.has((decodeText(text) as unknown as WrittenRow).table);
    const texts = rows.filter(isWithin).map(([, text]) => text);
    const length = texts.reduce((sum, text) => sum + text.length + 1, 0);
    return texts.length === 0 || length > MOST_LETTERS ? undefined : `[${texts.join()}]`;
  }

  // ---- taking back ----

  #next(find: () => Entry | undefined): Promise<boolean> {
    return this.#after(async () => {
      for (;;) {
        // What was written last may not be saved yet.
        await this.#bridge.idle();
        const entry = find();
        if (entry === undefined) return false;
        const name = this.#newName();
        const rows = await this.#write(async (scope) => {
          const written = (decodeText(entry.rows) as unknown as WrittenRow[]).reverse();
          for (const row of written) await this.#takeBack(scope, row);
          const back = this.#written(scope.transaction);
          this.#note(scope.transaction, entry.name);
          if (back !== undefined) this.#note(scope.transaction, name, { isRedo: !entry.isRedo, rows: back });
          return back;
        });
        const [undo, redo] = [this.#undo, this.#redo].map((list) => list.filter((known) => known !== entry));
        this.#undo = undo!;
        this.#redo = redo!;
        if (rows !== undefined) (entry.isRedo ? this.#undo : this.#redo).push({ name, isRedo: !entry.isRedo, rows });
        this.#changed();
        // Where others have overwritten all of it, the one before is meant.
        if (rows !== undefined) return true;
      }
    });
  }

  async #takeBack(scope: Scope, row: WrittenRow): Promise<void> {
    const database = new TransactionDatabase(this.#bridge, scope);
    const current = await database.get(row.id);
    if (row.kind === "delete") {
      if (current === null) await this.#restore(scope, row.table, row.id).catch(unlessGone);
    } else if (row.kind === "insert") {
      if (current !== null) await database.delete(row.id);
    } else if (current !== null) {
      const patch: Record<string, unknown> = {};
      for (const name of new Set([...Object.keys(row.before), ...Object.keys(row.after)])) {
        const take = row.counters.includes(name) ? uncounted : without;
        const value = take(row.before[name], row.after[name], (current as Record<string, unknown>)[name]);
        if (value !== GONE) patch[name] = value;
      }
      if (Object.keys(patch).length > 0) await database.patch(row.id, patch);
    }
  }

  async #write<T>(action: (scope: Scope) => Promise<T> | T): Promise<T> {
    return mutate(this.#bridge, action, { name: "undo", timeoutMs: undefined, isNotFollowed: true });
  }

  #after<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
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
    const name = new Uint8Array(this.#stack.length + 12);
    name.set(this.#stack);
    const view = new DataView(name.buffer, this.#stack.length);
    view.setBigUint64(0, BigInt(this.#last));
    view.setUint32(8, Math.floor(Math.random() * 2 ** 32));
    return name;
  }

  #note(transaction: number, name: Uint8Array, entry?: Omit<Entry, "name">): void {
    const value = entry && new TextEncoder().encode(`{"isRedo":${entry.isRedo},"rows":${entry.rows}}`);
    if (this.#engine.note(transaction, name, value) === Status.Failed) throw this.#bridge.error();
  }

  /** Reads what is noted, and deletes stacks that were left behind. */
  async #load(): Promise<void> {
    const notes = (await askEngine(this.#bridge, (engine) => engine.notes(new Uint8Array()))) as [
      Uint8Array,
      Uint8Array,
    ][];
    const forgotten: Uint8Array[] = [];
    const found: Entry[] = [];
    for (const [name, value] of notes) {
      const view = new DataView(name.buffer, name.byteOffset + name.length - 12);
      const sequence = Number(view.getBigUint64(0));
      if (name.length === this.#stack.length + 12 && this.#stack.every((byte, at) => name[at] === byte)) {
        const { isRedo, rows } = splitText(new TextDecoder().decode(value));
        found.push({ name, isRedo, rows });
        this.#last = Math.max(this.#last, sequence);
      } else if (sequence / 1000 < Date.now() - FORGOTTEN_MS) forgotten.push(name);
    }
    // What was written meanwhile is later.
    this.#undo = [...found.filter(({ isRedo }) => !isRedo), ...this.#undo];
    this.#redo = [...found.filter(({ isRedo }) => isRedo), ...this.#redo];
    if (found.length > 0) this.#changed();
    if (forgotten.length > 0) {
      await this.#write((scope) => forgotten.forEach((name) => this.#note(scope.transaction, name)));
    }
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

function unlessGone(error: unknown): void {
  if (!(error instanceof HoldfastError && error.code === "NonexistentDocument")) throw error;
}

/** A name that this tab has kept since it was opened, and no other one has. */
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
