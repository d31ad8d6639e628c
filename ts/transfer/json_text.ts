/**
 * Documents as JSON text, in the forms of Convex's files.
 *
 * A snapshot tells an int64 from a float64 by the text of the number: `123` and `123.0`. `JSON.parse` sees no difference
 * and rounds what is beyond 2^53, so numbers are read as texts where there are any of the first kind.
 */
import { isNumber, parse } from "lossless-json";
import type { Value } from "../data_model.js";
import { revived } from "../decode.js";
import { describe } from "../describe.js";
import { isInt64, literalToJson, toBase64 } from "../json.js";
import { invalidImport } from "./problems.js";

/** A value as a snapshot has it. */
export function snapshotText(value: Value): string {
  switch (typeof value) {
    case "number":
      return numberText(value);
    case "bigint":
      return String(value);
    case "object":
      break;
    default:
      return JSON.stringify(value);
  }
  if (value === null) return "null";
  if (value instanceof ArrayBuffer) return `{"$bytes":"${toBase64(new Uint8Array(value))}"}`;
  if (Array.isArray(value)) return `[${value.map(snapshotText).join(",")}]`;
  const fields = Object.keys(value).sort();
  return `{${fields.map((name) => `${JSON.stringify(name)}:${snapshotText(value[name]!)}`).join(",")}}`;
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return JSON.stringify(literalToJson(value));
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** The value of a snapshot's line. */
export function readSnapshotText(text: string): unknown {
  // Where no number looks like an int64 the platform's parser is right, and much faster. (One inside a string only
  // costs the time.)
  if (!/[:[,]\s*-?\d+\s*[,\]}]/.test(text) && !/^\s*-?\d+\s*$/.test(text)) return readPlainText(text);
  return read(text, (reviver) =>
    parse(text, reviver, { parseNumber: numberOf, onDuplicateKey: ({ newValue }) => newValue }),
  );
}

function numberOf(text: string): number | bigint {
  if (!isNumber(text)) throw new SyntaxError(`${text} is no number`);
  if (/[.eE]/.test(text)) return finite(Number(text));
  const integer = BigInt(text);
  if (!isInt64(integer)) throw new SyntaxError(`${text} does not fit into a 64-bit signed integer`);
  return integer;
}

/** The value of JSON where every number is a float64. */
export function readPlainText(text: string): unknown {
  return read(text, (reviver) => JSON.parse(text, reviver));
}

type Reviver = (this: unknown, name: string, value: unknown) => unknown;

/** Reads JSON, and finds a field that is there twice: parsers forget all but the last, and what was meant nobody knows. */
function read(text: string, parse: (reviver: Reviver) => unknown): unknown {
  // The whole is a field, too, of nothing.
  let fields = -1;
  const value = parse(function (_, value) {
    if (!Array.isArray(this)) fields += 1;
    return revivedValue(value);
  });
  // Each field has a colon; texts may have some as well.
  let colons = 0;
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) colons += 1;
  const twice = colons === fields ? undefined : repeatedField(text);
  if (twice !== undefined) throw new SyntaxError(`the field ${JSON.stringify(twice)} is there twice`);
  return value;
}

/** A name that an object in valid JSON has twice. */
function repeatedField(text: string): string | undefined {
  const objects: Set<string>[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === "{") objects.push(new Set());
    else if (letter === "}") objects.pop();
    else if (letter === '"') {
      const end = endOfString(text, at);
      let next = end + 1;
      while (" \t\r\n".includes(text[next] ?? ":")) next += 1;
      if (text[next] === ":") {
        const name = JSON.parse(text.slice(at, end + 1)) as string;
        if (objects.at(-1)!.has(name)) return name;
        objects.at(-1)!.add(name);
      }
      at = end;
    }
  }
  return undefined;
}

/** Where the string that begins at a place has its last quote, or where the text ends. */
function endOfString(text: string, start: number): number {
  let end = start + 1;
  for (; end < text.length && text[end] !== '"'; end += 1) if (text[end] === "\\") end += 1;
  return end;
}

/** The texts of the elements of a JSON array that may be broken. It ends where the array seems to. */
export function* elementsOf(text: string): Generator<string> {
  let depth = 0;
  let start = text.indexOf("[") + 1;
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at]!;
    if (letter === '"') at = endOfString(text, at);
    else if ("[{".includes(letter)) depth += 1;
    else if ("]}".includes(letter)) depth -= 1;
    else if (letter === "," && depth === 0) {
      yield text.slice(start, at);
      start = at + 1;
    }
    if (depth < 0) {
      yield text.slice(start, at);
      return;
    }
  }
  yield text.slice(start);
}

/** JSON has no word for infinity: a number beyond all others is a mistake. */
function finite(number: number): number {
  if (Number.isFinite(number)) return number;
  throw new SyntaxError("a number is too large for a float64");
}

/** Convex JSON's `{"$bytes": …}` and the like. */
function revivedValue(value: unknown): unknown {
  if (typeof value === "number") return finite(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  let only: string | undefined;
  for (const name in value) {
    if (only !== undefined) return value;
    only = name;
  }
  if (only === undefined || !only.startsWith("$")) return value;
  const content = (value as Record<string, unknown>)[only];
  let found: Value | undefined;
  try {
    if (typeof content === "string") found = revived(only, content);
  } catch {
    // It is no base64.
  }
  if (found !== undefined) return found;
  throw invalidImport(`${describe(value)} is not the JSON of a Convex value.`);
}
