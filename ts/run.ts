/**
 * One run of the function of a mutation or a read, and when it has to end.
 */
import type { Bridge } from "./bridge.js";
import { HoldfastError } from "./errors.js";
import type { PageJournal } from "./query.js";
import type { TransactionRun } from "./scope.js";

/** How a mutation is run. */
export interface MutationOptions {
  /** What it is called in errors. */
  name: string;
  /** How long one run of the function may last; 0 is for ever, and undefined for one that ends by itself. */
  timeoutMs: number | undefined;
  /** Who of those that follow mutations does not hear of it: all, or one. */
  isNotFollowed?: boolean | object;
  /** Whether rows may come back without what they lie within: where that has a document, or anywhere. */
  dangling?: "inDocuments" | "anywhere";
}

/** Thrown inside a function whose state is gone, so that it ends early. It runs again whether it catches this or not. */
class RunAgain extends Error {
  override readonly name = "RunAgain";
  constructor() {
    super("What this function has read is gone; it runs again.");
  }
}

/** One run of a transaction's function. */
export class Run implements TransactionRun {
  readonly transaction: number;
  readonly #bridge: Bridge;
  /** Whether the function has to run again, whatever it makes of that. */
  isLost = false;
  /** How it is limited, if it is a mutation. */
  readonly #options: MutationOptions | undefined;
  readonly #deadline: number;
  #isOver = false;

  readonly journal: PageJournal | undefined;

  constructor(bridge: Bridge, transaction: number, options?: MutationOptions, journal?: PageJournal) {
    this.#bridge = bridge;
    this.transaction = transaction;
    this.journal = journal;
    this.#options = options;
    this.#deadline = options?.timeoutMs ? performance.now() + options.timeoutMs : Infinity;
  }

  closed(): HoldfastError {
    return new HoldfastError(
      "TransactionClosed",
      `This ${this.#options === undefined ? "read" : "mutation"} has ended; its \`ctx.db\` can't be used any more. ` +
        "Was a promise not awaited?",
    );
  }

  check(): void {
    if (this.#isOver) throw this.closed();
    // One that waits for nothing but its reads gives no timer a turn.
    if (this.#deadline !== Infinity && performance.now() > this.#deadline) throw timeout(this.#options!);
    if (!this.#bridge.holds(this.transaction) && !this.#bridge.isClosed) this.isLost = true;
    if (this.isLost) throw new RunAgain();
  }

  lost(): never {
    this.isLost = true;
    throw new RunAgain();
  }

  end(): void {
    this.#isOver = true;
  }

  get isOver(): boolean {
    return this.#isOver;
  }
}

/** Whether a run has taken too long. */
export function isTimeout(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "MutationTimeout";
}

/** The error of one that has. */
export function timeout({ name, timeoutMs }: MutationOptions): HoldfastError {
  const message = `The mutation "${name}" did not end within ${timeoutMs! / 1000} s. Nothing of it was saved. Inside it use \`ctx.db\`: a write by \`db\` may wait for the mutation, and one by the \`ctx\` of a function that has called this one does.`;
  return new HoldfastError("MutationTimeout", message, { details: { name, timeoutMs } });
}
