/**
 * Values as text for error messages, in Convex's form.
 */

/** Longer descriptions are cut, so that an error about a document of a megabyte stays readable. */
const DESCRIPTION_LENGTH_MAX = 16384;
const TRUNCATED = "[...truncated]";

/** A value as it appears in error messages: JSON, with words for what JSON has no form for. Never throws. */
export function describe(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_key, inner: unknown) => {
      if (inner === undefined) return "undefined";
      if (typeof inner === "function") return "[Function]";
      if (typeof inner === "symbol") return String(inner);
      if (typeof inner === "bigint") return `${inner}n`;
      return inner;
    });
  } catch {
    // Cycles, nesting beyond the stack, and objects whose getters or toJSON throw.
    text = "[...]";
  }
  if (text === undefined) return "undefined";
  if (text.length <= DESCRIPTION_LENGTH_MAX) return text;
  let end = DESCRIPTION_LENGTH_MAX - TRUNCATED.length;
  if ((text.codePointAt(end - 1) ?? 0) > 0xffff) end -= 1; // never half of a surrogate pair
  return text.substring(0, end) + TRUNCATED;
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
