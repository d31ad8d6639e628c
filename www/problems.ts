/** What errors mean to the person in front of the page. */
import { ConvexError, HoldfastError, type ErrorCode } from "holdfast";

const advice: Partial<Record<ErrorCode, string>> = {
  SchemaEnforcementError: "The field that is marked is not what the table asks for: choose or correct it.",
  NonexistentDocument: "It was deleted meanwhile, perhaps in another tab.",
  StorageUnavailable:
    "The browser gives this page no place to store data. Private windows and strict privacy settings do that: open the " +
    "page in an ordinary window, or allow it to store data, and try again.",
  QuotaExceeded:
    "The disk, or the share of it that the browser gives this page, is full. Free some space, or delete something, and try again.",
  NewerFormat:
    "A newer version of this page has written this database. Close the page's other tabs and reload this one.",
  SchemaChanged: "Another tab runs another version of this page. Reload this one.",
  Corrupt: "A part of the stored data can't be read. “Verify” says which; the rest still works.",
  StorageFailed: "The browser's storage failed. Nothing was changed; try again.",
  OutcomeUnknown: "The connection to the storage was lost at a bad moment: look whether the change is in the list.",
};

/** What this page's own mutations throw: which field is wrong, and why. */
export type Refusal = { field: string; message: string };

/** An error in two parts: its name and text as the library gives them, and a sentence that says what to do. */
export interface Explained {
  code: string;
  message: string;
  advice?: string | undefined;
}

/** What ends a database for this page, until it is opened again. */
export const isEnd = (error: unknown): boolean =>
  error instanceof HoldfastError && ["DatabaseClosed", "StorageUnavailable", "EngineFault"].includes(error.code);

/** Explains whatever was thrown. */
export function explain(error: unknown): Explained {
  if (error instanceof HoldfastError) return { code: error.code, message: error.message, advice: advice[error.code] };
  // What a mutation of this page threw on purpose.
  if (error instanceof ConvexError) return { code: "", message: (error.data as Refusal).message };
  console.error(error);
  return { code: "", message: error instanceof Error ? error.message : String(error) };
}
