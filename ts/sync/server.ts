/**
 * A server, as the tab has it that holds its socket: the docs worker says when to open one and what to send.
 */
import type { SyncedDocuments } from "./documents.js";
import { Attend, type ConnectionStanding, type HubCall, keyOf, type ServerOutput, type PeerOutput } from "./frames.js";
import type { Peer } from "./peer.js";
import type { ServerStates } from "./server_states.js";

/** What somebody says about a document to all who are there, as the `count`th word of a session. Nobody keeps it. */
export interface Word {
  readonly id: Uint8Array;
  readonly session: string;
  readonly count: number;
  readonly text: string;
}

/** What is used of a WebSocket. */
export interface Socket {
  binaryType: string;
  readonly readyState: number;
  onopen: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: Uint8Array): void;
  close(): void;
}

/** What makes one. */
export type SocketConstructor = new (address: string) => Socket;

/** What a server is reached with. */
export interface ServerOptions {
  /** Where it is, without what is secret. */
  readonly url: string;
  /** Where it is, for one attempt. */
  address(): Promise<string>;
  readonly Socket: SocketConstructor;
  /** How it stands has changed. */
  changed(): void;
  /** Somebody has passed something on. */
  told(word: Word): void;
  /** Something of what it sends can't be taken in. */
  setAside(id: Uint8Array, reason: string): void;
}

/** How the connection stands. */
export interface Standing {
  readonly name: ConnectionStanding | "worker" | "token" | "flood";
  readonly message: string;
  /** When it is tried again, by `Date.now()`; 0 if it is not. */
  readonly retryAt: number;
}

const OFF: Standing = { name: "off", message: "", retryAt: 0 };

/** Code of a close without one, as browsers have it. */
const ABNORMAL = 1006;
/** Code of a close for a server that wants somebody else: 401 for WebSockets. */
const NOT_ALLOWED = 4401;
const OPEN = 1;

/** Who has sent so much that the docs worker has not read is not read any further: no honest server does. */
const MOST_UNREAD_BYTES = 256 << 20;
const MOST_UNREAD = 200_000;

/** A connection to a server. */
export class Server implements Peer {
  readonly device: string;
  readonly #documents: SyncedDocuments;
  readonly #states: ServerStates;
  readonly #options: ServerOptions;
  readonly #number: number;
  #socket: Socket | undefined;
  /** Counts sockets: what was begun for an earlier one does not count. */
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** By what name the server's documents go. */
  #store: string | undefined;
  #standing: Standing = { name: "connecting", message: "", retryAt: 0 };
  #synced = new Set<string>();
  #unavailable = new Set<string>();
  #unreadBytes = 0;
  #unread = 0;
  /** Why this end has closed the socket, if the docs worker can't know. */
  #ownFailure: "token" | "flood" | undefined;
  #isOver = false;

  /** Begins to talk with it. */
  constructor(documents: SyncedDocuments, states: ServerStates, options: ServerOptions) {
    this.#documents = documents;
    this.#states = states;
    this.#options = options;
    this.device = `server ${options.url}`;
    this.#number = documents.attach(this);
  }

  get url(): string {
    return this.#options.url;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Documents of which it has all that is here, and the other way round, by the keys of their ids. */
  get synced(): ReadonlySet<string> {
    return this.#synced;
  }

  /** Documents that neither it nor this device has. */
  get unavailable(): ReadonlySet<string> {
    return this.#unavailable;
  }

  introduction(number: number): HubCall[] {
    const random = crypto.getRandomValues(new Uint8Array(48));
    return [
      ["server", number, `holdfast-${keyOf(random.subarray(32))}`, random.slice(0, 32)],
      ["attend", number, Attend.Begin, now()],
    ];
  }

  /** It may be that it can be reached again. */
  hurry(): void {
    this.#tell(["attend", this.#number, Attend.Hurry, now()]);
  }

  /** Passes something on, if it is there. */
  tellAll({ id, session, count, text }: Word): void {
    this.#tell(["tellAll", this.#number, id, session, count, text]);
  }

  /** Ends the connection: it says goodbye first, if there is a docs worker to do so. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#documents.tell(this.#number, ["attend", this.#number, Attend.End, now()])) this.#leave();
  }

  #leave(): void {
    clearTimeout(this.#timer);
    this.#drop();
    this.#documents.detach(this.#number);
  }

  hear(output: PeerOutput): void {
    const act = output as ServerOutput | ["status", number, Uint8Array, boolean];
    switch (act[0]) {
      case "open":
        return void this.#open();
      case "close":
        return this.#drop();
      case "send":
        if (this.#socket?.readyState === OPEN) this.#socket.send(act[2]);
        return;
      case "wake":
        return this.#wake(act[2]);
      case "connection":
        return this.#stands(act[2], act[3], act[4]);
      case "remember":
        this.#store = act[2];
        return void this.#remember(act[2]);
      case "keep":
        if (this.#store !== undefined) this.#states.keep(this.#store, act[2], act[3]);
        return;
      case "status":
        if (act[3]) this.#synced.add(keyOf(act[2]));
        else this.#synced.delete(keyOf(act[2]));
        if (act[3]) this.#unavailable.delete(keyOf(act[2]));
        return this.#options.changed();
      case "told":
        return this.#options.told({ id: act[2], session: act[3], count: act[4], text: act[5] });
      case "unavailable":
        this.#unavailable.add(keyOf(act[2]));
        return this.#options.changed();
    }
  }

  restart(): void {
    clearTimeout(this.#timer);
    this.#drop();
    this.#stand({ name: "connecting", message: "", retryAt: 0 });
  }

  lose(): void {
    clearTimeout(this.#timer);
    this.#drop();
    this.#stand({ name: "worker", message: "the docs worker fails, or can't be loaded", retryAt: 0 });
  }

  setAside(id: Uint8Array, reason: string): void {
    this.#options.setAside(id, reason);
  }

  idle(): void {
    this.#options.changed();
  }

  #tell(call: HubCall): void {
    if (!this.#isOver) this.#documents.tell(this.#number, call);
  }

  #wake(atMs: number): void {
    clearTimeout(this.#timer);
    const timer = setTimeout(
      () => this.#tell(["attend", this.#number, Attend.Time, now()]),
      Math.max(1, atMs - now() + 1),
    );
    this.#timer = timer;
    // A process need not wait for it.
    (timer as { unref?(): void }).unref?.();
  }

  async #open(): Promise<void> {
    this.#drop();
    // It may be another one, or say nothing of what its documents are called.
    this.#store = undefined;
    const attempt = this.#attempt;
    const isCurrent = () => this.#attempt === attempt && !this.#isOver;
    const closed = (code: number, reason: string, own?: "token" | "flood") => {
      if (!isCurrent()) return;
      this.#drop();
      this.#ownFailure = own;
      this.#tell(["socketClosed", this.#number, code, reason, now()]);
    };
    let address: string;
    try {
      address = await this.#options.address();
    } catch (error) {
      return closed(NOT_ALLOWED, messageOf(error), "token");
    }
    if (!isCurrent()) return;
    let socket: Socket;
    try {
      socket = new this.#options.Socket(address);
    } catch (error) {
      return closed(ABNORMAL, messageOf(error));
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (isCurrent()) this.#tell(["socketOpened", this.#number, now()]);
    };
    // A close always follows, and says as little.
    socket.onerror = () => undefined;
    socket.onclose = ({ code, reason }: { code?: number; reason?: string }) => closed(code ?? ABNORMAL, reason ?? "");
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (!isCurrent()) return;
      const message = data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
      this.#unread += 1;
      this.#unreadBytes += message?.length ?? 0;
      if (this.#unreadBytes > MOST_UNREAD_BYTES || this.#unread > MOST_UNREAD) {
        return closed(ABNORMAL, "", "flood");
      }
      this.#tell(["socketReceived", this.#number, message, now()]);
    };
  }

  /** The docs worker has done what it was told of it. */
  done(call: HubCall): void {
    if (call[0] !== "socketReceived") return;
    this.#unread = Math.max(0, this.#unread - 1);
    this.#unreadBytes = Math.max(0, this.#unreadBytes - (call[2]?.length ?? 0));
  }

  /** Lets go of the socket. */
  #drop(): void {
    this.#attempt += 1;
    this.#unread = 0;
    this.#unreadBytes = 0;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
  }

  async #remember(store: string): Promise<void> {
    const states = await this.#states.load(store).catch(() => []);
    this.#tell(["remembered", this.#number, states.map(([id]) => id), states.map(([, state]) => state)]);
  }

  #stands(name: ConnectionStanding, message: string, retryAtMs: number): void {
    const retryAt = retryAtMs === 0 ? 0 : Math.round(Date.now() + retryAtMs - now());
    const own = retryAt === 0 ? undefined : this.#ownFailure;
    this.#ownFailure = undefined;
    this.#stand({ name: own ?? name, message, retryAt });
    if (name !== "off") return;
    // It was told to end, and has said goodbye.
    this.#leave();
  }

  #stand(standing: Standing): void {
    this.#standing = this.#isOver ? OFF : standing;
    if (standing.name !== "connected") {
      this.#synced.clear();
      this.#unavailable.clear();
    }
    if (!this.#isOver) this.#options.changed();
  }
}

const now = (): number => Math.round(performance.now());

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
