/**
 * How a database stands to its server, as a value that one can watch.
 */
import { requireFunction } from "../arguments.js";
import { call } from "../live/entry.js";

/**
 * - `offline`: no server is wanted: `connect` was not called, or `disconnect` was;
 * - `connecting`: it is on its way there;
 * - `syncing`: it is there; documents go to and fro;
 * - `synced`: the server has all that is saved here, and the other way round, as far as both know;
 * - `error`: it is not there, and `failure` says why. It is tried again by itself.
 */
export type SyncState = "offline" | "connecting" | "syncing" | "synced" | "error";

/**
 * Why there is no connection:
 *
 * - `unreachable`: no socket could be opened. Browsers don't tell why: nobody is there, the network is down, or whoever is
 *   there wants nothing of this device;
 * - `lost`: it was there, and is not any more;
 * - `silent`: it took the connection, and does not answer;
 * - `notAServer`: what it says is not the protocol of automerge-repo;
 * - `version`: it speaks another version of it;
 * - `refused`: it does not want this device;
 * - `token`: no token could be had: `token` was a function, and has failed;
 * - `flood`: it sends faster than anybody can read;
 * - `worker`: the docs worker can't be loaded, or fails again and again: `connect` tries again.
 */
export type SyncFailureKind =
  "unreachable" | "lost" | "silent" | "notAServer" | "version" | "refused" | "token" | "flood" | "worker";

/** Why there is no connection. */
export interface SyncFailure {
  readonly kind: SyncFailureKind;
  /** For people. */
  readonly message: string;
  /** When it is tried again, in milliseconds since 1970; `undefined` if it is not. */
  readonly retryAt: number | undefined;
}

/** A document that is waited for: see `db.sync.join`. */
export interface AwaitedDocument {
  readonly link: string;
  /** Whether the server has said that it does not have it: it may come later. */
  readonly isUnavailable: boolean;
}

/** How a database stands to its server, at one moment. */
export interface SyncSnapshot {
  /** In a word. */
  readonly state: SyncState;
  /** The server; `undefined` while it is offline. */
  readonly url: string | undefined;
  /** Documents that are synced with it. */
  readonly documents: number;
  /** Those of them of which one of both has more than the other, as far as is known. */
  readonly unsynced: number;
  /** Those that are waited for. */
  readonly awaited: readonly AwaitedDocument[];
  /** Why there is no connection; `undefined` if that is no failure. */
  readonly failure: SyncFailure | undefined;
}

/** @internal What is shown before anything is known. */
export const OFFLINE: SyncSnapshot = Object.freeze({
  state: "offline",
  url: undefined,
  documents: 0,
  unsynced: 0,
  awaited: [],
  failure: undefined,
});

/** Watches how a database stands to its server. The same in all tabs. */
export class SyncStatus implements SyncSnapshot {
  #snapshot = OFFLINE;
  #text = JSON.stringify(OFFLINE);
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  /** Looks whether it is another one. */
  readonly #look: () => void;

  /** @internal Use `db.sync.status`. */
  constructor(look: () => void) {
    this.#look = look;
  }

  /** All of it, as one object that is another one whenever something has changed. */
  get snapshot(): SyncSnapshot {
    this.#look();
    return this.#snapshot;
  }
  get state(): SyncState {
    return this.snapshot.state;
  }
  get url(): string | undefined {
    return this.snapshot.url;
  }
  get documents(): number {
    return this.snapshot.documents;
  }
  get unsynced(): number {
    return this.snapshot.unsynced;
  }
  get awaited(): readonly AwaitedDocument[] {
    return this.snapshot.awaited;
  }
  get failure(): SyncFailure | undefined {
    return this.snapshot.failure;
  }

  /** Calls a function whenever something has changed. Answers what ends that. */
  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    const own = { call: callback };
    this.#callbacks.add(own);
    return () => void this.#callbacks.delete(own);
  }

  /** @internal What was shown last. */
  get last(): SyncSnapshot {
    return this.#snapshot;
  }

  /** @internal It stands so. Answers whether that is new. */
  show(snapshot: SyncSnapshot): boolean {
    if (!this.#take(snapshot)) return false;
    this.#tell();
    return true;
  }

  /** @internal The same, where somebody is asking for it: who follows it is told a moment later, not while they ask. */
  showLater(snapshot: SyncSnapshot): boolean {
    if (!this.#take(snapshot)) return false;
    queueMicrotask(() => this.#tell());
    return true;
  }

  #take(snapshot: SyncSnapshot): boolean {
    const text = JSON.stringify(snapshot);
    if (text === this.#text) return false;
    this.#text = text;
    this.#snapshot = Object.freeze(snapshot);
    return true;
  }

  #tell(): void {
    for (const callback of [...this.#callbacks]) call(callback);
  }
}
