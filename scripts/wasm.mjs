// WebAssembly's binary format, as far as the build looks into it.

/** The magic number and the version. */
export const HEADER_BYTES = 8;

/** The numbers of sections, in the order of the format's specification. */
export const section = { CUSTOM: 0, TYPE: 1, IMPORT: 2, FUNCTION: 3, EXPORT: 7, START: 8, CODE: 10, DATA: 11 };

/** Reads numbers and texts one after another. */
export class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128 number. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** A signed LEB128 number of 32 bits. */
  signed() {
    const start = this.at;
    const value = this.number();
    const bits = 7 * (this.at - start);
    return this.bytes[this.at - 1] & 0x40 ? value - 2 ** bits : value;
  }

  text() {
    const length = this.number();
    this.at += length;
    return this.bytes.toString("utf8", this.at - length, this.at);
  }

  /** What `read` makes of each part of a list. */
  list(read) {
    return Array.from({ length: this.number() }, () => read());
  }
}

/** The sections of a binary: { id, name, at, start, end }: from `at` on the whole, from `start` on what is in it. */
export function sectionsOf(bytes) {
  const reader = new Reader(bytes, HEADER_BYTES);
  const sections = [];
  while (reader.at < bytes.length) {
    const at = reader.at;
    const id = reader.byte();
    const end = reader.number() + reader.at;
    const name = id === section.CUSTOM ? reader.text() : undefined;
    sections.push({ id, name, at, start: reader.at, end });
    reader.at = end;
  }
  return sections;
}

/** A reader of a section's content; undefined without it. */
export function readerOf(bytes, id, name) {
  const found = sectionsOf(bytes).find((one) => one.id === id && one.name === name);
  return found && new Reader(bytes, found.start);
}

/** How many functions a binary imports, and its own, in their order: { start, end, results } of the bodies. */
export function functionsOf(bytes) {
  const read = (id, part) => {
    const reader = readerOf(bytes, id);
    return reader === undefined ? [] : reader.list(() => part(reader));
  };
  const types = read(section.TYPE, (reader) => {
    reader.byte();
    const [parameters, results] = [reader.list(() => reader.byte()), reader.list(() => reader.byte())];
    return { parameters, results };
  });
  const imported = read(section.IMPORT, (reader) => {
    reader.text();
    reader.text();
    if (reader.byte() !== 0) throw new Error("the binary imports something else than functions");
    return types[reader.number()];
  });
  const declared = read(section.FUNCTION, (reader) => types[reader.number()]);
  const bodies = read(section.CODE, (reader) => {
    const length = reader.number();
    reader.at += length;
    return { start: reader.at - length, end: reader.at };
  });
  return { imported: imported.length, bodies: bodies.map((body, index) => ({ ...body, ...declared[index] })) };
}

/** The names that a binary gives its functions, by their numbers. */
export function functionNames(bytes) {
  const names = new Map();
  const custom = sectionsOf(bytes).find(({ name }) => name === "name");
  if (custom === undefined) return names;
  const reader = new Reader(bytes, custom.start);
  const FUNCTIONS = 1;
  while (reader.at < custom.end) {
    const kind = reader.byte();
    const end = reader.number() + reader.at;
    if (kind === FUNCTIONS) reader.list(() => names.set(reader.number(), reader.text()));
    reader.at = end;
  }
  return names;
}

/** An unsigned number as LEB128. */
export function varint(number) {
  return number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...varint(number >>> 7)];
}

/** A text with its length before it. */
export const text = (name) => [...varint(Buffer.byteLength(name)), ...Buffer.from(name)];
