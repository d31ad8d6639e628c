/**
 * Values as text for error messages, in Convex's form.
 */

/**
 * Longer descriptions are cut: an error is read by people, and a document may have a megabyte. No more values are looked at
 * either, since each makes a letter at least, and an array can have four billion of them.
 */
const DESCRIPTION_LENGTH_MAX = 200;
const TRUNCATED = "[...truncated]";

/**
 * A value as it appears in error messages: JSON, with words for what JSON has no form for. Never throws.
 *
 * @param most - How long the text may be.
 */
export function describe(value: unknown, most = DESCRIPTION_LENGTH_MAX): string {
  if (value === undefined) return "undefined";
  let text: string;
  let values = 0;
  try {
    text = JSON.stringify(value, (_key, inner: unknown) => {
      if (inner === undefined) return "undefined";
      if (typeof inner === "function") return "[Function]";
      if (typeof inner === "symbol") return String(inner);
      if (typeof inner === "bigint") return `${inner}n`;
      values += 1;
      if (values > most) return null;
      return Array.isArray(inner) && inner.length > most ? inner.slice(0, most) : inner;
    });
  } catch {
    // Cycles, nesting beyond the stack, and objects whose getters or toJSON throw.
    text = "[...]";
  }
  return shortened(text, most);
}

/** The beginning of a text that is too long for a message. */
export function shortened(text: string, most = DESCRIPTION_LENGTH_MAX): string {
  if (text.length <= most) return text;
  let end = most - TRUNCATED.length;
  if ((text.codePointAt(end - 1) ?? 0) > 0xffff) end -= 1; // never half of a surrogate pair
  return text.substring(0, end) + TRUNCATED;
}

/** What was thrown, which may be anything. Never throws. */
export function describeError(problem: unknown): string {
  try {
    return String(problem);
  } catch {
    return "an error that has no text";
  }
}

const UNITS = ["B", "KiB", "MiB", "GiB"] as const;

/** A number of bytes as Convex prints it: `1 MiB`, `1.26 MiB`. */
export function describeSize(bytes: number): string {
  let unit = 0;
  while (bytes >= 1024 && unit < UNITS.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(bytes) ? bytes : bytes.toFixed(2)} ${UNITS[unit]}`;
}
