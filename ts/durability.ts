/**
 * How safe what was written is, as a value that one can watch.
 */
import { requireFunction } from "./arguments.js";
import type { Bridge } from "./bridge.js";
import type { HoldfastError } from "./errors.js";
import { call } from "./live/entry.js";

/**
 * - `saved`: everything is on the disk;
 * - `pending`: something is on its way there;
 * - `degraded`: writing or reading has failed, `reason` says of what, and has not been seen to work again yet;
 * - `memory`: there is no disk: all is gone with the page;
 * - `closed`: the database was closed or deleted, or can't go on; `reason` says why.
 */
export type DurabilityState = "saved" | "pending" | "degraded" | "memory" | "closed";

/** How safe what was written is, at one moment. */
export interface DurabilitySnapshot {
  /** In a word. */
  readonly state: DurabilityState;
  /** Mutations of this tab that are finished and not saved. */
  readonly pending: number;
  /** Why it is degraded or closed. */
  readonly reason: HoldfastError | undefined;
  /** Bytes that this site takes, as the browser estimates it; `undefined` where it does not, or not yet. */
  readonly usage: number | undefined;
  /** Bytes that it may take. */
  readonly quota: number | undefined;
  /**
   * Whether the browser has promised to keep them. Without that it may delete the data of sites that were not used for
   * long when the disk is full.
   */
  readonly persisted: boolean | undefined;
  /** Days without a visit after which this browser deletes the site's data, whatever it has promised. */
  readonly evictedAfterDays: number | undefined;
}

/** Storage is asked how full it is so often while somebody listens. */
const ESTIMATE_MS = 30_000;

/** Watches how safe a database is. */
export class Durability implements DurabilitySnapshot {
  #snapshot: DurabilitySnapshot;
  readonly #bridge: Bridge;
  readonly #isMemory: boolean;
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  #isDue = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #estimate: Pick<DurabilitySnapshot, "usage" | "quota" | "persisted"> = UNKNOWN;

  /** @internal Use `db.durability`. */
  constructor(bridge: Bridge, isMemory: boolean) {
    this.#bridge = bridge;
    this.#isMemory = isMemory;
    this.#snapshot = this.#now();
    bridge.safetyListeners.add(() => {
      // Several mutations may end at once.
      if (this.#isDue) return;
      this.#isDue = true;
      // If nobody listens, somebody may ask.
      if (this.#callbacks.size > 0) queueMicrotask(() => this.#look());
    });
  }

  /** All of it, as one object that is another one whenever something has changed. */
  get snapshot(): DurabilitySnapshot {
    if (this.#isDue && this.#callbacks.size === 0) this.#look();
    return this.#snapshot;
  }

  get state(): DurabilityState {
    return this.snapshot.state;
  }
  get pending(): number {
    return this.snapshot.pending;
  }
  get reason(): HoldfastError | undefined {
    return this.snapshot.reason;
  }
  get usage(): number | undefined {
    return this.snapshot.usage;
  }
  get quota(): number | undefined {
    return this.snapshot.quota;
  }
  get persisted(): boolean | undefined {
    return this.snapshot.persisted;
  }
  get evictedAfterDays(): number | undefined {
    return this.snapshot.evictedAfterDays;
  }

  /** Calls a function whenever anything has changed, not now. Answers what ends that. */
  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    const own = { call: callback };
    // What it is now is known; it is told of what comes.
    if (this.#isDue && this.#callbacks.size === 0) this.#look();
    this.#callbacks.add(own);
    if (this.#timer === undefined && !this.#isMemory) {
      void this.refresh();
      this.#timer = setInterval(() => void this.refresh(), ESTIMATE_MS);
      (this.#timer as { unref?: () => void }).unref?.();
    }
    return () => {
      this.#callbacks.delete(own);
      if (this.#callbacks.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Asks the browser how full its storage is. Happens by itself now and then while somebody listens. */
  async refresh(): Promise<DurabilitySnapshot> {
    const storage = this.#isMemory ? undefined : storageManager();
    const [estimate, persisted] = await Promise.all([
      storage?.estimate?.().catch(() => undefined),
      storage?.persisted?.().catch(() => undefined),
    ]);
    this.#estimate = { usage: estimate?.usage, quota: estimate?.quota, persisted };
    this.#look();
    return this.snapshot;
  }

  /** @internal As `db.storage` has it. */
  async requestPersistence(): Promise<boolean> {
    const isPersisted = (!this.#isMemory && (await storageManager()?.persist?.())) || false;
    await this.refresh();
    return isPersisted;
  }

  #look(): void {
    this.#isDue = false;
    const [before, now] = [this.#snapshot, this.#now()];
    if ((Object.keys(now) as (keyof DurabilitySnapshot)[]).every((name) => now[name] === before[name])) return;
    this.#snapshot = now;
    for (const callback of [...this.#callbacks]) if (this.#callbacks.has(callback)) call(callback);
  }

  #now(): DurabilitySnapshot {
    const { pending, failure, isOver } = this.#bridge;
    const state = isOver
      ? "closed"
      : this.#isMemory
        ? "memory"
        : failure !== undefined
          ? "degraded"
          : pending > 0
            ? "pending"
            : "saved";
    const evictedAfterDays = !this.#isMemory && evictsUnused() ? 7 : undefined;
    return Object.freeze({ state, pending, reason: failure, ...this.#estimate, evictedAfterDays });
  }
}

const UNKNOWN = { usage: undefined, quota: undefined, persisted: undefined };

function storageManager(): Partial<StorageManager> | undefined {
  return (globalThis as { navigator?: { storage?: StorageManager } }).navigator?.storage;
}

/** Safari deletes what scripts have stored after seven days of use without a visit, but for apps on the home screen. */
function evictsUnused(): boolean {
  const { navigator, matchMedia } = globalThis as { navigator?: Navigator; matchMedia?: typeof globalThis.matchMedia };
  // What the other browsers on iOS are made of, too.
  if (navigator?.vendor?.startsWith("Apple") !== true) return false;
  return matchMedia?.("(display-mode: standalone)").matches !== true;
}
