/**
 * What is known of servers' documents, kept with the documents: the heads that both had. Reconnecting costs little then.
 */
import type { Bridge } from "../bridge.js";
import { keyOf } from "./frames.js";
import { readNotes, writeNotes } from "./notes.js";

/**
 * Names of these notes begin so, then come the length and the text of the server's name, the document's id, and when it was
 * written in milliseconds. Those of undo begin with 0.
 */
const PREFIX = [0xff, 0x53];
const ID_BYTES = 16;
const TIME_BYTES = 6;

/** Of so many servers something is kept. */
const MOST_STORES = 4;

const KEEP = "keep what servers have";

/** States of documents by servers. */
export class ServerStates {
  readonly #bridge: Bridge;
  /** The names of notes of the server that was asked for last, by documents. */
  readonly #names = new Map<string, Uint8Array[]>();
  #store = "";
  /** What is to be written. */
  #queue = new Map<string, { readonly id: Uint8Array; readonly state: Uint8Array }>();
  #isWriting = false;
  #last = 0;

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /** What is kept of a server: ids, and with each what is known. */
  async load(store: string): Promise<[id: Uint8Array, state: Uint8Array][]> {
    const notes = await readNotes(this.#bridge, PREFIX);
    const own = prefixOf(store);
    this.#store = store;
    this.#names.clear();
    this.#queue.clear();
    const found = new Map<string, [Uint8Array, Uint8Array]>();
    const others = new Map<string, number>();
    for (const [name, state] of notes) {
      const prefix = keyOf(name.subarray(0, -ID_BYTES - TIME_BYTES));
      if (prefix !== keyOf(own)) {
        others.set(prefix, Math.max(others.get(prefix) ?? 0, timeOf(name)));
        continue;
      }
      const id = name.slice(own.length, own.length + ID_BYTES);
      this.#last = Math.max(this.#last, timeOf(name));
      this.#names.set(keyOf(id), [...(this.#names.get(keyOf(id)) ?? []), name]);
      found.set(keyOf(id), [id, state]);
    }
    const old = [...others].sort(([, one], [, two]) => two - one).slice(MOST_STORES - 1);
    const gone = new Set(old.map(([prefix]) => prefix));
    const names = notes
      .map(([name]) => name)
      .filter((name) => gone.has(keyOf(name.subarray(0, -ID_BYTES - TIME_BYTES))));
    if (names.length > 0)
      await writeNotes(
        this.#bridge,
        KEEP,
        names.map((name) => [name, undefined] as const),
      );
    return [...found.values()];
  }

  /** Keeps what is known of a document, a moment later. */
  keep(store: string, id: Uint8Array, state: Uint8Array): void {
    if (store !== this.#store) return;
    this.#queue.set(keyOf(id), { id, state });
    if (this.#isWriting) return;
    this.#isWriting = true;
    // Many come at once.
    void Promise.resolve().then(() => this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#queue.size > 0) {
        const queue = this.#queue;
        this.#queue = new Map();
        const own = prefixOf(this.#store);
        const notes: [Uint8Array, Uint8Array | undefined][] = [];
        for (const [key, { id, state }] of queue) {
          for (const old of this.#names.get(key) ?? []) notes.push([old, undefined]);
          const name = this.#nameOf(own, id);
          this.#names.set(key, [name]);
          notes.push([name, state]);
        }
        await writeNotes(this.#bridge, KEEP, notes);
      }
    } catch {
      // It is known again when the server has said so: nothing is lost but time.
    } finally {
      this.#isWriting = false;
    }
  }

  #nameOf(prefix: Uint8Array, id: Uint8Array): Uint8Array {
    const name = new Uint8Array(prefix.length + ID_BYTES + TIME_BYTES);
    name.set(prefix);
    name.set(id, prefix.length);
    // Each name is new, whatever the clock says.
    this.#last = Math.max(this.#last + 1, Date.now());
    let time = this.#last;
    for (let at = name.length - 1; at >= name.length - TIME_BYTES; at -= 1) {
      name[at] = time % 256;
      time = Math.floor(time / 256);
    }
    return name;
  }
}

function prefixOf(store: string): Uint8Array {
  const text = new TextEncoder().encode(store);
  return Uint8Array.from([...PREFIX, text.length, ...text]);
}

function timeOf(name: Uint8Array): number {
  return name.subarray(-TIME_BYTES).reduce((time, byte) => time * 256 + byte, 0);
}
