/**
 * Where arguments are written for the engine: the beginning of its memory for them.
 */
import { bounded } from "./arguments.js";
import { encodeTrusted } from "./encode.js";
import type { SerializedQuery } from "./serialized_query.js";
import { heapSink, Sink } from "./sink.js";

const utf8 = new TextEncoder();
// Every byte is a letter of its own.
const latin1 = new TextDecoder("latin1");

/** The engine's input. */
export class Input extends Sink {
  #keys: Sink | undefined;

  /** Writes an id or a name at the beginning of the input and answers its length. */
  writeText(value: string): number {
    this.clear();
    return this.appendText(bounded(value));
  }

  /** Writes a text behind what is in the input and answers its length. The caller has made sure that it is not endless. */
  appendText(value: string): number {
    const length = value.length;
    this.ensure(length);
    const { bytes, position } = this;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        this.ensure(length * 3);
        const { written } = utf8.encodeInto(value, this.bytes.subarray(position));
        this.position += written;
        return written;
      }
      bytes[position + index] = code;
    }
    this.position += length;
    return length;
  }

  /** Writes a query at the beginning of the input and answers its length. */
  writeQuery(query: SerializedQuery, limit: number | undefined): number {
    this.clear();
    encodeTrusted(this, limited(query, limit));
    return this.position;
  }

  /** A value as something to find it by. Needs no engine. */
  keyOf(value: unknown): string {
    const keys = (this.#keys ??= heapSink());
    keys.clear();
    encodeTrusted(keys, value);
    return latin1.decode(keys.bytes.subarray(0, keys.position));
  }

  /** A query as something to find it by. */
  queryKey(query: SerializedQuery, limit?: number): string {
    return this.keyOf(limited(query, limit));
  }

  /** What is in the input, as something to find it by. */
  inputKey(length: number): string {
    return latin1.decode(this.bytes.subarray(0, length));
  }
}

function limited({ source, operators }: SerializedQuery, limit: number | undefined) {
  return { source, operators: limit === undefined ? operators : [...operators, { limit }] };
}
