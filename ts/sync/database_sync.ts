/**
 * What is about syncing itself: `db.sync`.
 */
import type { Bridge } from "../bridge.js";
import type { HoldfastError } from "../errors.js";
import { Status } from "../mailbox.js";
import type { Scope } from "../scope.js";
import { mutate } from "../transactions.js";
import { type Peer, SyncedDocuments } from "./documents.js";
import type { SyncEngine } from "./engine.js";
import { giveWay } from "../give_way.js";
import { type Frame, keyOf } from "./frames.js";

/** So often the docs worker is asked for rows that documents have. */
const TAKE_TRIES = 3;

/** So long after opening tables are settled, if nobody waits for that: what the page shows first comes before. */
const SETTLE_MS = 100;

/** @internal An end of a connection. */
export interface PeerEnd {
  /** Takes in what the other end says. */
  receive(frame: Frame): void;
  /** Whether all is done that follows from it. */
  isIdle(): boolean;
  /** Ends it. */
  end(): void;
}

/** How a database is synced. `db.sync`. */
export class DatabaseSync {
  readonly #bridge: Bridge;
  /** Hears that other rows may be kept and not shown than before, or other documents be refused. */
  readonly #hiddenChanged: () => void;

  /** @internal Its documents. */
  readonly documents: SyncedDocuments;
  /** @internal Why documents of peers can't be taken in, by their ids. */
  readonly refused = new Map<string, string>();
  /** @internal What peers know it by. */
  readonly device = keyOf(crypto.getRandomValues(new Uint8Array(16)));

  /** What is under way of tables that have become synced, or no longer are, and what was the first of it. */
  #settling: Promise<void> | undefined;
  #settled: Promise<void> | undefined;

  /** @internal */
  constructor(bridge: Bridge, hiddenChanged: () => void) {
    this.#bridge = bridge;
    this.#hiddenChanged = hiddenChanged;
    this.documents = new SyncedDocuments(
      bridge,
      hiddenChanged,
      () => void (this.#settling = this.#begun().then(() => this.#settleTables())),
    );
    const timer: unknown = setTimeout(() => void this.#begun(), SETTLE_MS);
    // A process need not wait for it: whoever opens the database next does it.
    if (typeof timer === "object") (timer as { unref(): void }).unref();
  }

  /** @internal Whether the database is closed. */
  get isOver(): boolean {
    return this.#bridge.isOver;
  }

  /** @internal Throws if it is. */
  requireOpen(): void {
    if (this.isOver) throw this.#bridge.ended;
  }

  /**
   * Settles when rows of tables that have become synced have their documents, and those of others have none. Where documents
   * have rows of such a table already, the docs worker reads them first. Rejects with `DatabaseClosed` if the database is
   * closed before.
   */
  get settled(): Promise<void> {
    void this.#begun();
    const settled = this.#settled!.then(() => this.requireOpen());
    // Who asks only to begin it need not listen.
    settled.catch(() => undefined);
    return settled;
  }

  #begun(): Promise<void> {
    return (this.#settling ??= this.#settled = this.#settleTables());
  }

  /** @internal Begins to talk with another database; answers how to pass on what it says, and how to end that. */
  attach(peer: Omit<Peer, "setAside">): PeerEnd {
    void this.#begun();
    const number = this.documents.attach({
      ...peer,
      setAside: (id, reason) => this.#setAside(id, reason),
    });
    return {
      receive: (frame) => this.documents.receive(number, frame),
      isIdle: () => this.documents.isIdle,
      end: () => this.documents.detach(number),
    };
  }

  #setAside(id: Uint8Array, reason: string): void {
    this.refused.set(keyOf(id), reason);
    this.#hiddenChanged();
  }

  /**
   * Tables may have become synced, or no longer be, and rows that an earlier version of the schema has left out may fit
   * this one.
   */
  async #settleTables(): Promise<void> {
    const bridge = this.#bridge;
    if (bridge.isOver) return;
    const settle = async (scope: Scope): Promise<boolean> => {
      for (;;) {
        scope.check();
        const status = (bridge.engine as SyncEngine).settleTables(scope.transaction);
        if (status === Status.Paused) return true;
        if (status === Status.Nothing) return false;
        if (status === Status.Failed) throw bridge.error();
        if (status !== Status.Missing) scope.lost();
        await bridge.ready(bridge.read());
      }
    };
    const options = { name: "settle tables", timeoutMs: undefined, isNotFollowed: true } as const;
    try {
      for (let tries = 0; ; tries += 1) {
        while (await mutate(bridge, settle, options)) await giveWay();
        // A worker that fails has been told of; it is asked again when there is a peer, or the database is opened.
        if (tries === TAKE_TRIES || !(await this.documents.takeTables())) return;
      }
    } catch (error) {
      if (!bridge.isOver && !bridge.isDown) bridge.tell(error as HoldfastError);
    }
  }
}
