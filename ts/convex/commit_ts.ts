/**
 * The time of a commit, before it is known. Convex fills it in; here nobody does, so that it can't be had.
 */
import { refusal } from "../refusal.js";

/** Stands for the time of a commit. */
export class CommitTsPlaceholder {
  /** Makes the type nominal. */
  declare private readonly _isCommitTsPlaceholder: undefined;

  /** A text, for those who print it; it is no number yet. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw refusal("A commit timestamp");
  }
  /** A text for those who print it. */
  toString(): string {
    return "[unresolved commit timestamp]";
  }
  /** Refused. */
  toJSON(): never {
    throw refusal("A commit timestamp");
  }
}
