/**
 * A value that is read anew when it may have changed, and told when it has.
 */
import { requireFunction } from "../arguments.js";
import { call, LOADING } from "../live/entry.js";
import type { LiveSnapshot, LiveStatus } from "../live/live.js";

/** What JSON does not tell apart, as objects that no document has: names of fields don't begin so. */
const plain = (_: string, part: unknown): unknown => {
  if (part instanceof ArrayBuffer) return { $bytes: Array.from(new Uint8Array(part)) };
  if (typeof part === "bigint") return { $integer: String(part) };
  const isPlain = typeof part !== "number" || (Number.isFinite(part) && !Object.is(part, -0));
  return isPlain ? part : { $float: Object.is(part, -0) ? "-0" : String(part) };
};

/** A value that follows the database, as `Live` does. */
export class LiveValue<T> implements LiveSnapshot<T> {
  readonly #read: () => Promise<T>;
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  #snapshot: LiveSnapshot<T> = LOADING;
  #text = "";
  /** Whether it is being read, and whether it has to be read again then. */
  #isReading = false;
  #isOld = false;
  #isWanted = false;

  /** @internal */
  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** The value, or `undefined` as long as there is none. */
  get value(): T | undefined {
    return this.snapshot.value;
  }

  /** How it stands to the database. */
  get status(): LiveStatus {
    return this.snapshot.status;
  }

  /** Why it could not be read; `undefined` if it could. */
  get error(): unknown {
    return this.snapshot.error;
  }

  /** All three, as one object that is another one whenever they have changed. */
  get snapshot(): LiveSnapshot<T> {
    this.#want();
    return this.#snapshot;
  }

  /** What it is now. */
  async current(): Promise<T> {
    return this.#read();
  }

  /** Calls a function whenever anything has changed, not now. Answers what ends that. */
  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    const own = { call: callback };
    this.#callbacks.add(own);
    this.#want();
    return () => void this.#callbacks.delete(own);
  }

  /** @internal It may be another one. */
  changed(): void {
    if (this.#isWanted) this.#update();
  }

  #want(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#update();
  }

  #update(): void {
    this.#isOld = true;
    if (this.#isReading) return;
    this.#isReading = true;
    // Many changes of one task are one.
    void Promise.resolve().then(() => this.#readAll());
  }

  async #readAll(): Promise<void> {
    while (this.#isOld) {
      this.#isOld = false;
      try {
        const value = await this.#read();
        const text = JSON.stringify(value, plain);
        if (this.#snapshot.status === "ready" && text === this.#text) continue;
        this.#text = text;
        this.#show({ value, status: "ready", error: undefined });
      } catch (error) {
        this.#show({ value: this.#snapshot.value, status: "error", error });
      }
    }
    this.#isReading = false;
  }

  #show(snapshot: LiveSnapshot<T>): void {
    this.#snapshot = Object.freeze(snapshot);
    for (const callback of [...this.#callbacks]) call(callback);
  }
}
