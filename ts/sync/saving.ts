/**
 * What the docs worker wants saved, as commits of this page.
 */
import type { Bridge } from "../bridge.js";
import { HoldfastError } from "../errors.js";
import { giveWay } from "../give_way.js";
import { Status } from "../mailbox.js";
import { mutate } from "../transactions.js";
import { askEngine } from "./ask_engine.js";
import type { SyncEngine } from "./engine.js";

/** The document was another one than that which a merge stands on. */
class Outdated extends Error {}

/** So long the page works on a merge before others have their turn. */
const SLICE_MS = 6;

/** After so many merges of a document in a row that came too late nobody else begins to write until one is saved: */
const LATE = 2;
/** for so long at most, and then not again for as long. */
const PAUSE_FOR_MERGES_MS = 250;

/** So long is waited before a merge is tried again that storage has failed of. */
const PAUSE_MS = 1000;

// Nobody wants to take them back.
const MERGE = { name: "merge", timeoutMs: undefined, isNotFollowed: true };
const LEAVE = { name: "leave", timeoutMs: undefined, isNotFollowed: true };
const SMALLER = { name: "compress changes", timeoutMs: undefined, isNotFollowed: true };
const SNAPSHOT = { name: "snapshot", timeoutMs: undefined, isNotFollowed: true };

/** So often it is tried to leave a document that somebody writes to. */
const LEAVE_TRIES = 10;

/** What has become of a merge, as the hub is told it. */
export type MergeOutcome = readonly [outcome: 0 | 1 | 2, reason: string];

/** Saves what has come of documents. */
export class Saving {
  readonly #bridge: Bridge;
  /** How many merges of documents in a row came too late. */
  readonly #late = new Map<string, number>();
  /** Ends the pause that merges have asked for. */
  #endPause: (() => void) | undefined;
  /** When they may ask for another. */
  #nextPause = 0;

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  get #engine(): SyncEngine {
    return this.#bridge.engine as SyncEngine;
  }

  /** Saves more of a document, which has this key among others. Rejects if the database is closed. */
  async merge(key: string, root: Uint8Array, message: Uint8Array): Promise<MergeOutcome> {
    // Who comes too late again and again does not let others go first.
    const times = this.#late.get(key) ?? 0;
    const isPatient = times === 0;
    const begin = (engine: SyncEngine, transaction: number) => engine.beginMerge(transaction, root, message);
    const more = (engine: SyncEngine, transaction: number) => engine.mergeMore(transaction);
    const merge = async ({ transaction }: { readonly transaction: number }) => {
      await this.#call(transaction, begin, isPatient);
      await this.#call(transaction, more, isPatient);
    };
    try {
      await mutate(this.#bridge, merge, MERGE);
      this.#late.delete(key);
      return [0, ""];
    } catch (error) {
      if (error instanceof Outdated) {
        this.#late.set(key, times + 1);
        if (times + 1 >= LATE) this.#pause();
        // Where hub and page are one thread, nobody else would have a turn between one try and the next.
        await giveWay();
        return [1, ""];
      }
      if (!(error instanceof HoldfastError) || this.#bridge.isOver) throw error;
      if (error.code === "DocumentRefused") return [2, error.message];
      // Storage fails, of which others tell.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      return [1, ""];
    }
  }

  /** Saves a document in one piece, and answers how many bytes it has; 0 if that can't be now: it will be another time. */
  async shrink(root: Uint8Array, heads: Uint8Array[], snapshot: Uint8Array): Promise<number> {
    // Its memory may be given to the engine.
    const bytes = snapshot.length;
    const save = (engine: SyncEngine, transaction: number) => engine.saveSnapshot(transaction, root, heads, snapshot);
    try {
      await mutate(this.#bridge, (scope) => this.#call(scope.transaction, save, false), SNAPSHOT);
      return bytes;
    } catch (error) {
      if (!(error instanceof Outdated) && this.#bridge.isOver) throw error;
      return 0;
    }
  }

  /** Deletes a document here with the rows that lie in it. Rejects with what `check` throws, asked right before that is saved. */
  async leave(root: Uint8Array, check: () => void): Promise<void> {
    const begin = (engine: SyncEngine, transaction: number) => engine.beginToLeave(transaction, root);
    const more = (engine: SyncEngine, transaction: number) => engine.leaveMore(transaction);
    const leave = async ({ transaction }: { readonly transaction: number }) => {
      // Another tab may have left it meanwhile.
      if (!(await this.#call(transaction, begin, true))) return;
      await this.#call(transaction, more, true);
      check();
    };
    for (let tries = 1; ; tries += 1) {
      try {
        return await mutate(this.#bridge, leave, LEAVE);
      } catch (error) {
        if (!(error instanceof Outdated)) throw error;
        if (tries === LEAVE_TRIES) {
          const message = "Somebody writes to what is to be left, again and again. Nothing has changed: try again.";
          throw new HoldfastError("TooManyConflicts", message);
        }
        await giveWay();
      }
    }
  }

  /** Stores long changes in less space. */
  async compress(): Promise<void> {
    const { compressed } = await import("./compress.js");
    for (;;) {
      const found = await askEngine(this.#bridge, (engine) => engine.longChanges());
      const keys: Uint8Array[] = [];
      const smaller: Uint8Array[] = [];
      for (const [key, changes] of found as [Uint8Array, Uint8Array][]) {
        keys.push(key);
        smaller.push((await compressed(changes)) ?? new Uint8Array());
      }
      if (keys.length === 0) return;
      const save = (engine: SyncEngine, transaction: number) => engine.saveSmaller(transaction, keys, smaller);
      await mutate(this.#bridge, (scope) => this.#call(scope.transaction, save, false), SMALLER);
    }
  }

  /** Lets others write again: nothing is under way. */
  rest(): void {
    this.#endPause?.();
  }

  /** Lets nobody begin to write until what is under way is done. */
  #pause(): void {
    const now = Date.now();
    if (now < this.#nextPause) return;
    this.#nextPause = now + 2 * PAUSE_FOR_MERGES_MS;
    this.#endPause = this.#bridge.pause.begin(PAUSE_FOR_MERGES_MS);
  }

  /**
   * Calls the engine until it has done what it was asked for, and answers whether there was anything to do; who is patient lets
   * others go first now and then.
   */
  async #call(
    transaction: number,
    call: (engine: SyncEngine, transaction: number) => number,
    isPatient: boolean,
  ): Promise<boolean> {
    let resumed = performance.now();
    for (;;) {
      const status = call(this.#engine, transaction);
      if (status === Status.Done) return true;
      if (status === Status.Nothing) return false;
      if (status === Status.Failed) throw this.#bridge.error();
      if (status === Status.Missing) {
        await this.#bridge.ready(this.#bridge.read());
        resumed = performance.now();
      } else if (status !== Status.Paused) {
        throw new Outdated();
      } else if (isPatient && performance.now() - resumed > SLICE_MS) {
        await giveWay();
        resumed = performance.now();
      }
    }
  }
}
