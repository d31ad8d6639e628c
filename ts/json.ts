/**
 * Convex JSON: how values that JSON has no form for are written in it. `{"$integer": …}` holds an int64,
 * `{"$float": …}` a float64 that is NaN, infinite or -0, `{"$bytes": …}` an ArrayBuffer, each in base64, numbers as
 * eight little-endian bytes.
 */
import { HoldfastError } from "./errors.js";

/** Any value of JSON. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** The range of an int64. `BigInt` calls instead of literals keep old build targets possible. */
const INT64_MIN = -(BigInt(1) << BigInt(63));
const INT64_MAX = (BigInt(1) << BigInt(63)) - BigInt(1);

/** Whether a bigint is an int64. */
export function isInt64(value: bigint): boolean {
  return INT64_MIN <= value && value <= INT64_MAX;
}

/** The error for a bigint that is none. */
export function notInt64(value: bigint): HoldfastError {
  return new HoldfastError("InvalidValue", `BigInt ${value} does not fit into a 64-bit signed integer.`);
}

/** Whether a float64 can't be written as a JSON number. */
export function isSpecialFloat(value: number): boolean {
  return !Number.isFinite(value) || Object.is(value, -0);
}

/** Base64 of bytes. */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index += 1) text += String.fromCharCode(bytes[index]!);
  return btoa(text);
}

/** The bytes of a base64 text; throws when it is none. */
export function fromBase64(base64: string): ArrayBuffer {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes.buffer;
}

/** A validator's literal in Convex JSON. */
export function literalToJson(value: string | number | bigint | boolean): JsonValue {
  if (typeof value === "bigint") {
    if (!isInt64(value)) throw notInt64(value);
    const view = new DataView(new ArrayBuffer(8));
    view.setBigInt64(0, value, true);
    return { $integer: toBase64(new Uint8Array(view.buffer)) };
  }
  if (typeof value === "number" && isSpecialFloat(value)) {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value, true);
    return { $float: toBase64(new Uint8Array(view.buffer)) };
  }
  return value;
}
