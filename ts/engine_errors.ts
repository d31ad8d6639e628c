/**
 * What the engine says went wrong, as errors.
 */
import { ERROR_CODES, type ErrorCode, HoldfastError } from "./errors.js";
import { type Mailbox, Word } from "./mailbox.js";

/** What says that storage is in trouble, and not the caller. */
export const TROUBLE: ReadonlySet<string> = new Set([
  "QuotaExceeded",
  "StorageFailed",
  "StorageUnavailable",
  "OutcomeUnknown",
  "Corrupt",
  "DatabaseClosed",
  "EngineFault",
]);

/** An error by its code, as the engine tells it in a callback. */
export function errorOf(code: string, message: string): HoldfastError {
  return new HoldfastError(code as ErrorCode, message);
}

/** Why nothing can be done with a database that was closed. */
export function closed(): HoldfastError {
  return new HoldfastError("DatabaseClosed", "The database was closed. Open it again to go on.");
}

/** What an export of the engine has thrown: `[code, message]`. */
export function thrownError(problem: unknown): unknown {
  return Array.isArray(problem) ? errorOf(String(problem[0]), String(problem[1])) : problem;
}

/** The one that stands in the mailbox. */
export function errorIn(mailbox: Mailbox): HoldfastError {
  const path = mailbox.text(Word.Path);
  const details = path === "" ? {} : { details: { path } };
  return new HoldfastError(ERROR_CODES[mailbox.word(Word.Code)] ?? "EngineFault", mailbox.text(Word.Text), details);
}
