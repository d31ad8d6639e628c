/**
 * Who waits for an answer of the engine that comes later.
 */
import type { HoldfastError } from "./errors.js";

/** How a promise is settled from outside. */
export interface Waiter<T = void> {
  resolve(value: T): void;
  reject(error: HoldfastError): void;
}

/** What a repair came to. */
interface Repaired {
  rows: number;
  lost: string[];
}

/** Those who wait for pages, for another schema and for the end of a repair. */
export class Waiting {
  readonly #reads = new Map<number, Waiter>();
  /** Reads that were over before anyone could wait for them. */
  #early = new Map<number, HoldfastError | undefined>();
  #schema: (() => void)[] = [];
  readonly #repairs: Waiter<Repaired>[] = [];

  /** Waits for pages. */
  ready(read: number): Promise<void> {
    if (this.#early.size > 0) {
      const early = this.#early;
      this.#early = new Map();
      if (early.has(read)) {
        const error = early.get(read);
        return error === undefined ? Promise.resolve() : Promise.reject(error);
      }
    }
    return new Promise((resolve, reject) => this.#reads.set(read, { resolve, reject }));
  }

  /** They are there, or don't come. */
  readReady(read: number, error: HoldfastError | undefined): void {
    const waiter = this.#reads.get(read);
    if (waiter === undefined) {
      this.#early.set(read, error);
      return;
    }
    this.#reads.delete(read);
    if (error === undefined) waiter.resolve();
    else waiter.reject(error);
  }

  /** Waits until the schema changes. */
  schemaChange(): Promise<void> {
    return new Promise((resolve) => this.#schema.push(resolve));
  }

  /** It has. */
  schemaChanged(): void {
    const waiters = this.#schema;
    this.#schema = [];
    for (const resolve of waiters) resolve();
  }

  /** Waits for the end of a repair, which `start` begins. */
  repair(start: () => void): Promise<Repaired> {
    return new Promise((resolve, reject) => {
      this.#repairs.push({ resolve, reject });
      start();
    });
  }

  /** It has come. */
  repaired(outcome: Repaired | HoldfastError): void {
    for (const waiter of this.#repairs.splice(0)) {
      if ("rows" in outcome) waiter.resolve(outcome);
      else waiter.reject(outcome);
    }
  }

  /** No answer will come. */
  end(error: HoldfastError): void {
    for (const waiter of [...this.#reads.values(), ...this.#repairs.splice(0)]) waiter.reject(error);
    this.#reads.clear();
    this.#early.clear();
    // Who waits for an index asks again, and hears of the end.
    this.schemaChanged();
  }
}
