/**
 * Whoever has asked for an export or an import, while it goes on: they hear how far it is, may end it, and have the
 * thread now and then.
 */

/** How long others may wait for the thread. */
const TURN_MS = 50;

/** What a caller has given besides the work itself. */
export class Caller<Progress = never> {
  readonly signal: AbortSignal | undefined;
  readonly #onProgress: ((progress: Progress) => unknown) | undefined;
  /** Why a listener's promise was rejected. */
  #failure: { reason: unknown } | undefined;
  #turn = performance.now();

  constructor(onProgress?: (progress: Progress) => unknown, signal?: AbortSignal) {
    this.#onProgress = onProgress;
    this.signal = signal;
  }

  /** Tells how far it is. A listener that throws ends it; so does one whose promise is rejected, when it is seen. */
  tell(progress: Progress): void {
    const answer = this.#onProgress?.(progress);
    if (answer instanceof Promise) answer.catch((reason: unknown) => (this.#failure ??= { reason }));
  }

  /** Throws what ends it: the signal's reason, as `fetch` does, or what went wrong in a listener. */
  check(): void {
    if (this.signal?.aborted === true) throw this.signal.reason;
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /**
   * Checks, and says whether others are to have a turn: `if (caller.isDue) await caller.rest()`. What is read from memory
   * waits for nothing but promises, and no timer would ever fire.
   */
  get isDue(): boolean {
    this.check();
    return performance.now() - this.#turn >= TURN_MS;
  }

  /** Lets timers, events and other tasks have a turn. */
  async rest(): Promise<void> {
    // Not a timer: in a page that nobody looks at they come once a second.
    const { port1, port2 } = new MessageChannel();
    await new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(undefined);
    });
    port1.close();
    this.#turn = performance.now();
    this.check();
  }

  /** What an action answers, unless the caller has ended it: then that is why it fails. */
  async during<T>(action: () => Promise<T>): Promise<T> {
    this.check();
    try {
      const answer = await action();
      // What a listener heard last may still go wrong.
      await this.rest();
      return answer;
    } catch (error) {
      this.check();
      throw error;
    }
  }
}

/** One who neither listens nor ends it. */
export const nobody = new Caller();
