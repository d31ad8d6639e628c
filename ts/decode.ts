/**
 * The way out: the engine writes rows as one JSON text a batch, because `JSON.parse` of many rows at once is faster than
 * anything that makes objects one by one. Rows that hold a value JSON has no form for are named beside the text and come
 * in Convex JSON (see json.ts).
 */
import type { GenericDocument, Value } from "./data_model.js";
import { HoldfastError } from "./errors.js";
import { fromBase64, isSpecialFloat } from "./json.js";

/**
 * The rows of a batch, as new objects that belong to the caller.
 *
 * @param text - A JSON array of rows.
 * @param encodedRows - The positions of the rows in Convex JSON; the others need no second look.
 */
export function decodeRows(text: string, encodedRows: ArrayLike<number> = []): GenericDocument[] {
  const rows = JSON.parse(text) as GenericDocument[];
  for (let index = 0; index < encodedRows.length; index += 1) {
    const row = rows[encodedRows[index]!];
    if (row === undefined) throw new HoldfastError("EngineFault", "A batch names a row that it doesn't have.");
    reviveFields(row);
  }
  return rows;
}

/**
 * Freezes rows all the way down, for a cache that hands the same object to everyone. An ArrayBuffer's bytes can't be
 * frozen: they must not be written to.
 */
export function freezeRows<Row extends GenericDocument>(rows: readonly Row[]): readonly Row[] {
  for (const row of rows) freezeDeeply(row);
  return rows;
}

function freezeDeeply(value: object): void {
  if (value instanceof ArrayBuffer) return;
  if (Array.isArray(value)) {
    for (const element of value as unknown[])
      if (typeof element === "object" && element !== null) freezeDeeply(element);
  } else {
    for (const name in value) {
      const field = (value as Record<string, unknown>)[name];
      if (typeof field === "object" && field !== null) freezeDeeply(field);
    }
  }
  Object.freeze(value);
}

/** Turns Convex JSON into values in place; what JSON.parse has made belongs to us. */
function revive(value: Value): Value {
  if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) return value;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const element = value[index]!;
      if (typeof element === "object" && element !== null) value[index] = revive(element);
    }
    return value;
  }
  // No stored field begins with "$", so one such field says that this is no object but a value.
  for (const name in value) {
    if (!name.startsWith("$")) break;
    return reviveEncoded(name, value[name]);
  }
  reviveFields(value);
  return value;
}

/** @internal A value of text in Convex JSON. */
export function decodeText(text: string): Value {
  return revive(JSON.parse(text) as Value);
}

function reviveFields(object: { [key: string]: Value | undefined }): void {
  for (const name in object) {
    const field = object[name];
    if (typeof field === "object" && field !== null) object[name] = revive(field);
  }
}

function reviveEncoded(name: string, base64: Value | undefined): Value {
  const value = typeof base64 === "string" ? revived(name, base64) : undefined;
  if (value === undefined) throw new HoldfastError("EngineFault", `The engine wrote a malformed ${name}.`);
  return value;
}

/** The value that Convex JSON writes as `{ [name]: base64 }`; undefined if it is none. Throws when that is not base64. */
export function revived(name: string, base64: string): bigint | number | ArrayBuffer | undefined {
  const buffer = fromBase64(base64);
  if (name === "$bytes") return buffer;
  if (buffer.byteLength !== 8) return undefined;
  if (name === "$integer") return new DataView(buffer).getBigInt64(0, true);
  const float = name === "$float" ? new DataView(buffer).getFloat64(0, true) : 0;
  return isSpecialFloat(float) ? float : undefined;
}
