/**
 * How large a value is by Convex's count, which the limits are stated in.
 */
import { isArrayBuffer } from "./checked.js";
import type { Value } from "./data_model.js";

/** `_id` as a field: its name, and an id of usual length. */
const ID_FIELD_SIZE = 38;
/** Of this what is not the id's text. */
const ID_FIELD_NAME_SIZE = 6;
/** `_creationTime` as a field: its name, and a float64. */
const CREATION_TIME_FIELD_SIZE = 23;

/** The size of a value in bytes by Convex's count. */
export function getConvexSize(value: Value | undefined): number {
  return sizeWithin(value, Infinity);
}

/** The size of a document by Convex's count; system fields that it lacks are added, an id of usual length or this. */
export function getDocumentSize(value: Record<string, Value>, options?: { customIdLength?: number }): number {
  const size = documentSizeWithin(value, Infinity);
  const { customIdLength } = options ?? {};
  if (!customIdLength || value["_id"] !== undefined) return size;
  return size - ID_FIELD_SIZE + ID_FIELD_NAME_SIZE + customIdLength;
}

/** The size of a document, counted only until it exceeds `limit`: objects may share parts beyond any measure. */
export function documentSizeWithin(value: Record<string, unknown>, limit: number): number {
  let size = sizeWithin(value, limit);
  if (value["_id"] === undefined) size += ID_FIELD_SIZE;
  if (value["_creationTime"] === undefined) size += CREATION_TIME_FIELD_SIZE;
  return size;
}

/** The path of a document's largest field; what exceeds `limit` is large enough. */
export function largestField(document: unknown, limit: number): string | undefined {
  let largest: string | undefined;
  let most = 0;
  for (const [name, field] of Object.entries(document as Record<string, unknown>)) {
    const size = sizeWithin(field, limit);
    if (size > most) [largest, most] = [`.${name}`, size];
  }
  return largest;
}

function sizeWithin(value: unknown, limit: number): number {
  switch (typeof value) {
    case "undefined":
      return 0;
    case "boolean":
      return 1;
    case "number":
    case "bigint":
      return 9;
    case "string":
      return 2 + utf8Length(value);
    case "object": {
      if (value === null) return 1;
      if (isArrayBuffer(value)) return 2 + value.byteLength;
      let size = 2;
      if (Array.isArray(value)) {
        // Every element takes a byte at least, and an array can have four billion holes.
        if (value.length > limit) return value.length;
        for (let index = 0; index < value.length && size <= limit; index += 1) {
          size += sizeWithin(value[index], limit - size);
        }
        return size;
      }
      for (const [name, field] of Object.entries(value)) {
        if (size > limit) break;
        if (field !== undefined) size += utf8Length(name) + 1 + sizeWithin(field, limit - size);
      }
      return size;
    }
    default:
      throw new TypeError(`Unsupported value type: ${typeof value}`);
  }
}

/** The length of a string in UTF-8. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x80) continue;
    // A surrogate pair has two code units and four bytes.
    length += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return length;
}
