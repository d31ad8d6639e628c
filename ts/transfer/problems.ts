/**
 * What is wrong with a file, in Convex's words where it has some.
 */
import { describeError } from "../describe.js";
import { type ErrorCode, HoldfastError } from "../errors.js";

/** The place of a problem in a file. */
export interface FilePlace {
  /** The table. */
  readonly table?: string;
  /** Which of its rows, from 1. */
  readonly row?: number;
}

const PREFIX = "Hit an error while importing:\n";

/** A file that is not what it should be. */
export function invalidImport(message: string, place: FilePlace = {}, cause?: unknown): HoldfastError {
  return new HoldfastError("InvalidImport", PREFIX + message, {
    details: { ...place },
    ...(cause !== undefined && { cause }),
  });
}

/** A file whose bytes can't be had. What is wrong with the bytes has been said. */
export function unreadable(cause: unknown, what: string): unknown {
  if (cause instanceof HoldfastError) return cause;
  return invalidImport(`${what} can't be read, or was changed meanwhile: ${describeError(cause)}`, {}, cause);
}

/** What an error says, without that it was met while importing. */
export function sentenceOf(problem: HoldfastError): string {
  return problem.message.replace(PREFIX, "");
}

/** A row that can't be read. */
export function invalidRow(problem: unknown, place: FilePlace, kind: string): HoldfastError {
  const said = problem instanceof HoldfastError ? sentenceOf(problem) : describeError(problem);
  return invalidImport(`Row ${place.row}${inTable(place)} wasn't valid ${kind}: ${said}`, place, problem);
}

/** A line of another file than that of the rows, which can't be read. */
export function invalidLine(problem: unknown, place: FilePlace, file: string): HoldfastError {
  return invalidImport(`Line ${place.row} of ${file} isn't valid: ${describeError(problem)}`, place, problem);
}

/** What may be wrong with a row. A closed database or a full disk is not its fault. */
const OF_ROWS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "InvalidValue",
  "ValueTooLarge",
  "SchemaEnforcementError",
  "InvalidId",
  "WrongTable",
  "DuplicateId",
  "InvalidArgument",
]);

/** The error of a row that the database does not take, with its place. */
export function refusedRow(error: unknown, place: FilePlace): unknown {
  if (!(error instanceof HoldfastError) || error.message.startsWith(PREFIX) || !OF_ROWS.has(error.code)) return error;
  const message = `${PREFIX}Row ${place.row}${inTable(place)}: ${error.message}`;
  const details = { ...error.details, ...place };
  return new HoldfastError(error.code, message, { details, retryable: error.retryable, cause: error });
}

/** The error of an import that saves batch by batch, with how many documents it has saved before. */
export function withSaved(error: unknown, saved: number): unknown {
  if (!(error instanceof HoldfastError)) return error;
  const { code, message, retryable, cause } = error;
  return new HoldfastError(code, message, { details: { ...error.details, saved }, retryable, cause });
}

const inTable = ({ table }: FilePlace) => (table === undefined ? "" : ` of table "${table}"`);
