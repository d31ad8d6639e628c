/**
 * Which of the tabs of a database holds its socket, and what the others know of it.
 */

import type { Word } from "./server.js";

/** Who is told. */
export interface SocketTabListener<State> {
  /** This tab is to hold it. */
  hold(): void;
  /** It is not to any more. */
  letGo(): void;
  /** Another tab holds it, and tells how it stands. */
  heard(state: State): void;
  /** Another tab has said that nobody is to hold it, or that it is to be held for another server. */
  told(wish: Wish): void;
  /** How it stands, of the tab that holds it. */
  state(): State;
  /** How it stands when nobody holds it. */
  gone(): State;
  /** Another tab says something about a document, or passes on what it has heard by its socket. */
  word(word: Word, isHeard: boolean): void;
  /** Another tab waits for a document, or not any more. It may take a moment until it is seen that this is written down. */
  waits(id: Uint8Array, isWanted: boolean): void;
}

/** What an app wants in all tabs. */
export type Wish =
  | { readonly type: "disconnect" }
  /** `hasToken` says that the tab has a function that makes one. */
  | { readonly type: "connect"; readonly url: string; readonly token?: string; readonly hasToken?: boolean };

type Message<State> =
  | { readonly type: "ask" }
  | { readonly type: "word"; readonly word: Word; readonly isHeard: boolean }
  | { readonly type: "wait"; readonly id: Uint8Array; readonly isWanted: boolean }
  | { readonly type: "state"; readonly state: State }
  | (Wish & { readonly isWish: true });

/** A tab that is looked at asks so often whether the one that holds it is awake, */
const ASK_MS = 10_000;
/** and takes it over when nothing was heard for so long: the browser may have frozen that one. */
const SILENCE_MS = 25_000;

/** A tab among those of a database. */
export class SocketTab<State> {
  readonly #name: string;
  readonly #listener: SocketTabListener<State>;
  readonly #locks: LockManager | undefined;
  #channel: BroadcastChannel | undefined;
  #isWanted = false;
  #isHolding = false;
  /** Counts requests of the lock: only the last one matters. */
  #request = 0;
  #release: (() => void) | undefined;
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;

  /** For a database of this name that other tabs may have open, or none. */
  constructor(name: string, isShared: boolean, listener: SocketTabListener<State>) {
    this.#name = `holdfast:socket:${name}`;
    this.#listener = listener;
    const { locks } = (globalThis.navigator ?? {}) as { locks?: LockManager };
    this.#locks = isShared ? locks : undefined;
    if (!isShared || typeof BroadcastChannel !== "function") return;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }: MessageEvent<Message<State>>) => this.#hear(data);
    (this.#channel as { unref?(): void }).unref?.();
    this.ask();
  }

  /** Whether it is this tab that holds it. */
  get isHolding(): boolean {
    return this.#isHolding;
  }

  /** This tab would hold it. */
  want(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    if (this.#locks === undefined) return this.#granted();
    this.#askForLock(false);
    this.#heardAt = performance.now();
    this.#timer = setInterval(() => this.#check(), ASK_MS);
    (this.#timer as { unref?(): void }).unref?.();
  }

  /** It would not any more. */
  unwant(): void {
    if (!this.#isWanted) return;
    this.#isWanted = false;
    clearInterval(this.#timer);
    this.#request += 1;
    this.#abort?.abort();
    const release = this.#release;
    this.#release = undefined;
    this.#lost();
    release?.();
  }

  /** Asks the one that holds it how it stands. */
  ask(): void {
    this.#say({ type: "ask" });
  }

  /** Tells the others how it stands. */
  tell(state: State): void {
    if (this.#isHolding) this.#say({ type: "state", state });
  }

  /** Tells the others what the app wants. */
  wish(wish: Wish): void {
    this.#say({ ...wish, isWish: true });
  }

  /** Tells the others what is said about a document, here or by the socket. */
  pass(word: Word, isHeard: boolean): void {
    this.#say({ type: "word", word, isHeard });
  }

  /** Tells the one that holds it that this one waits for a document, or not any more. */
  tellOfWait(id: Uint8Array, isWanted: boolean): void {
    this.#say({ type: "wait", id, isWanted });
  }

  /** Nothing more is to be heard. */
  end(): void {
    this.unwant();
    this.#channel?.close();
    this.#channel = undefined;
  }

  #say(message: Message<State>): void {
    try {
      this.#channel?.postMessage(message);
    } catch {
      // The page is going.
    }
  }

  #hear(message: Message<State>): void {
    if ("isWish" in message) return this.#listener.told(message);
    if (message.type === "word") return this.#listener.word(message.word, message.isHeard);
    if (message.type === "wait") return this.#listener.waits(message.id, message.isWanted);
    if (message.type === "ask") {
      if (this.#isHolding) this.#say({ type: "state", state: this.#listener.state() });
    } else if (message.type === "state" && !this.#isHolding) {
      this.#heardAt = performance.now();
      this.#listener.heard(message.state);
    }
  }

  #askForLock(steal: boolean): void {
    this.#abort?.abort();
    this.#request += 1;
    const request = this.#request;
    const abort = (this.#abort = new AbortController());
    const granted = () => {
      if (request !== this.#request) return undefined;
      this.#granted();
      return new Promise<void>((resolve) => (this.#release = resolve));
    };
    // A signal can't go with `steal`.
    const options = steal ? { steal } : { signal: abort.signal };
    const over = () => {
      if (request !== this.#request || !this.#isHolding) return;
      // It was taken away while this tab slept.
      this.#release = undefined;
      this.#lost();
      if (this.#isWanted) this.#askForLock(false);
    };
    this.#locks!.request(this.#name, options, granted).then(over, over);
  }

  #granted(): void {
    if (this.#isHolding) return;
    this.#isHolding = true;
    this.#listener.hold();
  }

  #lost(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#listener.letGo();
    this.#say({ type: "state", state: this.#listener.gone() });
  }

  #check(): void {
    if (this.#isHolding || (globalThis as { document?: Document }).document?.visibilityState === "hidden") {
      this.#heardAt = performance.now();
      return;
    }
    if (performance.now() - this.#heardAt > SILENCE_MS) {
      this.#heardAt = performance.now();
      return this.#askForLock(true);
    }
    this.ask();
  }
}
