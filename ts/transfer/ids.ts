/**
 * Ids as texts: which number stands for the table, and the same id with another. The format is Convex's (docs/format.md).
 * The engine reads it too (src/id.rs), but every text of a file may be an id, and each would be a call of its own.
 */

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** Bytes behind the table's number: fourteen random ones and two of the day. */
const ROW_LENGTH = 16;

/** The table's number in an id; undefined when the text is none. */
export function tableNumberOf(id: string): number | undefined {
  return decoded(id)?.number;
}

/** The same id of a table with another number. */
export function withTableNumber(id: string, number: number): string {
  const parts = decoded(id);
  return parts === undefined ? id : encoded(number, parts.row);
}

function decoded(id: string): { number: number; row: Uint8Array } | undefined {
  if (id.length < 31 || id.length > 37) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let count = 0;
  for (const letter of id) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) return undefined;
    bits = ((bits << 5) | digit) & 0xfff;
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes.push((bits >> count) & 0xff);
    }
  }
  let number = 0;
  let length = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[length];
    if (byte === undefined || length === 5) return undefined;
    length += 1;
    number += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  const row = Uint8Array.from(bytes.slice(length, length + ROW_LENGTH));
  if (number === 0 || number > 0xffffffff || row.length < ROW_LENGTH) return undefined;
  // The checksum, the length and the unused bits are right if the text comes out the same.
  return encoded(number, row) === id ? { number, row } : undefined;
}

function encoded(number: number, row: Uint8Array): string {
  const bytes: number[] = [];
  let rest = number;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest, ...row);
  let [low, high] = [0, 0];
  for (const byte of bytes) {
    low = (low + byte) & 0xff;
    high = (high + low) & 0xff;
  }
  bytes.push(low, high);
  let text = "";
  let bits = 0;
  let count = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    count += 8;
    for (; count >= 5; count -= 5) text += ALPHABET[(bits >> (count - 5)) & 31];
  }
  return count === 0 ? text : text + ALPHABET[(bits << (5 - count)) & 31];
}
