/** The database of this page, and the measuring around every use of it. */
import { openDatabase } from "holdfast";
import { number, plural } from "./dom";
import { schema } from "./schema";

export type Storage = "indexeddb" | "memory";
export type Durability = "relaxed" | "strict";

/** Opens the database. `onProblem` hears of what happens to it behind the scenes. */
export const open = (storage: Storage, durability: Durability, onProblem: (error: unknown) => void) =>
  openDatabase({ name: "holdfast-demo", schema, storage, durability, onProblem });

export type Db = Awaited<ReturnType<typeof open>>;

/** What one query or change was and took. */
export interface Cost {
  kind: "read" | "write";
  /** As it could be written in code. */
  text: string;
  /** The index that was used. */
  index: string;
  /** How much came out of it or went into it. */
  result: string;
  ms: number;
}

/** An open database, as the parts of the page share it. Another durability makes it another `Db`. */
export interface Session {
  readonly db: Db;
  readonly storage: Storage;
  readonly durability: Durability;
  /** Runs a query and notes what it cost. */
  read<T>(text: string, index: string, query: () => Promise<T>): Promise<T>;
  /** Runs a change, notes what it cost, and shows everything anew. A change that fails is rejected. */
  write<T>(text: string, change: () => Promise<T>): Promise<T>;
  /** Tells the page that changes are being saved, until this ends, and shows everything anew then. */
  saving<T>(changes: () => Promise<T>): Promise<T>;
  /** Notes what something cost that was measured elsewhere. */
  note(cost: Cost): void;
  /** Runs all queries of the page again. */
  refresh(): Promise<void>;
  /** All lists begin at their first page: what is in them now is not what was there. */
  startOver(): void;
  /** Shows a short message, or an error. What is said of a change that failed goes when a later one succeeds. */
  say: (message: string, action?: { text: string; run: () => Promise<void> }) => void;
  fail: (error: unknown, of?: "change") => void;
}

/** A part of the page. */
export interface View {
  readonly element: HTMLElement;
  /** Runs its queries again. Not called twice at the same time. */
  refresh(): Promise<void>;
  /** Goes to the first page, of a list. */
  startOver?(): void;
}

/** An answer in a word or two. */
export function resultOf(answer: unknown): string {
  if (typeof answer === "number") return `= ${number(answer)}`;
  if (Array.isArray(answer)) return plural(answer.length, "row");
  return "";
}
