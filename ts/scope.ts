/**
 * What `ctx.db` of one function stands on: a run of a mutation or read, and the function's own place in it. A function
 * that is called by another has a place of its own inside.
 */
import { invalidArgument } from "./arguments.js";
import type { Bridge } from "./bridge.js";
import { Status } from "./mailbox.js";
import { type HoldfastError, rejected } from "./errors.js";
import type { PageJournal } from "./query.js";
import type { Reader } from "./reads.js";
import { Writes } from "./writes.js";

/** One run of a transaction's function. */
export interface TransactionRun {
  /** The transaction's number. */
  readonly transaction: number;
  /** Where pages of an earlier run ended, if there was one. */
  readonly journal?: PageJournal | undefined;
  /** Whether it is at an end: the transaction is too, or runs again. */
  readonly isOver: boolean;
  /** Throws if it is, or has to end. */
  check(): void;
  /** Its state is gone. */
  lost(): never;
  /** The error of what comes too late. */
  closed(): HoldfastError;
}

/** So many functions may call each other: endless recursion is told before memory ends. */
const DEPTH_MAX = 128;

/** A function's place in a run. */
export class Scope implements Reader {
  readonly run: TransactionRun;
  /** What its writes have come to. */
  readonly writes = new Writes();
  readonly #bridge: Bridge;
  /** The function that has called this one, a query: it has no turn of its own. */
  readonly #caller: Scope | undefined;
  /** Settles when no function that this one has called so far runs: what it asks meanwhile comes after. */
  #parts: Promise<unknown> | undefined;
  #isOver = false;

  /** How many functions have called each other to come here. */
  readonly #depth: number;

  constructor(bridge: Bridge, run: TransactionRun, depth = 0, caller?: Scope) {
    if (depth > DEPTH_MAX) {
      throw invalidArgument(
        `Functions call each other more than ${DEPTH_MAX} levels deep. Does one of them call itself without an end?`,
      );
    }
    this.#bridge = bridge;
    this.run = run;
    this.#depth = depth;
    this.#caller = caller;
  }

  get transaction(): number {
    return this.run.transaction;
  }

  get journal(): PageJournal | undefined {
    return this.run.journal;
  }

  /** Whether the function has ended. */
  get isOver(): boolean {
    return this.#isOver || this.run.isOver;
  }

  check(): void {
    if (this.#isOver) throw this.run.closed();
    this.run.check();
  }

  lost(): never {
    return this.run.lost();
  }

  turn(): Promise<unknown> | undefined {
    return this.#parts ?? this.#caller?.turn();
  }

  /** The function has ended. */
  end(): void {
    this.#isOver = true;
  }

  /** The place of a query that this function calls. */
  ofQuery(): Scope {
    return new Scope(this.#bridge, this.run, this.#depth + 1, this);
  }

  /** Runs a mutation that this function calls. What it wrote is taken back when it fails. */
  part<T>(action: (inner: Scope) => Promise<T>): Promise<T> {
    if (this.isOver) return rejected(this.run.closed());
    // A write of this function's that waits for pages must not be taken for one of the part's; what comes later waits
    // for the part.
    const earlier: Promise<unknown>[] = [...this.writes.waiting];
    if (this.#parts !== undefined) earlier.push(this.#parts);
    const part = Promise.allSettled(earlier).then(() => this.#runPart(action));
    const ended = part.then(
      () => undefined,
      () => undefined,
    );
    this.#parts = ended;
    void ended.then(() => {
      if (this.#parts === ended) this.#parts = undefined;
    });
    return this.writes.begin(() => part);
  }

  async #runPart<T>(action: (inner: Scope) => Promise<T>): Promise<T> {
    const bridge = this.#bridge;
    const { transaction } = this;
    this.check();
    const inner = new Scope(bridge, this.run, this.#depth + 1);
    if (bridge.engine.beginPart(transaction) === Status.Failed) throw bridge.error();
    let isKept = false;
    try {
      const result = await action(inner);
      if (inner.writes.isOpen) await inner.writes.end();
      this.check();
      isKept = true;
      return result;
    } finally {
      inner.end();
      // Another run has parts of its own.
      if (!this.run.isOver && bridge.holds(transaction)) bridge.engine.endPart(transaction, isKept);
    }
  }
}
