/**
 * Who is here: what people do with a document right now, told to those who look at it too, and kept by nobody.
 */
import { invalidArgument, requireFunction } from "../arguments.js";
import { call } from "../live/entry.js";
import type { Value } from "../data_model.js";
import { keyOf } from "./frames.js";
import type { Word } from "./server.js";

/** Who is here says so at least so often, */
const SAID_MS = 10_000;
/** and not more often than that, */
const PAUSE_MS = 100;
/** and who was not heard of for so long is gone. */
const GONE_MS = 25_000;

/** A state has at most so many letters as JSON, and so many others are followed. */
const MOST_LETTERS = 1_000;
const MOST_OTHERS = 200;

/** Names of what Holdfast passes on begin so: other programs pass on other things. */
const MARK = "holdfast presence ";

/** Somebody who is here. */
export interface Present {
  /** A name of the tab in which they are, as long as it looks at this document. */
  readonly session: string;
  /** What they say they do. */
  readonly state: Value;
}

interface Heard {
  readonly count: number;
  readonly at: number;
  readonly text: string;
  readonly present: Present;
  /** Who has gone is remembered for a while, so that an older word does not bring them back. */
  readonly isGone: boolean;
}

/** What presences need of a database. */
export interface PresenceOwner {
  say(word: Word): void;
  ended(presence: Presence): void;
}

/** Who looks at a document. Made by `db.presence`. */
export class Presence {
  readonly #owner: PresenceOwner;
  readonly #id: Uint8Array;
  readonly #session = keyOf(crypto.getRandomValues(new Uint8Array(8)));
  #count = 0;
  #state: string | undefined;
  /** When it may say something again, and what waits for that. */
  #next = 0;
  #delay: ReturnType<typeof setTimeout> | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #heard = new Map<string, Heard>();
  #others: readonly Present[] = Object.freeze([]);
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  #isOver = false;

  /** @internal Use `db.presence`. */
  constructor(owner: PresenceOwner, id: Uint8Array) {
    this.#owner = owner;
    this.#id = id;
    this.#timer = setInterval(() => this.#tick(), SAID_MS / 2);
    (this.#timer as { unref?(): void }).unref?.();
    // Who is here says so.
    this.#say("?");
  }

  /** Those who are here, but for this one: the same list as long as nothing has changed. */
  get others(): readonly Present[] {
    return this.#others;
  }

  /**
   * Says what is done here: a plain value, such as `{ name: "Ada", task: taskId }`, of 1,000 letters of JSON at most. `undefined`
   * is to look on without a word, as in the beginning.
   */
  set(state: Value | undefined): void {
    if (this.#isOver) return;
    const text = state === undefined ? undefined : textOf(state);
    if (text === this.#state) return;
    this.#state = text;
    this.#sayState();
  }

  /** Calls a function whenever `others` has changed. Answers what ends that. */
  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    const own = { call: callback };
    this.#callbacks.add(own);
    return () => void this.#callbacks.delete(own);
  }

  /** Is not here any more. Nothing is told from then on. */
  stop(): void {
    if (this.#isOver) return;
    if (this.#state !== undefined) this.#say("-");
    this.#isOver = true;
    clearInterval(this.#timer);
    clearTimeout(this.#delay);
    this.#owner.ended(this);
    this.#heard.clear();
    this.#callbacks.clear();
  }

  /** @internal There are others to talk to, who have not heard what was said before. */
  again(): void {
    this.#say("?");
    this.#sayState();
  }

  /** @internal The key of its document. */
  get key(): string {
    return keyOf(this.#id);
  }

  /** @internal Somebody says something about its document. */
  hear({ session, count, text }: Word): void {
    if (this.#isOver || session === this.#session || !text.startsWith(MARK)) return;
    const known = this.#heard.get(session);
    // What was said before that comes by another way.
    if (known !== undefined && count <= known.count) return;
    const said = text.slice(MARK.length);
    if (said === "?") return this.#sayState();
    if (said === "-") {
      if (known !== undefined) this.#heard.set(session, { ...known, count, isGone: true });
      return this.#show();
    }
    if (known === undefined && this.#heard.size >= MOST_OTHERS) return;
    let state: Value;
    try {
      state = JSON.parse(said) as Value;
    } catch {
      return;
    }
    const present = known?.text === said ? known.present : Object.freeze({ session, state });
    this.#heard.set(session, { count, at: performance.now(), text: said, present, isGone: false });
    this.#show();
  }

  #tick(): void {
    const now = performance.now();
    for (const [session, { at }] of this.#heard) if (now - at > GONE_MS) this.#heard.delete(session);
    this.#show();
    if (now >= this.#next - PAUSE_MS + SAID_MS / 2) this.#sayState();
  }

  /** Says what is done here, as soon as it may. */
  #sayState(): void {
    if (this.#state === undefined || this.#delay !== undefined) return;
    const wait = this.#next - performance.now();
    if (wait <= 0) return this.#say(this.#state);
    this.#delay = setTimeout(() => {
      this.#delay = undefined;
      if (this.#state !== undefined) this.#say(this.#state);
    }, wait);
    (this.#delay as { unref?(): void }).unref?.();
  }

  #say(text: string): void {
    this.#next = performance.now() + PAUSE_MS;
    this.#count += 1;
    this.#owner.say({ id: this.#id, session: this.#session, count: this.#count, text: MARK + text });
  }

  #show(): void {
    const others = [...this.#heard.values()].filter(({ isGone }) => !isGone).map(({ present }) => present);
    const isSame = others.length === this.#others.length && others.every((one, at) => one === this.#others[at]);
    if (isSame) return;
    this.#others = Object.freeze(others);
    for (const callback of [...this.#callbacks]) call(callback);
  }
}

function textOf(state: Value): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(state);
  } catch {
    text = undefined; // a cycle, or an integer of 64 bits
  }
  if (text === undefined) throw invalidArgument("A presence says a plain value, as JSON has it.");
  if (text.length <= MOST_LETTERS) return text;
  throw invalidArgument(`A presence says at most ${MOST_LETTERS} letters of JSON. Received ${text.length}.`);
}
