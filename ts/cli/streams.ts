/**
 * Where a command reads and writes: what it was asked for to one stream, everything else to the other.
 */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** The streams of a command. */
export interface Streams {
  /** Where it reads what is called `-`. */
  readonly in: Readable;
  readonly out: Writable;
  /** Progress is shown only where somebody looks. */
  readonly err: Writable & { readonly isTTY?: boolean };
}

/** A line. */
export function say(stream: Writable, text: string): void {
  stream.write(`${text}\n`);
}

/** Bytes, as fast as they are taken. */
export async function pour(blob: Blob, stream: Writable): Promise<void> {
  for await (const chunk of blob.stream()) if (!stream.write(chunk)) await once(stream, "drain");
}

const SHOW_EVERY_MS = 100;
const CLEAR_LINE = "\r\x1b[K";

/** One line that says how far it is, in a terminal. */
export class Progress {
  readonly #err: Streams["err"];
  #shown = 0;

  constructor({ err }: Streams) {
    this.#err = err;
  }

  tell(text: string): void {
    if (this.#err.isTTY !== true || Date.now() < this.#shown + SHOW_EVERY_MS) return;
    this.#shown = Date.now();
    this.#err.write(CLEAR_LINE + text);
  }

  /** Makes room for what is said next. */
  end(): void {
    if (this.#shown > 0) this.#err.write(CLEAR_LINE);
    this.#shown = 0;
  }
}

/** A number for people. */
export const count = (number: number) => number.toLocaleString("en");

/** So many of something. */
export const many = (number: number, noun: string) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
