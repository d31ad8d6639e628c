/**
 * What can be taken back of a mutation, and what of it others hide that came later.
 */
import { decodeText } from "../decode.js";
import { GONE, own, uncounted, without } from "./three_way.js";

/** A row as src/tab/notes.rs tells what a mutation has done to it. */
export type WrittenRow =
  | { readonly kind: "insert"; readonly table: string; readonly id: string }
  | { readonly kind: "delete"; readonly table: string; readonly id: string }
  | UpdatedRow;

/** One that was there before and is after it. */
export interface UpdatedRow {
  readonly kind: "update";
  readonly table: string;
  readonly id: string;
  readonly counters: readonly string[];
  readonly texts: readonly string[];
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
}

/** What can be taken back: the name of its note, and the rows as JSON text. */
export interface Entry {
  readonly name: Uint8Array;
  readonly isRedo: boolean;
  readonly rows: string;
  /** Whether taking back or doing again has made it. */
  readonly isOwn?: boolean;
}

/** A row that an entry names, and the same as it stands there, with values that JSON has no form for. */
export interface NotedRow {
  readonly row: WrittenRow;
  readonly told: WrittenRow;
}

/** The rows that an entry names. */
export function rowsOf({ rows }: Entry): NotedRow[] {
  const told = JSON.parse(rows) as WrittenRow[];
  return (decodeText(rows) as unknown as WrittenRow[]).map((row, at) => ({ row, told: told[at]! }));
}

/** The fields that a mutation has written. */
export function namesOf({ before, after }: UpdatedRow): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])];
}

/** What a field is to be so that a mutation has not written it; {@link GONE}, if nothing of that is left. */
export function fieldWithout({ counters, texts, before, after }: UpdatedRow, name: string, current: unknown): unknown {
  const [was, is] = [own(before, name), own(after, name)];
  return counters.includes(name) ? uncounted(was, is, current) : without(was, is, current, texts.includes(name));
}

/**
 * What was written after `undo` was called and before that has done its work. What is meant and written over by it is not
 * gone: it goes back along with what lies over it.
 */
export class Later {
  readonly #entries: readonly { readonly entry: Entry; readonly rows: readonly WrittenRow[] }[];
  /** What is hidden, as JSON texts, by the entry that hides it. */
  readonly hidden = new Map<Entry, string[]>();

  /** The first one first. */
  constructor(entries: readonly Entry[]) {
    this.#entries = entries.map((entry) => ({ entry, rows: rowsOf(entry).map(({ row }) => row) }));
  }

  /** Nothing of a row is there to be taken back: one of these may have deleted it, or brought it back. */
  hidesRow({ row, told }: NotedRow): void {
    const isOver = ({ id, kind }: WrittenRow) => id === row.id && kind !== "update";
    const by = this.#entries.find(({ rows }) => rows.some(isOver));
    if (by !== undefined) this.#hide(by.entry, told);
  }

  /** Nothing of a field is: one of these may have written it. */
  hidesField(row: UpdatedRow, told: UpdatedRow, name: string): void {
    for (const { entry, rows } of this.#entries) {
      const over = rows.find((one) => one.kind === "update" && one.id === row.id && namesOf(one).includes(name));
      if (over?.kind !== "update") continue;
      // Before it was written over, others may have done so, too.
      if (fieldWithout(row, name, own(over.before, name)) === GONE) return;
      const only = (fields: UpdatedRow["before"]) => (Object.hasOwn(fields, name) ? { [name]: fields[name] } : {});
      return this.#hide(entry, { ...told, before: only(told.before), after: only(told.after) });
    }
  }

  #hide(by: Entry, told: WrittenRow): void {
    this.hidden.set(by, [JSON.stringify(told), ...(this.hidden.get(by) ?? [])]);
  }
}

/** An entry that goes back before and along with others: by another name that sorts like its own. */
export function withRows(entry: Entry, hidden: readonly string[]): Entry {
  const name = entry.name.slice();
  crypto.getRandomValues(name.subarray(-4));
  return { ...entry, name, rows: `[${hidden.join()},${entry.rows.slice(1)}` };
}
