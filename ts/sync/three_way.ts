/**
 * Taking a change back that others have changed something beside: what would be there without it.
 */
import { share } from "../live/share.js";

/** A value of a document; `undefined` is none. */
export type Field = unknown;

/** Nothing is left of the change that could be taken back. */
export const GONE: unique symbol = Symbol("gone");

const isEqual = (one: unknown, two: unknown) => Object.is(share(one, two), one);

/**
 * What is to be there instead of `current`, so that a change from `before` to `after` has not happened and all that has
 * happened since has: {@link GONE}, if nothing of it is left. Of a text that is merged by its letters those stay that others
 * have written.
 */
export function without(before: Field, after: Field, current: Field, isText = false): Field {
  if (isEqual(current, after)) return before;
  if (isEqual(current, before)) return GONE; // somebody has done it
  if (isText && typeof before === "string" && typeof after === "string" && typeof current === "string") {
    // By whole letters: half a pair of surrogates is none.
    const left = spliced([...before], [...after], [...current]);
    return left === GONE ? GONE : left.join("");
  }
  if (Array.isArray(before) && Array.isArray(after) && Array.isArray(current)) return spliced(before, after, current);
  // Of an object that was made, what others have put into it stays.
  const was = before === undefined ? {} : before;
  if (isObject(was) && isObject(after) && isObject(current)) return fieldsWithout(was, after, current);
  return GONE;
}

/** The same of a number to which is added. */
export function uncounted(before: Field, after: Field, current: Field): Field {
  const isNumber = [before, after, current].every((value) => typeof value === "number");
  return isNumber ? (current as number) - ((after as number) - (before as number)) : without(before, after, current);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ArrayBuffer);
}

function fieldsWithout(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  current: Record<string, unknown>,
): Record<string, unknown> | typeof GONE {
  const fields = new Map(Object.entries(current));
  let isAny = false;
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [own(before, name), own(after, name)];
    if (isEqual(was, is)) continue;
    const value = without(was, is, own(current, name));
    if (value === GONE) continue;
    isAny = true;
    if (value === undefined) fields.delete(name);
    else fields.set(name, value);
  }
  return isAny ? Object.fromEntries(fields) : GONE;
}

/** A field of an object that has it. */
export function own(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** A stretch of a sequence, and how long what has taken its place is. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly length: number;
}

/** Where one sequence has become another: the least stretch that both ends leave. */
function difference(from: readonly unknown[], to: readonly unknown[]): Stretch {
  const most = Math.min(from.length, to.length);
  let start = 0;
  while (start < most && isEqual(from[start], to[start])) start += 1;
  let tail = 0;
  while (tail < most - start && isEqual(from[from.length - 1 - tail], to[to.length - 1 - tail])) tail += 1;
  return { start, end: from.length - tail, length: to.length - tail - start };
}

function spliced<T>(before: readonly T[], after: readonly T[], current: readonly T[]): T[] | typeof GONE {
  const mine = difference(before, after);
  const theirs = difference(after, current);
  const mineEnd = mine.start + mine.length;
  let start: number;
  if (mineEnd <= theirs.start) start = mine.start;
  else if (theirs.end <= mine.start) start = mine.start + current.length - after.length;
  else return GONE; // they have changed the same stretch
  return [...current.slice(0, start), ...before.slice(mine.start, mine.end), ...current.slice(start + mine.length)];
}
