/**
 * Where the engine's answers lie: a few words at a fixed place of its memory.
 */

/** How a call ended, as in src/browser/mailbox.rs. */
export const Status = {
  Done: 0,
  Nothing: 1,
  Missing: 2,
  Stale: 3,
  Building: 4,
  Failed: 5,
  Paused: 6,
  RunAgain: 7,
  Queued: 8,
} as const;

/** What is new about a live query, as in src/browser/live.rs. */
export const News = {
  Patches: 1,
  Rows: 2,
  More: 4,
  Unfinished: 8,
  Count: 16,
  Touched: 32,
  Waiting: 64,
} as const;

/** The words, as in src/browser/mailbox.rs. Behind an address lies its length. */
export const Word = {
  Output: 0,
  Results: 2,
  Run: 4,
  Read: 5,
  Number: 6,
  NumberHigh: 7,
  Code: 8,
  Text: 9,
  Capacity: 11,
  Path: 12,
  Flight: 14,
} as const;
const WORDS = 16;

const text = new TextDecoder();
const NO_WORDS = new Uint32Array(0);

/** The words of one engine. */
export class Mailbox {
  readonly #memory: WebAssembly.Memory;
  readonly #address: number;
  #words = NO_WORDS;

  constructor(memory: WebAssembly.Memory, address: number) {
    this.#memory = memory;
    this.#address = address;
  }

  /** One word. */
  word(word: number): number {
    // When the memory grows, the view of it becomes one of nothing.
    if (this.#words.length === 0) this.#words = new Uint32Array(this.#memory.buffer, this.#address, WORDS);
    return this.#words[word]!;
  }

  /** The text that a word points to. */
  text(word: number): string {
    const length = this.word(word + 1);
    return length === 0 ? "" : text.decode(new Uint8Array(this.#memory.buffer, this.word(word), length));
  }

  /** The list that a word points to, or its beginning. Not to be kept. */
  list(word: number, length = this.word(word + 1)): Uint32Array {
    return length === 0 ? NO_WORDS : new Uint32Array(this.#memory.buffer, this.word(word), length);
  }

  /** The region that the engine says begins here. */
  region(address: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, this.word(Word.Capacity));
  }
}
