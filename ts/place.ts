/**
 * Where in a call something is wrong: which table, which of several documents, which field. Errors carry it for
 * programs, and say it behind Convex's text.
 */
import { DOCUMENT_SIZE_MAX, isSimpleObject } from "./checked.js";
import { shortened } from "./describe.js";
import { type ErrorCode, HoldfastError } from "./errors.js";
import { largestField } from "./size.js";

/** What is known. */
export interface Place {
  /** The table. */
  readonly table?: string | undefined;
  /** The id that was given. */
  readonly id?: string | undefined;
  /** Which of the documents of an `insertMany`. */
  readonly index?: number | undefined;
}

/** Errors that are about a document, and whether their text names the table or its id already. */
const PLACED: { [Code in ErrorCode]?: boolean } = {
  InvalidValue: false,
  ValueTooLarge: false,
  InvalidArgument: false,
  SchemaEnforcementError: true,
  InvalidId: false,
  WrongTable: true,
  NonexistentDocument: true,
  DuplicateId: true,
};

/** The error with its place, if it is about a document. */
export function placed(error: unknown, place: Place): unknown {
  if (!(error instanceof HoldfastError)) return error;
  const isNamed = PLACED[error.code];
  if (isNamed === undefined) return error;
  const details: Record<string, unknown> = { ...error.details };
  for (const [name, value] of Object.entries(place)) if (value !== undefined) details[name] ??= value;
  const { table, index } = details as Place;
  const path = typeof details["path"] === "string" ? shortened(details["path"]) : "";
  const where = index === undefined ? path : `values[${index}]${path}`;
  const parts: string[] = [];
  if (table !== undefined && !isNamed) parts.push(`in table "${shortened(table)}"`);
  if (where !== "" && !(isNamed && index === undefined && path !== "._id")) parts.push(`at ${where}`);
  const message = parts.length === 0 ? error.message : `${error.message} (${parts.join(", ")})`;
  const { retryable, cause } = error;
  return new HoldfastError(error.code, message, { details, retryable, ...(cause !== undefined && { cause }) });
}

/** What a document may have at most, by Convex's count. */
const NESTING_MAX = 16;
const FIELDS_MAX = 1024;

/** Where in a document the limit is met that the engine has named: it counts, and keeps no path. */
export function pathOfExcess(document: unknown, message: string): string | undefined {
  try {
    if (message.startsWith("Value is too large")) return largestField(document, 4 * DOCUMENT_SIZE_MAX);
    const limit = message.startsWith("Document is too nested")
      ? (_: object, depth: number) => depth > NESTING_MAX
      : (value: object) => !Array.isArray(value) && Object.keys(value).length > FIELDS_MAX;
    return find(document, "", 1, limit);
  } catch {
    // A getter or proxy that doesn't answer a second time.
    return undefined;
  }
}

function find(
  value: unknown,
  path: string,
  depth: number,
  isIt: (value: object, depth: number) => boolean,
): string | undefined {
  if (typeof value !== "object" || value === null || depth > NESTING_MAX + 1) return undefined;
  const isArray = Array.isArray(value);
  if (!isArray && !isSimpleObject(value)) return undefined;
  if (isIt(value, depth)) return path;
  for (const [name, field] of Object.entries(value)) {
    const found = find(field, isArray ? `${path}[${name}]` : `${path}.${name}`, depth + 1, isIt);
    if (found !== undefined) return found;
  }
  return undefined;
}
