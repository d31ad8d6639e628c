/**
 * A stream of bytes as lines of text, one at a time.
 */
import { type Caller, nobody } from "./caller.js";
import { invalidImport, unreadable } from "./problems.js";

/**
 * A document of 1 MiB has fewer letters, whatever it is written with. A longer line is none, and would only fill the
 * memory.
 */
export const LINE_MAX = 1 << 24;

/** A stream of bytes, and what it is called in messages. */
export interface TextFile {
  readonly name: string;
  stream(): ReadableStream<Uint8Array>;
}

/** Makes something of lines. */
export interface LineTaker<T> {
  /** Whether empty lines may be left out now: a file may have millions of them. */
  readonly ignoresEmpty: boolean;
  /**
   * Takes a line without its line feed; `number` is which it is, from 1, and `read` how many bytes of the file end with
   * it, roughly. What it answers is yielded; undefined is nothing.
   */
  take(line: string, number: number, read: number): T | undefined;
}

const LINE_FEED = 10;

/** What is made of the lines of a text in UTF-8. The last may lack its line feed. */
export async function* linesOf<T>(
  file: TextFile,
  taker: LineTaker<T>,
  caller: Caller<never> = nobody,
): AsyncGenerator<T> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const { name } = file;
  const reader = file.stream().getReader();
  // Ends a read that waits.
  const cancel = () => void reader.cancel().catch(() => undefined);
  caller.signal?.addEventListener("abort", cancel);
  let rest = "";
  let number = 0;
  let before = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw unreadable(cause, name);
      });
      if (caller.isDue) await caller.rest();
      let text: string;
      try {
        text = decoder.decode(value, { stream: !done });
      } catch (cause) {
        throw invalidImport(`${name} is not UTF-8.`, {}, cause);
      }
      const length = value?.byteLength ?? 0;
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        if (end === start && rest === "" && taker.ignoresEmpty) {
          while (text.charCodeAt(start) === LINE_FEED) start += 1;
          number += start - end;
          continue;
        }
        const line = rest + text.slice(start, end);
        rest = "";
        start = end + 1;
        number += 1;
        const taken = taker.take(line, number, before + (length * start) / text.length);
        if (taken !== undefined) yield taken;
      }
      rest += text.slice(start);
      before += length;
      if (rest.length > LINE_MAX) throw invalidImport(`${name} has a line of more than 16 MiB.`);
      if (done) break;
    }
    const taken = rest === "" ? undefined : taker.take(rest, number + 1, before);
    if (taken !== undefined) yield taken;
  } finally {
    caller.signal?.removeEventListener("abort", cancel);
    // Whoever stops in the middle, by an error or a `break`, wants no more of it.
    await reader.cancel().catch(() => undefined);
  }
}
