/** Edits of a text, letter by letter. Positions count UTF-16 units, as strings do. */

/** Some letters in place of others. */
export interface Edit {
  readonly index: number;
  readonly deleteCount: number;
  readonly insert: string;
}

const isLow = (text: string, index: number): boolean => /^[\udc00-\udfff]/.test(text.slice(index, index + 1));

/** What makes one text of another. It cuts no letter in two. */
export function editOf(before: string, after: string): Edit {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  if (isLow(before, start) || isLow(after, start)) start -= 1;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  if (end > 0 && isLow(before, before.length - end)) end -= 1;
  return {
    index: start,
    deleteCount: before.length - start - end,
    insert: after.slice(start, after.length - end),
  };
}

/** The text that an edit makes of one. */
export const applied = ({ index, deleteCount, insert }: Edit, text: string): string =>
  text.slice(0, index) + insert + text.slice(index + deleteCount);

/** Where a position is after an edit. */
export function moved(position: number, { index, deleteCount, insert }: Edit): number {
  if (position <= index) return position;
  return index + insert.length + Math.max(0, position - index - deleteCount);
}

/** An edit of a text, as one of what another edit has made of that text. */
export function rebased(edit: Edit, other: Edit): Edit {
  const index = moved(edit.index, other);
  const end = Math.max(index, moved(edit.index + edit.deleteCount, other));
  return { index, deleteCount: end - index, insert: edit.insert };
}
