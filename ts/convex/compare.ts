/**
 * The order of values, in JavaScript: what the engine's keys have in bytes. Of two kinds the one that comes first is
 * less: undefined, null, int64, float64, boolean, string, bytes, array, object.
 */
import { isArrayBuffer } from "../checked.js";
import type { Value } from "../data_model.js";

/** Less than 0 if `a` comes before `b`, 0 if they are equal, else more. */
export function compareValues(a: Value | undefined, b: Value | undefined): number {
  const kind = rankOf(a);
  const difference = kind - rankOf(b);
  if (difference !== 0) return Math.sign(difference);
  switch (kind) {
    case Rank.Int64:
    case Rank.Boolean:
      return a! < b! ? -1 : Number(a !== b);
    case Rank.Float64:
      return Math.sign(Number(positionOf(a as number) - positionOf(b as number)));
    case Rank.String:
      return compareTexts(a as string, b as string);
    case Rank.Bytes:
      return compareLists(
        [...new Uint8Array(a as ArrayBuffer)],
        [...new Uint8Array(b as ArrayBuffer)],
        (x, y) => x - y,
      );
    case Rank.Array:
      return compareLists(a as Value[], b as Value[], compareValues);
    case Rank.Object:
      return compareLists(fieldsOf(a as object), fieldsOf(b as object), compareFields);
    default:
      return 0;
  }
}

/** The kinds in their order. */
const Rank = {
  Undefined: 0,
  Null: 1,
  Int64: 2,
  Float64: 3,
  Boolean: 4,
  String: 5,
  Bytes: 6,
  Array: 7,
  Object: 8,
} as const;

function rankOf(value: Value | undefined): number {
  switch (typeof value) {
    case "undefined":
      return Rank.Undefined;
    case "bigint":
      return Rank.Int64;
    case "number":
      return Rank.Float64;
    case "boolean":
      return Rank.Boolean;
    case "string":
      return Rank.String;
    default:
      if (value === null) return Rank.Null;
      if (isArrayBuffer(value)) return Rank.Bytes;
      return Array.isArray(value) ? Rank.Array : Rank.Object;
  }
}

const view = /* @__PURE__ */ new DataView(new ArrayBuffer(8));

const MAGNITUDE = (BigInt(1) << BigInt(63)) - BigInt(1);

/** Where a float64 is in the order of all: negative NaN, numbers with -0 before 0, NaN. */
function positionOf(number: number): bigint {
  view.setFloat64(0, number);
  const bits = view.getBigInt64(0);
  // The more negative a number, the larger its bits without the sign: they count down.
  return bits < 0 ? -(bits & MAGNITUDE) - BigInt(1) : bits;
}

function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    let [x, y] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (x === y) continue;
    // In UTF-8 what takes two code units comes after everything else; their codes don't.
    if (x >= 0xd800 && y >= 0xd800) [x, y] = [afterSurrogates(x), afterSurrogates(y)];
    return x < y ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

function afterSurrogates(code: number): number {
  return code >= 0xe000 ? code - 0x800 : code + 0x2000;
}

type Field = readonly [string, Value];

function fieldsOf(object: object): Field[] {
  const fields = Object.entries(object) as [string, Value | undefined][];
  return fields
    .filter((field): field is [string, Value] => field[1] !== undefined)
    .sort(([a], [b]) => compareTexts(a, b));
}

function compareFields([name, value]: Field, [otherName, otherValue]: Field): number {
  return compareTexts(name, otherName) || compareValues(value, otherValue);
}

function compareLists<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const order = compare(a[index]!, b[index]!);
    if (order !== 0) return Math.sign(order);
  }
  return Math.sign(a.length - b.length);
}
