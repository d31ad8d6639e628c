/**
 * What a command can't do, as a sentence for people, and what it ends with then.
 */

/** What commands end with. */
export const Exit = {
  /** Done. */
  Fine: 0,
  /** The command was understood, and something is wrong with a file. */
  Failed: 1,
  /** The command itself is wrong: its options, or the file that it names. */
  Usage: 2,
} as const;

/** Ends a command with a sentence instead of a stack trace. */
export class Problem extends Error {
  readonly exit: number;

  constructor(message: string, exit: number = Exit.Failed) {
    super(message);
    this.exit = exit;
  }
}

/** A command that can't be carried out as it was given. */
export function usageProblem(message: string): Problem {
  return new Problem(message, Exit.Usage);
}
