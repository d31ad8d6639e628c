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
}

/** What has become of a row in one document, the newest first. */
export interface Part {
  readonly root: string;
  readonly entries: readonly ToldEntry[];
}

/**
 * The changes of all documents in one list, the newest first. In a document changes stand in their order, whatever clocks
 * say; a change there is as old as the newest of those behind it, or older than it claims. What was written to a row after
 * it had left, and made again where it went, is one change: that which was made again, in the name of whoever wrote it.
 */
export function joined(parts: readonly Part[]): HistoryEntry[] {
  const originals = new Map<string, ToldEntry>();
  for (const { entries } of parts) for (const entry of entries) originals.set(entry.change, entry);
  const isMadeAgain = new Set<string>();
  for (const { entries } of parts) for (const { again } of entries) if (again !== undefined) isMadeAgain.add(again);
  const rows = parts.map(({ root, entries }) => {
    const left = entries.filter(({ change }) => !isMadeAgain.has(change));
    const times = new Float64Array(left.length);
    for (let at = left.length - 1, newest = -Infinity; at >= 0; at -= 1) {
      times[at] = newest = Math.max(newest, left[at]!.time);
    }
    return { root, left, times, next: 0 };
  });
  const all: HistoryEntry[] = [];
  let last = rows[0];
  for (;;) {
    const hasArrived = all.at(-1)?.kind === "arrived";
    // Within a second clocks say nothing: it goes on in the same document, and where the row has come from before that.
    const rank = (row: (typeof rows)[number]): number =>
      hasArrived ? (row !== last && row.left[row.next]!.kind === "movedAway" ? 1 : 0) : row === last ? 1 : 0;
    let best: (typeof rows)[number] | undefined;
    for (const row of rows) {
      if (row.next === row.left.length) continue;
      const [time, than] = [row.times[row.next]!, best?.times[best.next] ?? -Infinity];
      if (best === undefined || time > than || (time === than && rank(row) > rank(best))) best = row;
    }
    if (best === undefined) return all;
    const { again, ...entry } = best.left[best.next]!;
    best.next += 1;
    last = best;
    const { time, actor } = (again !== undefined && originals.get(again)) || entry;
    all.push({ ...entry, time, actor, root: best.root });
  }
}

/** The fields of a row, as the docs worker tells them. */
export type ToldFields = Readonly<Record<string, Value>>;
