/**
 * What has become of a row, put together from all documents in which it was.
 */
import type { Value } from "../data_model.js";

/** A change of a document. */
export interface HistoryEntry {
  /** Names it. */
  readonly change: string;
  /** When it was made, in milliseconds since 1970 and whole seconds, by the clock of the device that made it. */
  readonly time: number;
  /** Which session of which device has made it: the same for its changes of one document. */
  readonly actor: string;
  /** What it was to the document as a whole. */
  readonly kind: "inserted" | "updated" | "deleted" | "restored" | "movedAway" | "arrived";
  /** The id of the row in whose document it was written: another one before a move. Empty for `workspace()`. */
  readonly root: string;
  /** The fields that it has written, as they were before and are after it; without a value where there was none. */
  readonly fields: readonly { readonly name: string; readonly before?: unknown; readonly after?: unknown }[];
}

/** An entry as the docs worker tells it. */
export interface ToldEntry extends Omit<HistoryEntry, "root"> {
  /** The change that it makes again where the row has gone, if it does. */
  readonly again?: string;
  /** The row to whose document it went, of `movedAway`; of `arrived` the one in whose document it was made. */
  readonly other?: string;
  /** Of `arrived`, the row from whose document it came. */
  readonly from?: string;
}

/** What has become of a row in one document, the newest first. */
export interface Part {
  readonly root: string;
  readonly entries: readonly ToldEntry[];
}

/** The changes of all documents in one list, the newest first. */
export interface Joined {
  readonly entries: HistoryEntry[];
  /** By changes that are not listed, the one that stands for them. */
  readonly instead: ReadonlyMap<string, string>;
}

/** A document on the way through all. */
interface Row extends Part {
  /** A change is as old as the newest of those behind it, or older than it claims. */
  readonly times: Float64Array;
  next: number;
}

/**
 * Puts the histories of a row in several documents together, that in which it lies first. In a document changes stand in
 * their order, and a row has left before it arrives, whatever clocks say. What was written to it after it had left, and made
 * again where it went, is one change: that which was made again, in the name of whoever wrote it.
 */
export function joined(parts: readonly Part[]): Joined {
  const { hidden, instead, names } = madeAgain(parts);
  const rows = parts.map(({ root, entries: all }): Row => {
    const entries = all.filter((entry) => !hidden.has(entry));
    const times = new Float64Array(entries.length);
    for (let at = entries.length - 1, newest = -Infinity; at >= 0; at -= 1) {
      times[at] = newest = Math.max(newest, entries[at]!.time);
    }
    return { root, entries, times, next: 0 };
  });
  const arrivals = arrivalsOf(rows);
  const listed = new Set<ToldEntry>();
  const entries: HistoryEntry[] = [];
  let last: ToldEntry | undefined;
  let lastRow = rows[0];
  // Within a second clocks say nothing: where it has come from is next, or else it goes on in the same document.
  const rankOf = (row: Row) => {
    const isWayHere = last !== undefined && arrivals.get(row.entries[row.next]!) === last;
    return isWayHere ? 2 : Number(row === lastRow);
  };
  const isFree = (entry: ToldEntry) => !arrivals.has(entry) || listed.has(arrivals.get(entry)!);
  for (;;) {
    const left = rows.filter(({ next, entries }) => next < entries.length);
    const free = left.filter(({ next, entries }) => isFree(entries[next]!));
    let best: Row | undefined;
    for (const row of free.length > 0 ? free : left) {
      const [time, than] = [row.times[row.next]!, best?.times[best.next] ?? -Infinity];
      if (best === undefined || time > than || (time === than && rankOf(row) > rankOf(best))) best = row;
    }
    if (best === undefined) return { entries, instead };
    last = best.entries[best.next]!;
    lastRow = best;
    best.next += 1;
    listed.add(last);
    const { again: _, other: __, from: ___, ...entry } = last;
    const { time, actor } = names.get(last) ?? entry;
    entries.push({ ...entry, time, actor, root: best.root });
  }
}

/** Of those that say where a row went, the entries that say that it has arrived there: both are of one commit. */
function arrivalsOf(rows: readonly Row[]): Map<ToldEntry, ToldEntry> {
  const arrivals = new Map<ToldEntry, ToldEntry>();
  for (const row of rows) {
    const arrived = row.entries.filter(({ kind }) => kind === "arrived").reverse();
    for (const from of rows) {
      if (from === row) continue;
      for (const entry of [...from.entries].reverse()) {
        if (entry.kind !== "movedAway" || entry.other !== row.root) continue;
        const at = arrived.findIndex(
          ({ time, from: said }) => time === entry.time && (said === undefined || said === from.root),
        );
        if (at >= 0) arrivals.set(entry, arrived.splice(at, 1)[0]!);
      }
    }
  }
  return arrivals;
}

/**
 * Which entries are not listed, because they were made again in a document where the row went. What says so of a change of its
 * own document, of one that was no edit or of one that wrote to other fields is a change like others.
 */
function madeAgain(parts: readonly Part[]) {
  const originals = new Map<string, { readonly entry: ToldEntry; readonly part: Part }>();
  for (const part of parts) {
    for (const entry of part.entries) {
      if (entry.again === undefined && entry.kind === "updated") originals.set(entry.change, { entry, part });
    }
  }
  const hidden = new Set<ToldEntry>();
  const instead = new Map<string, string>();
  const names = new Map<ToldEntry, ToldEntry>();
  // That in which the row lies comes first.
  const kept = new Map<string, ToldEntry>();
  for (const part of parts) {
    for (const entry of part.entries) {
      const original = entry.again === undefined ? undefined : originals.get(entry.again);
      if (original === undefined || original.part === part) continue;
      const isOf = ({ name }: { readonly name: string }) => original.entry.fields.some((field) => field.name === name);
      if (!entry.fields.every(isOf)) continue;
      const other = kept.get(original.entry.change);
      hidden.add(other === undefined ? original.entry : entry);
      if (other === undefined) kept.set(original.entry.change, entry);
      names.set(entry, original.entry);
      instead.set(other === undefined ? original.entry.change : entry.change, (other ?? entry).change);
    }
  }
  return { hidden, instead, names };
}

/** The fields of a row, as the docs worker tells them. */
export type ToldFields = Readonly<Record<string, Value>>;
