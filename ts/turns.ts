/**
 * Mutations that run again do so one after another, in the order in which they lost. All at once, each would change what
 * the others have just read.
 */

/** After so long the next one no longer waits: what runs may itself wait for one that comes later. */
const PATIENCE_MS = 1_000;

/** A line of functions. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn, with what ends it. */
  take(): Promise<() => void> {
    let end!: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const turn = this.#last.then(() => {
      const timer = setTimeout(end, PATIENCE_MS);
      return () => {
        clearTimeout(timer);
        end();
      };
    });
    this.#last = ended;
    return turn;
  }
}
