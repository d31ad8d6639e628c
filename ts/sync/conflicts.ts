/**
 * What was written to a row where it does not count, after several have moved it at once.
 */
import type { Part, ToldEntry } from "./history.js";
import type { Conflict } from "./synced_database.js";

/** A conflict as the engine tells it. */
export interface ToldConflict extends Conflict {
  /** The id of the row in whose document another copy has this, if it may have come along with a move. */
  readonly copy?: string;
}

/**
 * The conflicts without what a copy has that nobody has written there, or that was made again where the row counts. `parts`
 * are the histories of the row in all of its documents, that in which it lies first.
 */
export function written(told: readonly ToldConflict[], parts: readonly Part[]): Conflict[] {
  const [own, ...others] = parts;
  const way = own === undefined ? [] : wayTo(own, others, hasComeOnce);
  const known = new Set(way.flatMap(({ entries }) => entries).flatMap((entry) => [entry.change, original(entry)]));
  const fieldsOf = (copy: string) => {
    const last = others.find(({ root }) => root === copy);
    // Nobody has moved it there: it is another row, of the same id.
    if (last === undefined || !last.entries.some(({ kind }) => kind === "arrived")) return new Set();
    // What was written before the two parted both have.
    const own = wayTo(last, others).filter((part, at) => at === 0 || way.every(({ root }) => root !== part.root));
    const lost = own.flatMap(({ entries }) => entries).filter((entry) => isEdit(entry) && !known.has(original(entry)));
    return new Set(lost.flatMap(({ fields }) => fields.map(({ name }) => name)));
  };
  const copies = new Map([...new Set(told.map(({ copy }) => copy))].map((copy) => [copy, fieldsOf(copy ?? "")]));
  const isWritten = ({ copy, path }: ToldConflict) => copy === undefined || copies.get(copy)!.has(path[0]);
  return told.filter(isWritten).map(({ path, others }) => ({ path, others }));
}

/** By which documents a row has come into one, that one first, each with what was written there before the row went on. */
function wayTo(last: Part, others: readonly Part[], isWay: (part: Part) => boolean = () => true): Part[] {
  const way = [last];
  for (let at = 0; at < way.length; at += 1) {
    if (at > 0 && !isWay(way[at]!)) continue;
    for (const { root, entries } of others) {
      const left = entries.findIndex(({ kind, other }) => kind === "movedAway" && other === way[at]!.root);
      if (left < 0 || way.some((part) => part.root === root)) continue;
      way.push({ root, entries: entries.slice(left + 1) });
    }
  }
  return way;
}

/** Whether it is plain how a row has come: where it came twice, it may have been brought by two who did not know of each other. */
const hasComeOnce = ({ entries }: Part) => entries.filter(({ kind }) => kind === "arrived").length === 1;

/** The change that it makes again, or itself. */
const original = ({ change, again }: ToldEntry) => again ?? change;

/** Whether somebody has written to the row, and not brought it. */
const isEdit = ({ kind }: ToldEntry) => kind !== "arrived" && kind !== "inserted";
