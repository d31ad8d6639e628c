/** What people take for one change, of the many that history knows. */
import type { HistoryEntry } from "holdfast/sync";

/** Letters that were typed one after another, and votes: so many seconds apart they are still one change for people. */
const pauseMs = 60_000;

/** The one field that a change was about, if it was one of those. */
const fieldOf = ({ kind, fields: [field, ...others] }: HistoryEntry) =>
  kind === "updated" && others.length === 0 && (field?.name === "notes" || field?.name === "votes") ? field : undefined;

/**
 * The entries with the letters of a text together, and a move as one: the newest of them stands for all, and for what it leads
 * back to.
 *
 * When two have typed at once, their entries alternate. So those of one author are put together across others' that are
 * about the same field, as long as each begins with what the one before it has left: then the author has not known of the others,
 * and each shows the whole of what the field was to its own author. What was changed beside the field ends that: whoever goes back
 * to it gets the letters as they were then.
 */
export function grouped(entries: readonly HistoryEntry[]): HistoryEntry[] {
  const groups: HistoryEntry[] = [];
  /** Where the groups are that may become larger, by their authors; all are about the field of this name. */
  const open = new Map<string, number>();
  let name: string | undefined;
  for (const entry of entries) {
    if (entry.kind === "movedAway" && groups.at(-1)?.kind === "arrived") continue;
    const field = fieldOf(entry);
    if (field?.name !== name) open.clear();
    name = field?.name;
    const at = open.get(entry.actor);
    if (field !== undefined && at !== undefined) {
      const newer = groups[at]!;
      const [newest] = newer.fields;
      if (newest!.before === field.after && newer.time - entry.time < pauseMs) {
        groups[at] = { ...newer, fields: [{ ...newest!, before: field.before }] };
        continue;
      }
    }
    if (field !== undefined) open.set(entry.actor, groups.length);
    groups.push(entry);
  }
  return groups;
}
