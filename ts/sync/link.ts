/**
 * Two databases of one page that talk with each other, as if they were on two devices.
 */
import { invalidArgument, requireFunction } from "../arguments.js";
import { describe } from "../describe.js";
import { giveWay } from "../give_way.js";
import { call } from "../live/entry.js";
import { DatabaseSync, type PeerEnd } from "./database_sync.js";
import { type Frame, keyOf } from "./frames.js";
import type { SyncedDatabase } from "./synced_database.js";

/** What joins two databases. Made by {@link linkInMemory}. */
export interface MemoryLink {
  /** Whether it passes anything on. */
  readonly isConnected: boolean;
  /** Whether both have the same, as far as both know; false while it is not connected. */
  readonly isSynced: boolean;
  /** Passes on from now on what they say to each other. Throws `DatabaseClosed` if one of them was closed. */
  connect(): void;
  /** What is on its way is lost, and nothing is passed on any more. */
  disconnect(): void;
  /** Calls a function whenever either of those has changed. Answers what ends that. */
  subscribe(callback: () => void): () => void;
}

/**
 * Joins two databases of this page: each gets the documents of the other, but for what belongs to the person alone. For
 * tests, and to show what syncing does.
 *
 * ```ts
 * const link = linkInMemory(laptop, phone);
 * link.disconnect(); // both go on for themselves
 * link.connect(); // and meet
 * ```
 */
export function linkInMemory(first: SyncedDatabase<any>, second: SyncedDatabase<any>): MemoryLink {
  for (const one of [first, second] as unknown[]) {
    if (!((one as { sync?: unknown } | null | undefined)?.sync instanceof DatabaseSync)) {
      throw invalidArgument(`\`linkInMemory\` takes two databases with synced tables. Received ${describe(one)}.`);
    }
  }
  const databases = [first.sync, second.sync] as const;
  for (const sync of databases) sync.requireOpen();
  if (first === second)
    throw invalidArgument("A database can't be linked with itself: open another one under another name.");
  return new Link(databases);
}

class Link implements MemoryLink {
  readonly #databases: readonly [DatabaseSync, DatabaseSync];
  /** The ends of this connection. */
  #ends: PeerEnd[] | undefined;
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  /** Documents that they have spoken of, and whether each end knows that both have the same. */
  #documents = new Map<string, [boolean, boolean]>();
  /** How many have said which documents they have. */
  #introduced = 0;
  #underWay = 0;

  constructor(databases: readonly [DatabaseSync, DatabaseSync]) {
    this.#databases = databases;
    this.connect();
  }

  get isConnected(): boolean {
    return this.#ends !== undefined && !this.#databases.some(({ isOver }) => isOver);
  }

  get isSynced(): boolean {
    return (
      this.isConnected &&
      this.#introduced === 2 &&
      this.#underWay === 0 &&
      this.#ends!.every((end) => end.isIdle()) &&
      [...this.#documents.values()].every(([first, second]) => first && second)
    );
  }

  connect(): void {
    for (const database of this.#databases) database.requireOpen();
    if (this.#ends !== undefined) return;
    const ends: PeerEnd[] = [];
    this.#ends = ends;
    this.#documents = new Map();
    this.#introduced = 0;
    this.#underWay = 0;
    for (const side of [0, 1] as const) ends[side] = this.#databases[side].attach(this.#end(side, ends));
    this.#changed();
  }

  #end(side: 0 | 1, ends: PeerEnd[]): Parameters<DatabaseSync["attach"]>[0] {
    const isCurrent = () => this.#ends === ends;
    const underWay: Frame[] = [];
    return {
      device: this.#databases[1 - side]!.device,
      send: (frame) => {
        if (!isCurrent()) return;
        if (frame.type === "documents") this.#introduced += 1;
        for (const id of frame.type === "documents" ? frame.ids : [frame.id]) this.#standing(id);
        this.#underWay += 1;
        // As between devices: never on the sender's stack, and in order.
        underWay.push(frame);
        void giveWay().then(() => {
          if (!isCurrent()) return;
          this.#underWay -= 1;
          ends[1 - side]!.receive(underWay.shift()!);
          this.#changed();
        });
      },
      restart: () => {
        if (!isCurrent()) return;
        this.disconnect();
        void giveWay().then(() => {
          if (!this.#databases.some(({ isOver }) => isOver)) this.connect();
        });
      },
      lose: () => {
        if (isCurrent()) this.disconnect();
      },
      status: (id, isSynced) => {
        if (!isCurrent()) return;
        this.#standing(id)[side] = isSynced;
        this.#changed();
      },
      idle: () => {
        if (isCurrent()) this.#changed();
      },
    };
  }

  #standing(id: Uint8Array): [boolean, boolean] {
    const key = keyOf(id);
    const known = this.#documents.get(key) ?? [false, false];
    this.#documents.set(key, known);
    return known;
  }

  disconnect(): void {
    const ends = this.#ends;
    if (ends === undefined) return;
    this.#ends = undefined;
    for (const end of ends) end.end();
    this.#changed();
  }

  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    const own = { call: callback };
    this.#callbacks.add(own);
    return () => void this.#callbacks.delete(own);
  }

  #changed(): void {
    for (const callback of [...this.#callbacks]) call(callback);
  }
}
