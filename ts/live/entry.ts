/**
 * One live query, however many hold it: its snapshot, and who is told of the next one.
 */
import type { LiveSnapshot } from "./live.js";

/** So long a result is kept when nobody holds it any more: a page that comes back has it at once. */
const LINGER_MS = 5000;

/** What is shown before anything is there. */
export const LOADING: LiveSnapshot<never> = Object.freeze({ value: undefined, status: "loading", error: undefined });

/** Calls somebody back. What an app's code throws harms nobody else, and is reported as an uncaught error. */
export function call(callback: { readonly call: () => void }): void {
  try {
    callback.call();
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else {
      setTimeout(() => {
        throw error;
      });
    }
  }
}

/** What an entry asks of whoever made it. */
export interface EntryOwner {
  /** It is to show something else. */
  changed(entry: Entry<any>): void;
  /** Nobody needs it any more. */
  dropped(entry: Entry<any>): void;
}

/** A result that several share. */
export class Entry<T> {
  /** The engine's number of it; 0 until it has one. */
  number = 0;
  /** What others find it by, if it may be shared. */
  readonly key: string | undefined;
  /** What it shows. */
  snapshot: LiveSnapshot<T> = LOADING;
  /** What it was when those who listen were told last. */
  #told: LiveSnapshot<T> = LOADING;
  /** What it will show together with others. */
  #next: LiveSnapshot<T> | undefined;
  readonly callbacks = new Set<{ readonly call: () => void }>();
  readonly #owner: EntryOwner;
  #holders = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #settled: Promise<void> | undefined;
  isDropped = false;

  constructor(owner: EntryOwner, key: string | undefined) {
    this.#owner = owner;
    this.key = key;
    this.linger();
  }

  /** Somebody needs it. */
  hold(): void {
    this.#holders += 1;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Somebody does not need it any more. */
  release(): void {
    this.#holders -= 1;
    this.linger();
  }

  /** Nobody may need it. */
  linger(): void {
    if (this.#holders > 0 || this.isDropped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.drop(), LINGER_MS);
    // In Node it would keep the process.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** Ends it. */
  drop(): void {
    if (this.isDropped) return;
    this.isDropped = true;
    clearTimeout(this.#timer);
    this.#owner.dropped(this);
  }

  /** Tells somebody of changes, and holds it for them. */
  subscribe(call: () => void): () => void {
    if (this.isDropped) {
      // It was looked at, and too long ago: whoever looks again gets another one.
      this.snapshot = Object.freeze({ ...this.snapshot });
      queueMicrotask(call);
      return () => undefined;
    }
    // The same function may be given twice.
    const callback = { call };
    this.callbacks.add(callback);
    this.hold();
    return () => {
      if (this.callbacks.delete(callback)) this.release();
    };
  }

  /** Waits until it shows something. */
  settled(): Promise<void> {
    this.#settled ??= new Promise((resolve) => {
      const end = this.subscribe(() => {
        if (this.snapshot.status === "loading" && !this.isDropped) return;
        end();
        resolve();
      });
    });
    return this.#settled;
  }

  /** What it shows, or is about to. */
  get latest(): LiveSnapshot<T> {
    return this.#next ?? this.snapshot;
  }

  /** It is to show something else, as soon as all that changes with it is there. */
  show(next: Partial<LiveSnapshot<T>>): void {
    const now = { ...this.latest, ...next };
    if (isSame(now, this.latest)) return;
    this.#next = Object.freeze(now);
    this.#owner.changed(this);
  }

  /** What it shows is not what the database says any more, and what it is to show has to wait for others. */
  defer(): void {
    if (this.snapshot.status === "ready") this.snapshot = Object.freeze({ ...this.snapshot, status: "updating" });
  }

  /** Shows what it is to show. Answers whether that is anything new for those who listen. */
  publish(): boolean {
    const next = this.#next;
    if (next === undefined) return false;
    this.#next = undefined;
    if (isSame(next, this.#told)) {
      this.snapshot = this.#told;
      return false;
    }
    this.snapshot = this.#told = next;
    return true;
  }

  /** It has a value. */
  ready(value: T): void {
    this.show({ value, status: "ready", error: undefined });
  }

  /** The next value is on its way. */
  wait(): void {
    if (this.latest.status !== "loading") this.show({ status: "updating" });
  }

  /** There is none. */
  fail(error: unknown): void {
    this.show({ status: "error", error });
  }
}

function isSame<T>(one: LiveSnapshot<T>, other: LiveSnapshot<T>): boolean {
  return one.value === other.value && one.status === other.status && one.error === other.error;
}
