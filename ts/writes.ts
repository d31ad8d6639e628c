/**
 * The writes of a function and its other calls, and whether somebody takes care of those that fail. A function that forgets
 * an `await` must not save half of what it meant: a failure that nobody has heard of when it ends is the function's own.
 *
 * Promises tell nobody whether they are listened to, so a write that fails, or that has to wait and may fail, gives a
 * promise of a class of its own, whose `then` says so; `await`, `catch` and `Promise.all` call it. One that has succeeded
 * at once, as nearly all do, gives an ordinary promise.
 */
import { rejected } from "./errors.js";

/** What the writes and calls of one function have come to. */
export class Writes {
  /** Failures that nobody has heard of, by the promises that nobody listens to. */
  readonly #failures = new Map<Write<unknown>, unknown>();
  /** Writes that wait for pages, or whose failure has not reached its promise. */
  readonly #waiting = new Set<Promise<unknown>>();
  /** Calls under way that write nothing: nobody but the function's end has to wait for them. */
  readonly #calls = new Set<Promise<unknown>>();

  /** Begins a write. It answers at once, unless it has to wait. */
  begin<T>(write: () => T | Promise<T>): Promise<T> {
    let outcome: T | Promise<T>;
    try {
      outcome = write();
    } catch (error) {
      outcome = rejected(error);
    }
    return outcome instanceof Promise ? this.follow(outcome, outcome) : Promise.resolve(outcome);
  }

  /** Follows a call that writes nothing. */
  call<T>(call: Promise<T>): Promise<T> {
    return this.follow(call, call, this.#calls);
  }

  /**
   * @internal A promise that fails when `write` does, and tells whether anybody listens to it. It is under way as one of
   * `those`.
   */
  follow<T>(promise: Promise<T>, write: Promise<unknown>, those = this.#waiting): Promise<T> {
    const followed = new Write<T>((resolve) => resolve(promise));
    followed.told = { writes: this, write, those };
    those.add(write);
    write.then(
      () => those.delete(write),
      (error: unknown) => {
        those.delete(write);
        if (followed.isHeard) return;
        this.#failures.set(followed, error);
        // It is told by the function; the platform need not complain as well.
        followed.silence();
      },
    );
    return followed;
  }

  /** @internal Somebody listens to this promise. */
  heard(promise: Write<unknown>): void {
    this.#failures.delete(promise);
  }

  /** Writes that are under way. */
  get waiting(): Iterable<Promise<unknown>> {
    return this.#waiting;
  }

  /** Whether there is something that {@link Writes.end} has to wait for or to tell. */
  get isOpen(): boolean {
    return this.#waiting.size + this.#calls.size + this.#failures.size > 0;
  }

  /** Waits for writes that nobody has waited for. Throws the first failure that nobody has heard of. */
  async end(): Promise<void> {
    while (this.#waiting.size + this.#calls.size > 0) {
      await Promise.allSettled([...this.#waiting, ...this.#calls]);
    }
    for (const error of this.#failures.values()) throw error;
  }
}

/** The promise of a write that may fail. */
class Write<T> extends Promise<T> {
  told: { writes: Writes; write: Promise<unknown>; those: Set<Promise<unknown>> } | undefined;
  isHeard = false;

  /** What `then` makes is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  override then<Success = T, Failure = never>(
    success?: ((value: T) => Success | PromiseLike<Success>) | null,
    failure?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Success | Failure> {
    const next = super.then(success, failure);
    this.#hear();
    // Who says only what follows on success hands the failure on.
    return typeof failure === "function" ? next : this.#handOn(next);
  }

  override finally(action?: (() => void) | null): Promise<T> {
    return this.#handOn(super.finally(action));
  }

  silence(): void {
    super.then(undefined, () => undefined);
  }

  #hear(): void {
    this.isHeard = true;
    this.told?.writes.heard(this);
  }

  #handOn<U>(next: Promise<U>): Promise<U> {
    const { told } = this;
    return told === undefined ? next : told.writes.follow(next, told.write, told.those);
  }
}
