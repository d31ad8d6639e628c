/**
 * Live queries as an app holds them: a value that follows the database, and how it is told.
 */
import { requireFunction } from "../arguments.js";
import type { Entry } from "./entry.js";

/**
 * How a live query's value stands to the database:
 *
 * - `loading`: there is none yet;
 * - `ready`: it is what the database says, as far as this tab knows;
 * - `updating`: it is what the database said a moment ago; the next one waits for pages or for a function;
 * - `error`: it could not be read. What it was before stays there. It is read again when what it depends on changes.
 */
export type LiveStatus = "loading" | "ready" | "updating" | "error";

/** What a live query shows at one moment. */
export interface LiveSnapshot<T> {
  /** The value, or `undefined` as long as there is none. */
  readonly value: T | undefined;
  /** How it stands to the database. */
  readonly status: LiveStatus;
  /** Why it could not be read; `undefined` if it could. */
  readonly error: unknown;
}

/**
 * A value that follows the database. Made by `db.live`.
 *
 * All live queries of a commit change together, before any callback is called; documents that are unchanged stay the
 * same objects, and a value in which nothing has changed stays the same.
 */
export class Live<T> implements LiveSnapshot<T> {
  readonly #entry: Entry<T>;
  readonly #subscriptions = new Set<() => void>();
  #isStopped = false;

  /** @internal Use `db.live`. */
  constructor(entry: Entry<T>) {
    this.#entry = entry;
    entry.hold();
  }

  /** The value, or `undefined` as long as there is none. */
  get value(): T | undefined {
    return this.#entry.snapshot.value;
  }

  /** How it stands to the database. */
  get status(): LiveStatus {
    return this.#entry.snapshot.status;
  }

  /** Why it could not be read; `undefined` if it could. */
  get error(): unknown {
    return this.#entry.snapshot.error;
  }

  /** All three, as one object that is another one whenever they have changed. */
  get snapshot(): LiveSnapshot<T> {
    return this.#entry.snapshot;
  }

  /**
   * Calls a function whenever anything has changed, not now. Answers what ends that. Callbacks are called in a task of
   * their own, never inside each other; what one throws harms nobody else and is reported as an uncaught error.
   */
  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    if (this.#isStopped) return () => undefined;
    const end = this.#entry.subscribe(callback);
    this.#subscriptions.add(end);
    return () => {
      this.#subscriptions.delete(end);
      end();
    };
  }

  /** Ends it. It follows nothing any more; its value stays what it was. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const end of this.#subscriptions) end();
    this.#subscriptions.clear();
    this.#entry.release();
  }
}
