/**
 * Where encoders write: a byte region that can grow and may move.
 */
import { HoldfastError } from "./errors.js";

/**
 * Gives a region of at least `minimum` bytes that begins with the first `used` bytes written so far, and returns a view
 * of all of it. Called first with nothing used, and again whenever the old view is too small or was detached.
 */
export type Grow = (minimum: number, used: number) => Uint8Array;

/**
 * A growing region of bytes and the position of the next one.
 *
 * Over WASM memory a view is detached whenever the memory grows, for whatever reason, and writes to a detached view
 * vanish silently. A detached view has length 0, so `ensure` before a write finds out and asks for a new one.
 *
 * Positions count from the beginning of the region, never of the memory: they stay right when it moves.
 */
export class Sink {
  /** The current view. Don't keep it across calls of {@link Sink.ensure}. */
  bytes: Uint8Array;
  /** Where the next byte goes. */
  position = 0;
  /** Whether a value is being written. A getter of that value may call back into the database. */
  busy = false;
  readonly #grow: Grow;

  /** Takes the function that provides memory; called at once for the first region. */
  constructor(grow: Grow, initial = 4096) {
    this.#grow = grow;
    this.bytes = grow(initial, 0);
  }

  /** Makes room for `count` more bytes; 0 makes sure that what was written can be changed. */
  ensure(count: number): void {
    if (this.position + count > this.bytes.length) this.#enlarge(this.position + count);
  }

  /** Begins again at the start of the region. A getter of a value that is being written must not. */
  clear(): void {
    this.requireIdle();
    this.position = 0;
  }

  /** The region is gone: whoever writes next asks for another, and is told that there is none. */
  close(): void {
    this.bytes = new Uint8Array(0);
  }

  /** Throws while a value is being written. */
  requireIdle(): void {
    if (this.busy) {
      throw new HoldfastError("InvalidValue", "A getter of a value that is being written can't use the database.");
    }
  }

  /** A view of what was written. */
  written(): Uint8Array {
    this.ensure(0);
    return this.bytes.subarray(0, this.position);
  }

  #enlarge(minimum: number): void {
    this.bytes = this.#grow(minimum, this.position);
    if (this.bytes.length < minimum)
      throw new HoldfastError("EngineFault", "The engine gave less memory than asked for.");
  }
}

/** A sink in ordinary memory. */
export function heapSink(initial = 4096): Sink {
  let region = new Uint8Array(0);
  return new Sink((minimum, used) => {
    const larger = new Uint8Array(Math.max(minimum, region.length * 2));
    larger.set(region.subarray(0, used));
    region = larger;
    return region;
  }, initial);
}
