/**
 * Who has to wait for whom. Mutations that run again do so one after another, in the order in which they lost: all at once,
 * each would change what the others have just read. And nobody begins to write while something is saved which others were
 * faster than again and again.
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

/** A time in which nobody begins to write. */
export class Pause {
  #over: Promise<void> | undefined;
  #hasWriters = false;

  /** Begins one of at most so long; answers what ends it. There is none now. */
  begin(ms: number): () => void {
    let resolve!: () => void;
    const over = new Promise<void>((done) => (resolve = done));
    this.#over = over;
    const end = () => {
      clearTimeout(timer);
      if (this.#over !== over) return;
      this.#over = undefined;
      this.#hasWriters = false;
      resolve();
    };
    const timer = setTimeout(end, ms);
    return end;
  }

  /** What somebody who is to write waits for. */
  forWriter(): Promise<void> | undefined {
    this.#hasWriters ||= this.#over !== undefined;
    return this.#over;
  }

  /** What a reader waits for: it sees what was to be written before. */
  forReader(): Promise<void> | undefined {
    return this.#hasWriters ? this.#over : undefined;
  }
}
