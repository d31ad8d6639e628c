/**
 * Convex JSON, for code that calls `convexToJson` and `jsonToConvex` itself: values that JSON has no form for become
 * objects of one field that begins with `$`.
 */
import { checkedCopy, fieldNameProblem } from "../checked.js";
import type { Value } from "../data_model.js";
import { revived } from "../decode.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import { type JsonValue, fromBase64, literalToJson, toBase64 } from "../json.js";

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
  if (json === null || typeof json === "boolean" || typeof json === "number" || typeof json === "string") return json;
  if (typeof json !== "object") throw invalid(`Unexpected type of ${String(json)}`);
  if (Array.isArray(json)) return json.map(jsonToConvex);
  const names = Object.keys(json);
  if (names.length === 1 && SPECIAL.includes(names[0]!)) return encoded(names[0]!, json[names[0]!]!);
  return Object.fromEntries(
    names.map((name) => {
      const problem = fieldNameProblem(name);
      if (problem !== undefined) throw invalid(problem);
      return [name, jsonToConvex(json[name]!)];
    }),
  );
}

const SPECIAL: readonly string[] = ["$bytes", "$integer", "$float", "$set", "$map", "$commitTs"];

function encoded(name: string, content: JsonValue): Value {
  if (name === "$set") throw invalid("Received a Set which is no longer supported as a Convex type.");
  if (name === "$map") throw invalid("Received a Map which is no longer supported as a Convex type.");
  if (typeof content !== "string" || name === "$commitTs") throw invalid(`Malformed ${name} field on [object Object]`);
  let value: Value | undefined;
  let length: number | undefined;
  try {
    length = fromBase64(content).byteLength;
    value = revived(name, content);
  } catch {
    // It is no base64, or none of that length.
  }
  if (value !== undefined) return value;
  if (name !== "$bytes" && length !== undefined && length !== 8) {
    throw invalid(`Received ${length} bytes, expected 8 for ${name}`);
  }
  if (name === "$float" && length === 8) {
    const float = new DataView(fromBase64(content)).getFloat64(0, true);
    throw invalid(`Float ${float} should be encoded as a number`);
  }
  throw invalid(`${describe({ [name]: content })} is not the JSON of a Convex value.`);
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("InvalidValue", message);
}
