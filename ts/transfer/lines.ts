/**
 * A stream of bytes as lines of text, one at a time.
 */
import { invalidImport } from "./problems.js";

/**
 * A document of 1 MiB has fewer letters, whatever it is written with. A longer line is none, and would only fill the
 * memory.
 */
const LINE_MAX = 1 << 24;

/** The lines of a text in UTF-8, without their line feeds. The last may lack one. */
export async function* linesOf(stream: ReadableStream<Uint8Array>, what: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = stream.getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      let text: string;
      try {
        text = decoder.decode(value, { stream: !done });
      } catch (cause) {
        throw invalidImport(`${what} is not UTF-8.`, {}, cause);
      }
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        const line = rest + text.slice(start, end);
        rest = "";
        start = end + 1;
        yield line;
      }
      rest += text.slice(start);
      if (rest.length > LINE_MAX) throw invalidImport(`${what} has a line of more than 16 MiB.`);
      if (done) break;
    }
    if (rest !== "") yield rest;
  } finally {
    // Whoever stops in the middle, by an error or a `break`, wants no more of it.
    await reader.cancel().catch(() => undefined);
  }
}
