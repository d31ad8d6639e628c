/**
 * The server of a database: one tab holds the socket, all say what the app wants and know how it stands.
 */
import { invalidArgument } from "../arguments.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import { followFreezing } from "../freezing.js";
import { giveWay } from "../give_way.js";
import { readOptions } from "../options.js";
import type { SyncedDocuments } from "./documents.js";
import { Server, type SocketConstructor, type Word } from "./server.js";
import type { Links } from "./links.js";
import type { ServerStates } from "./server_states.js";
import { SocketTab, type Wish } from "./socket_tab.js";
import { type AwaitedDocument, OFFLINE, type SyncFailure, type SyncSnapshot, SyncStatus } from "./sync_status.js";

/** Options of `db.sync.connect`. */
export interface ConnectOptions {
  /**
   * What the server is told of who this is, as the parameter `token` of the address; a function is asked for each attempt.
   * Addresses are written into logs: let it be one that is worth little after a minute.
   */
  readonly token?: string | (() => string | Promise<string>);
  /** What makes sockets, where there is no `WebSocket`: in Node before version 22 that of the package `ws`. */
  readonly webSocketConstructor?: SocketConstructor;
}

/** What the app of this tab has asked for. */
interface Asked extends ConnectOptions {
  readonly url: string;
}

/** What it needs of a database. */
export interface ServersOwner {
  readonly documents: SyncedDocuments;
  readonly states: ServerStates;
  readonly links: Links;
  /** Something of what a server sends can't be taken in. */
  setAside(id: Uint8Array, reason: string): void;
  /** Somebody says something about a document. */
  heard(word: Word): void;
  /** Other documents may be in step with the server than before. */
  changed(): void;
  /** The number of the last commit that this tab has seen. */
  sequence(): number;
}

/** What the tab that holds the socket tells the others. */
interface Shown {
  readonly snapshot: SyncSnapshot;
  /** The keys of documents that are not in step with the server; none if they are too many to be told. */
  readonly unsynced: readonly string[] | undefined;
  /** The last commit that this goes for; it is told to who asks. */
  readonly sequence?: number;
}

/** So long a tab waits for the one that holds the socket, */
const PATIENCE_MS = 3_000;
/** and asks it again after so long. */
const AGAIN_MS = 30;

/** So many documents that are not in step are told one by one. */
const MOST_TOLD = 1_000;

/** The connection of a database. */
export class Servers {
  readonly status: SyncStatus;
  readonly #owner: ServersOwner;
  readonly #tab: SocketTab<Shown>;
  #unsynced: ReadonlySet<string> | undefined = new Set();
  /** Which commits are in what the tab that holds the socket has told last, and who waits for that. */
  #toldSequence = -1;
  readonly #waiting = new Set<() => void>();
  #asked: Asked | undefined;
  #isWanted = false;
  #server: Server | undefined;
  #isLookDue = false;
  readonly #unfollow: () => void;
  #version = -1;

  constructor(name: string, isShared: boolean, owner: ServersOwner) {
    this.#owner = owner;
    this.status = new SyncStatus(() => this.#lookIfNew());
    this.#tab = new SocketTab<Shown>(name, isShared, {
      hold: () => this.#begin(),
      letGo: () => this.#end(),
      heard: (state) => this.#heard(state),
      told: (wish) => this.#told(wish),
      word: (word, isHeard) => {
        owner.heard(word);
        // Where several have sockets, for want of locks, what one has heard would go round for ever.
        if (!isHeard) this.#server?.tellAll(word);
      },
      state: () => ({ ...this.#look(), sequence: owner.sequence() }),
      gone: () => ({ snapshot: OFFLINE, unsynced: [] }),
      waits: (id, isWanted) => {
        if (this.#tab.isHolding) owner.links.hear(id, isWanted);
      },
    });
    const { links } = owner;
    links.changed = () => {
      if (this.#server !== undefined) this.#changed();
      else this.status.show({ ...this.status.last, awaited: awaitedOf(links, undefined) });
    };
    links.noted = (id, isWanted) => this.#tab.tellOfWait(id, isWanted);
    // A page that sleeps loses its socket, and would keep others from having one.
    this.#unfollow = followFreezing(
      () => this.#tab.unwant(),
      () => {
        if (this.#isWanted) this.#tab.want();
        this.#hurry();
      },
    );
    const { addEventListener } = globalThis as { addEventListener?: typeof globalThis.addEventListener };
    addEventListener?.("online", this.#hurry);
  }

  readonly #hurry = (): void => this.#server?.hurry();

  connect(url: string, options: ConnectOptions): void {
    const asked = checked(url, options);
    const { token } = asked;
    this.#asked = asked;
    this.#isWanted = true;
    const own = typeof token === "function" ? { hasToken: true } : token !== undefined && { token };
    this.#tab.wish({ type: "connect", url: asked.url, ...own });
    this.#follow(asked);
  }

  disconnect(): void {
    this.#tab.wish({ type: "disconnect" });
    this.#leave();
  }

  /** Says something about a document to all who are there, in other tabs too. */
  say(word: Word): void {
    this.#tab.pass(word, false);
    this.#server?.tellAll(word);
  }

  /** The database is closed. */
  end(): void {
    this.#unfollow();
    this.#tab.end();
    this.#end();
    globalThis.removeEventListener?.("online", this.#hurry);
    this.status.show(OFFLINE);
  }

  #follow({ url }: Asked): void {
    if (!this.#tab.isHolding) {
      if (this.status.state === "offline") this.status.show({ ...OFFLINE, state: "connecting", url });
      return this.#tab.want();
    }
    if (this.#server?.url === url && this.#server.standing.name !== "worker") return this.#server.hurry();
    this.#end();
    this.#begin();
  }

  #leave(): void {
    this.#isWanted = false;
    this.#tab.unwant();
    this.status.show(OFFLINE);
  }

  /** Another tab says how it stands. One that lets go of the socket says that it is offline: then somebody else takes it. */
  #heard({ snapshot, unsynced, sequence }: Shown): void {
    // Whoever holds it next begins with another state.
    this.#toldSequence = sequence ?? (snapshot.state === "synced" ? this.#toldSequence : -1);
    const isOnItsWay = snapshot.state === "offline" && this.#isWanted;
    const areOthers = this.#note(unsynced);
    this.status.show(isOnItsWay ? { ...snapshot, state: "connecting", url: this.#asked!.url } : snapshot);
    if (areOthers) this.#owner.changed();
    for (const look of [...this.#waiting]) look();
  }

  /** Whether `status` goes for all that was saved here: a tab without the socket hears of that a moment later. */
  get isAbreast(): boolean {
    return this.#tab.isHolding || this.#toldSequence >= this.#owner.sequence();
  }

  /** Waits until it does, or nobody answers. */
  async catchUp(): Promise<void> {
    if (this.isAbreast) return;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (this.isAbreast) end();
        // It has answered, and not seen all yet.
        else setTimeout(() => this.#tab.ask(), AGAIN_MS);
      };
      const timer = setTimeout(() => end(), PATIENCE_MS);
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      this.#tab.ask();
    });
  }

  /** Takes down which documents are not in step. Answers whether they are others than before. */
  #note(unsynced: readonly string[] | undefined): boolean {
    const before = this.#unsynced;
    this.#unsynced = unsynced && new Set(unsynced);
    if (before === undefined || unsynced === undefined) return before !== unsynced;
    return before.size !== unsynced.length || unsynced.some((key) => !before.has(key));
  }

  /** Whether the server has what is saved here of a document, and the other way round, as far as is known. */
  isSynced(key: string): boolean {
    const { state } = this.status.snapshot;
    return state === "synced" || (state === "syncing" && this.#unsynced?.has(key) === false);
  }

  #told(wish: Wish): void {
    if (wish.type === "disconnect") return this.#leave();
    const asked = this.#asked;
    // An app that has not asked for any in this tab can't be asked for a token.
    if (asked === undefined) return;
    if (asked.url !== wish.url) {
      // That of another server is nobody's business there, and what only the other tab has can't be had here.
      if (wish.hasToken === true || (typeof asked.token === "function" && wish.token === undefined))
        return this.#leave();
      const { token: _, ...rest } = asked;
      this.#asked = { ...rest, url: wish.url, ...(wish.token !== undefined && { token: wish.token }) };
    } else if (wish.token !== undefined) {
      this.#asked = { ...asked, token: wish.token };
    }
    this.#isWanted = true;
    this.#follow(this.#asked!);
  }

  #begin(): void {
    const asked = this.#asked;
    if (asked === undefined || !this.#isWanted) return;
    const { documents, states } = this.#owner;
    this.#server = new Server(documents, states, {
      url: asked.url,
      // The newest token for it.
      address: () => addressOf(this.#asked?.url === asked.url ? this.#asked : asked),
      Socket: asked.webSocketConstructor ?? (globalThis as { WebSocket?: SocketConstructor }).WebSocket!,
      changed: () => this.#changed(),
      setAside: (id, reason) => this.#owner.setAside(id, reason),
      told: (word) => {
        this.#tab.pass(word, true);
        this.#owner.heard(word);
      },
    });
    this.#loadLinks();
    this.#look();
  }

  /** What other tabs wait for, this one asks the server for. */
  #loadLinks(): void {
    if (this.#tab.isHolding) void this.#owner.links.load().catch(() => undefined); // The database is closed.
  }

  #end(): void {
    const server = this.#server;
    this.#server = undefined;
    server?.end();
  }

  /** Looks a moment later: much changes at once. */
  #changed(): void {
    this.#version = -1;
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    void giveWay().then(() => {
      this.#isLookDue = false;
      if (this.#server !== undefined) this.#look();
    });
  }

  #lookIfNew(): void {
    if (this.#server !== undefined && this.#version !== this.#owner.documents.version) this.#look(true);
  }

  #look(isAsked = false): Shown {
    const server = this.#server;
    if (server === undefined) return { snapshot: this.status.last, unsynced: this.#unsynced && [...this.#unsynced] };
    const { documents } = this.#owner;
    this.#version = documents.version;
    const keys = [...documents.shared].filter((key) => !server.synced.has(key));
    const unsynced = keys.length > MOST_TOLD ? undefined : keys;
    const snapshot = snapshotOf(server, keys.length, this.#owner);
    const areOthers = this.#note(unsynced);
    const isNew = isAsked ? this.status.showLater(snapshot) : this.status.show(snapshot);
    const shown = { snapshot, unsynced };
    if (!isNew && !areOthers) return shown;
    this.#tab.tell(shown);
    if (areOthers) this.#owner.changed();
    return shown;
  }
}

function awaitedOf(links: Links, server: Server | undefined): AwaitedDocument[] {
  return links.awaited.map(({ key, link }) => ({ link, isUnavailable: server?.unavailable.has(key) ?? false }));
}

function snapshotOf(server: Server, unsynced: number, { documents, links }: ServersOwner): SyncSnapshot {
  const { name, message, retryAt } = server.standing;
  const base = {
    url: server.url,
    documents: documents.shared.size,
    unsynced,
    awaited: awaitedOf(links, server),
    failure: undefined,
  };
  if (name === "off") return OFFLINE;
  if (name === "connecting") return { ...base, state: "connecting" };
  if (name === "connected") {
    return { ...base, state: unsynced === 0 && !documents.hasNews && documents.isListed ? "synced" : "syncing" };
  }
  const failure: SyncFailure = {
    kind: name,
    message: sentence(name, server.url, message),
    retryAt: retryAt === 0 ? undefined : retryAt,
  };
  return { ...base, state: "error", failure };
}

function sentence(kind: SyncFailure["kind"], url: string, message: string): string {
  const because = message === "" ? "" : `: ${message}`;
  switch (kind) {
    case "unreachable":
      return `No connection to ${url}${because}. It may be down, no server, or refuse this device: browsers don't tell which.`;
    case "lost":
      return `The connection to ${url} is lost${because}.`;
    case "silent":
      return `${url} does not answer.`;
    case "notAServer":
      return `${url} is no sync server of automerge-repo${because}.`;
    case "version":
      return `${url} speaks another version of the protocol${because}.`;
    case "refused":
      return `${url} refuses this device${because}.`;
    case "token":
      return `There is no token for ${url}${because}.`;
    case "flood":
      return `${url} sends faster than anybody can read: the connection was ended.`;
    case "worker":
      return `Nothing is synced: ${message}.`;
  }
}

function checked(url: unknown, options: ConnectOptions): Asked {
  const { token, webSocketConstructor } = readOptions<ConnectOptions>(options, "The options of `connect`", [
    "token",
    "webSocketConstructor",
  ]);
  let parsed: URL | undefined;
  try {
    parsed = new URL(String(url));
  } catch {
    parsed = undefined;
  }
  if (typeof url !== "string" || (parsed?.protocol !== "ws:" && parsed?.protocol !== "wss:")) {
    throw invalidArgument(
      `\`connect\` takes the address of a server, as "wss://sync.example". Received ${describe(url)}.`,
    );
  }
  if (parsed.hash !== "") throw invalidArgument(`The address of a server has no "#". Received ${describe(url)}.`);
  if (token !== undefined && typeof token !== "string" && typeof token !== "function") {
    throw invalidArgument("`token` must be a text, or a function that answers one.");
  }
  if (webSocketConstructor !== undefined && typeof webSocketConstructor !== "function") {
    throw invalidArgument("`webSocketConstructor` must be a class, as `WebSocket` is.");
  }
  if (webSocketConstructor === undefined && typeof (globalThis as { WebSocket?: unknown }).WebSocket !== "function") {
    const message =
      "There is no `WebSocket` here: give `connect` a `webSocketConstructor`, such as that of the package `ws`.";
    throw new HoldfastError("NotSupported", message);
  }
  return {
    url: parsed.href,
    ...(token !== undefined && { token }),
    ...(webSocketConstructor !== undefined && { webSocketConstructor }),
  };
}

async function addressOf({ url, token }: Asked): Promise<string> {
  if (token === undefined) return url;
  const text: unknown = typeof token === "function" ? await token() : token;
  if (typeof text !== "string") throw new Error(`\`token\` has answered ${describe(text)}`);
  const address = new URL(url);
  address.searchParams.set("token", text);
  return address.href;
}
