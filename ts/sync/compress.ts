/**
 * Changes as they are stored: one after another, each a chunk that can be deflated.
 *
 * A chunk: `85 6f 4a 83`, four bytes of a checksum of what is not deflated, its kind, its length as a varint, its content.
 */

const MAGIC = [0x85, 0x6f, 0x4a, 0x83];
const KIND = 8;
const CHANGE = 1;
const DEFLATED = 2;

/** Shorter ones stay as they are. */
const WORTHWHILE_BYTES = 1024;

/** The same changes in less space, or undefined where there is none to save. */
export async function compressed(changes: Uint8Array): Promise<Uint8Array | undefined> {
  if (typeof CompressionStream !== "function") return undefined;
  const parts: Uint8Array[] = [];
  for (let at = 0; at < changes.length;) {
    const chunk = chunkAt(changes, at);
    if (chunk === undefined) return undefined;
    parts.push(chunk.kind === CHANGE ? await deflated(chunk) : chunk.whole);
    at += chunk.whole.length;
  }
  const smaller = joined(parts);
  return smaller.length < 0.9 * changes.length ? smaller : undefined;
}

interface Chunk {
  readonly kind: number;
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
}

function chunkAt(changes: Uint8Array, start: number): Chunk | undefined {
  if (MAGIC.some((byte, at) => changes[start + at] !== byte)) return undefined;
  let at = start + KIND + 1;
  let length = 0;
  for (let unit = 1; ; unit *= 128) {
    const byte = changes[at++];
    if (byte === undefined) return undefined;
    length += (byte & 127) * unit;
    if (byte < 128) break;
  }
  if (at + length > changes.length) return undefined;
  const [whole, content] = [changes.subarray(start, at + length), changes.subarray(at, at + length)];
  return { kind: changes[start + KIND]!, whole, content };
}

async function deflated({ whole, content }: Chunk): Promise<Uint8Array> {
  if (content.length < WORTHWHILE_BYTES) return whole;
  const smaller = await through(new CompressionStream("deflate-raw"), content);
  // It takes the place of what people have written: it has to be the same.
  const again = await through(new DecompressionStream("deflate-raw"), smaller);
  if (again.length !== content.length || !again.every((byte, at) => byte === content[at])) return whole;
  const head = [...whole.subarray(0, KIND), DEFLATED];
  for (let rest = smaller.length; ; rest = Math.floor(rest / 128)) {
    head.push(rest < 128 ? rest : (rest % 128) | 128);
    if (rest < 128) break;
  }
  return joined([Uint8Array.from(head), smaller]);
}

async function through(stream: CompressionStream | DecompressionStream, bytes: Uint8Array): Promise<Uint8Array> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  return new Uint8Array(await new Response(source.pipeThrough(stream)).arrayBuffer());
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
