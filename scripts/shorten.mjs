// Gives short names to what the binary and its glue import from each other. wasm-bindgen names each with a hash of sixteen
// letters, which gzip can do nothing about, in both files: four kilobytes in all.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { Problem } from "./run.mjs";

const [IMPORT, EXPORT] = [2, 7];
/** What the binary calls the module that it imports from, as wasm-bindgen has it. */
const GLUE = /^\.\/\w+_bg\.js$/;
/**
 * The same in short. It is another one for each binary: short names of another version would stand for other functions, and
 * so what does not belong together does not start.
 */
const shortGlue = (binary) => `w${createHash("sha256").update(binary).digest("hex").slice(0, 6)}`;
/** Exports that others than the glue know. */
const KEPT = new Set(["memory"]);

/** Renames what a binary imports and exports, in it and in its glue. */
export function shortenNames(binary, glue) {
  const bytes = readFileSync(binary);
  const imports = new Map();
  const exports = new Map();
  const glueName = shortGlue(bytes);
  const short = (names, name) => {
    if (!names.has(name)) names.set(name, KEPT.has(name) ? name : `_${names.size.toString(36)}`);
    return names.get(name);
  };
  let module;
  const sections = sectionsOf(bytes).map(({ id, content }) => {
    if (id === IMPORT) {
      return section(id, importsOf(content), ({ from, name, kind }) => {
        if (!GLUE.test(from)) throw new Problem(`The binary imports ${name} from ${from}.`);
        module = from;
        return [...text(glueName), ...text(short(imports, name)), ...kind];
      });
    }
    if (id === EXPORT)
      return section(id, exportsOf(content), ({ name, kind }) => [...text(short(exports, name)), ...kind]);
    return Buffer.concat([Buffer.from([id, ...varint(content.length)]), content]);
  });
  const script = readFileSync(glue, "utf8")
    // What wasm-opt has found that nothing calls.
    .replace(/^ {8}(\w+): function\b.*\n(?:(?: {12}.*)?\n)*? {8}\}.*,\n/gm, (all, name) =>
      imports.has(name) ? all : "",
    )
    .replace(/(?<=\bwasm\.)\w+/g, (name) => exports.get(name) ?? name)
    .replace(/^(\s+)(\w+)(?=: function\b)/gm, (all, indent, name) =>
      imports.has(name) ? indent + imports.get(name) : all,
    )
    .replace(JSON.stringify(module), glueName);
  const isUsed = (name, before) => new RegExp(`${before}${name}(?![\\w$])`).test(script);
  for (const name of imports.keys()) if (isUsed(name, "(?<![\\w$])")) throw unknown(name);
  for (const name of exports.keys()) if (!KEPT.has(name) && isUsed(name, "exports\\.|\\[[\"']")) throw unknown(name);
  writeFileSync(binary, Buffer.concat([bytes.subarray(0, HEADER), ...sections]));
  writeFileSync(glue, script);
}

const unknown = (name) =>
  new Problem(`wasm-bindgen's script uses ${name} in another way than before: see scripts/shorten.mjs.`);

/** The magic number and the version. */
const HEADER = 8;

function sectionsOf(bytes) {
  const found = [];
  const reader = new Reader(bytes, HEADER);
  while (reader.at < bytes.length) {
    const id = reader.byte();
    found.push({ id, content: reader.take(reader.number()) });
  }
  return found;
}

/** A section that is a list. */
function section(id, entries, write) {
  const content = [...varint(entries.length), ...entries.flatMap(write)];
  return Buffer.from([id, ...varint(content.length), ...content]);
}

function importsOf(content) {
  const reader = new Reader(content);
  return Array.from({ length: reader.number() }, () => {
    const [from, name] = [reader.text(), reader.text()];
    const start = reader.at;
    if (reader.byte() !== 0) throw new Problem(`The binary imports ${name}, which is no function.`);
    reader.number();
    return { from, name, kind: content.subarray(start, reader.at) };
  });
}

function exportsOf(content) {
  const reader = new Reader(content);
  return Array.from({ length: reader.number() }, () => {
    const name = reader.text();
    const start = reader.at;
    reader.byte();
    reader.number();
    return { name, kind: content.subarray(start, reader.at) };
  });
}

class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  byte() {
    return this.bytes[this.at++];
  }
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
  take(length) {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  text() {
    return this.take(this.number()).toString("utf8");
  }
}

const text = (name) => [...varint(Buffer.byteLength(name)), ...Buffer.from(name)];

function varint(number) {
  return number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...varint(number >>> 7)];
}
