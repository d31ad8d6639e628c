/**
 * What exports and imports are both asked for.
 */
import { invalidArgument } from "../arguments.js";
import { describe } from "../describe.js";
import { type FileFormat, FORMATS } from "./sources.js";

/** Options of both. */
interface FileOptions {
  format?: FileFormat;
  table?: string;
  tables?: readonly string[];
  onProgress?: (progress: never) => void;
  signal?: AbortSignal;
}

/** Throws when one is of the wrong kind. */
export function checkFileOptions({ format, table, tables, onProgress, signal }: FileOptions): void {
  if (format !== undefined && !FORMATS.includes(format)) {
    throw invalidArgument(`\`format\` must be "zip", "jsonl", "json" or "csv". Received ${describe(format)}.`);
  }
  if (table !== undefined && typeof table !== "string") throw invalidArgument("`table` must be the name of a table.");
  if (tables !== undefined) {
    const isList = Array.isArray(tables) && tables.length > 0 && tables.every((name) => typeof name === "string");
    if (!isList) throw invalidArgument("`tables` must be a list of names, with one at least.");
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw invalidArgument("`onProgress` must be a function.");
  }
  // One of another frame is one, too.
  const isSignal = (given: AbortSignal) =>
    typeof given === "object" && given !== null && typeof given.aborted === "boolean";
  if (signal !== undefined && !(isSignal(signal) && typeof signal.addEventListener === "function")) {
    throw invalidArgument(`\`signal\` must be an AbortSignal. Received ${describe(signal)}.`);
  }
}
