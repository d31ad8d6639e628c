/**
 * Convex JSON, for code that calls `convexToJson` and `jsonToConvex` itself: values that JSON has no form for become
 * objects of one field that begins with `$`.
 */
import { checkedCopy } from "../checked.js";
import type { Value } from "../data_model.js";
import { revived } from "../decode.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import { type JsonValue, literalToJson, toBase64 } from "../json.js";

/** A value as Convex JSON, the names of fields in order. Throws when it is none that Convex has a type for. */
export function convexToJson(value: Value): JsonValue {
  return toJson(checkedCopy(value));
}

function toJson(value: Value): JsonValue {
  if (typeof value !== "object" || value === null) return value === null ? null : literalToJson(value);
  if (value instanceof ArrayBuffer) return { $bytes: toBase64(new Uint8Array(value)) };
  if (Array.isArray(value)) return value.map(toJson);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, toJson(field!)]));
}

/** The value of Convex JSON, as a copy. Throws when it is none. */
export function jsonToConvex(json: JsonValue): Value {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map(jsonToConvex);
  const names = Object.keys(json);
  if (names.length === 1 && names[0]!.startsWith("$")) return encoded(names[0]!, json[names[0]!]!);
  return Object.fromEntries(names.map((name) => [name, jsonToConvex(json[name]!)]));
}

function encoded(name: string, content: JsonValue): Value {
  let value: Value | undefined;
  try {
    if (typeof content === "string") value = revived(name, content);
  } catch {
    // It is no base64.
  }
  if (value !== undefined) return value;
  throw new HoldfastError("InvalidValue", `${describe({ [name]: content })} is not the JSON of a Convex value.`);
}
