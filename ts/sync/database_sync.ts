/**
 * What is about syncing itself: `db.sync`.
 */
import { invalidArgument, requireText } from "../arguments.js";
import type { Bridge, EngineOptions } from "../bridge.js";
import type { GenericId } from "../data_model.js";
import { HoldfastError } from "../errors.js";
import { Status } from "../mailbox.js";
import { readOptions } from "../options.js";
import type { Scope } from "../scope.js";
import { mutate } from "../transactions.js";
import { type DocumentStatus, DocumentStatuses } from "./document_status.js";
import { SyncedDocuments } from "./documents.js";
import type { SyncEngine } from "./engine.js";
import { giveWay } from "../give_way.js";
import { type Frame, keyOf } from "./frames.js";
import { ServerStates } from "./server_states.js";
import { type ConnectOptions, Servers } from "./servers.js";
import { Links } from "./links.js";
import type { LiveValue } from "./live_value.js";
import { Presence } from "./presence.js";
import type { SyncStatus } from "./sync_status.js";
import { type DevicePeer, deviceAsPeer } from "./peer.js";

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

function notSynced(state: string): HoldfastError {
  return new HoldfastError(
    "NotSynced",
    `The server may not have all that was written here (it is ${state}), and what it does not have would be lost. Wait until ` +
      '`db.sync.status` is "synced", or say `{ accept: "lose-unsynced" }`.',
  );
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

  readonly #servers: Servers;
  readonly #links: Links;
  readonly #statuses: DocumentStatuses;
  readonly #presences = new Set<Presence>();

  /** @internal */
  constructor(bridge: Bridge, { name, storage }: EngineOptions, hiddenChanged: () => void) {
    this.#bridge = bridge;
    this.#hiddenChanged = hiddenChanged;
    this.documents = new SyncedDocuments(
      bridge,
      hiddenChanged,
      () => void (this.#settling = this.#begun().then(() => this.#settleTables())),
    );
    this.#links = new Links(bridge, this.documents);
    this.#servers = new Servers(name, storage === "indexeddb", {
      documents: this.documents,
      states: new ServerStates(bridge),
      links: this.#links,
      setAside: (id, reason) => this.#setAside(id, reason),
      heard: (word) => {
        for (const presence of this.#presences) if (presence.key === keyOf(word.id)) presence.hear(word);
      },
      changed: () => this.#statuses.changed(),
      sequence: () => (bridge.engine.stats() as { readonly sequence: number }).sequence,
    });
    this.#statuses = new DocumentStatuses(this.documents, this.#servers, this.refused);
    let wasConnected = false;
    this.status.subscribe(() => {
      this.#statuses.changed();
      const { state } = this.status.last;
      const isConnected = state === "syncing" || state === "synced";
      if (isConnected && !wasConnected) for (const presence of this.#presences) presence.again();
      wasConnected = isConnected;
    });
    this.documents.ended = () => {
      for (const presence of [...this.#presences]) presence.stop();
      this.#servers.end();
      this.#links.end(bridge.ended);
    };
    const timer: unknown = setTimeout(() => void this.#begun(), SETTLE_MS);
    // A process need not wait for it: whoever opens the database next does it.
    if (typeof timer === "object") (timer as { unref(): void }).unref();
  }

  /** How it stands to its server. */
  get status(): SyncStatus {
    return this.#servers.status;
  }

  /**
   * How the document of a row stands to the server: a value that follows it, the same one whenever it is asked for. `status`
   * tells of all of them together, and of what was saved this very moment before this does.
   *
   * Its `status` is `error`, with `NonexistentDocument`, if there is no such document.
   *
   * ```ts
   * const status = db.sync.statusOf(projectId);
   * status.subscribe(() => show(status.value?.state));
   * ```
   */
  statusOf(id: GenericId<string>): LiveValue<DocumentStatus> {
    this.requireOpen();
    requireText(id, "statusOf", "id");
    return this.#statuses.of(id);
  }

  /**
   * Syncs the shared documents with a server from now on, in all tabs that have the database open: one of them holds the
   * socket. A connection that is lost is made again by itself; `status` tells how it stands. A database has one server:
   * another address takes the place of the one before.
   *
   * The server is one of automerge-repo, such as `@automerge/automerge-repo-sync-server`. What it is given it can read, and
   * give to anybody who knows a document's link.
   *
   * Throws `InvalidArgument` for an address that is none, `DatabaseClosed`, and `NotSupported` where there is no `WebSocket`.
   *
   * ```ts
   * db.sync.connect("wss://sync.example");
   * db.sync.status.subscribe(() => show(db.sync.status.state));
   * ```
   */
  connect(url: string, options: ConnectOptions = {}): void {
    this.requireOpen();
    void this.#begun();
    this.#servers.connect(url, options);
  }

  /** Syncs with no server any more, in all tabs. What is saved stays, and what is written meanwhile is synced the next time. */
  disconnect(): void {
    this.#servers.disconnect();
  }

  /**
   * The link of the document of a row: of a `root()` table, and saved. Whoever has the link and the server can read and
   * write the row and all that lies within it, for ever: a link can't be taken back. It has the form of automerge-repo's
   * addresses, `automerge:…`. In an address of the web let it stand behind the `#`, which no server is sent.
   *
   * Rejects with `NonexistentDocument` if there is no such document.
   *
   * ```ts
   * const link = `${location.origin}/#${await db.sync.share(projectId)}`;
   * ```
   */
  async share(id: GenericId<string>): Promise<string> {
    this.requireOpen();
    requireText(id, "share", "id");
    await this.settled;
    return this.#links.share(id);
  }

  /**
   * Gets the document of a link from the server, and resolves with the id of the row that it belongs to when it is here and
   * saved: at once if it was already. That may take until somebody who has it is online; it goes on when the page is left
   * and opened again. `status.awaited` tells what is waited for, `leave(link)` ends that.
   *
   * The link may stand anywhere in an address. Rejects with `InvalidArgument` for one that is none, and with
   * `DatabaseClosed` if the database is closed before.
   */
  async join(link: string): Promise<GenericId<string>> {
    this.requireOpen();
    void this.#begun();
    return this.#links.join(link) as Promise<GenericId<string>>;
  }

  /**
   * Deletes a document with all rows that lie in it from this device, in all tabs: given the id of its row, or its link.
   * Others keep it, and so does the server; `join` gets it again. A document that `join` waits for is waited for no longer.
   *
   * Rejects with `NotSynced` if the server may not have all that was written here, since that would be lost: wait until
   * `status` is `synced`, or accept it. With `NonexistentDocument` if it is not here.
   *
   * ```ts
   * await db.sync.leave(projectId);
   * await db.sync.leave(projectId, { accept: "lose-unsynced" });
   * ```
   */
  async leave(
    idOrLink: GenericId<string> | string,
    options: { readonly accept?: "lose-unsynced" } = {},
  ): Promise<void> {
    this.requireOpen();
    requireText(idOrLink, "leave", "id");
    const { accept } = readOptions<{ accept?: unknown }>(options, "The options of `leave`", ["accept"]);
    if (accept !== undefined && accept !== "lose-unsynced") {
      throw invalidArgument('`accept` must be "lose-unsynced", if anything.');
    }
    await this.settled;
    if (accept === undefined && this.status.state === "synced") await this.#servers.catchUp();
    await this.#links.leave(idOrLink, () => {
      if (accept !== undefined) return;
      const { state } = this.status;
      if (state !== "synced") throw notSynced(state);
      if (!this.#servers.isAbreast) throw notSynced("syncing");
    });
  }

  /** @internal Looks at the document of a row. */
  async presence(rootId: string): Promise<Presence> {
    this.requireOpen();
    requireText(rootId, "presence", "id");
    await this.settled;
    const id = await this.#links.idOf("presence", rootId);
    this.requireOpen();
    const presence = new Presence(
      { say: (word) => this.#servers.say(word), ended: () => this.#presences.delete(presence) },
      id,
    );
    this.#presences.add(presence);
    return presence;
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
  attach(device: Omit<DevicePeer, "setAside">): PeerEnd {
    void this.#begun();
    const setAside = (id: Uint8Array, reason: string) => this.#setAside(id, reason);
    const number = this.documents.attach(deviceAsPeer({ ...device, setAside }));
    return {
      receive: (frame) => this.documents.receive(number, frame),
      isIdle: () => this.documents.isIdle,
      end: () => this.documents.detach(number),
    };
  }

  #setAside(id: Uint8Array, reason: string): void {
    this.refused.set(keyOf(id), reason);
    this.#statuses.changed();
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
