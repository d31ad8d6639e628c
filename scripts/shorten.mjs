// Gives short names to what the binary and its glue import from each other. wasm-bindgen names each with a hash of sixteen
// letters, which gzip can do nothing about, in both files: four kilobytes in all.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { Problem } from "./run.mjs";
import { HEADER_BYTES, Reader, section, sectionsOf, text, varint } from "./wasm.mjs";

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
  const sections = sectionsOf(bytes).map(({ id, at, start, end }) => {
    const content = bytes.subarray(start, end);
    if (id === section.IMPORT) {
      return written(id, importsOf(content), ({ from, name, kind }) => {
        if (!GLUE.test(from)) throw new Problem(`The binary imports ${name} from ${from}.`);
        module = from;
        return [...text(glueName), ...text(short(imports, name)), ...kind];
      });
    }
    if (id === section.EXPORT)
      return written(id, exportsOf(content), ({ name, kind }) => [...text(short(exports, name)), ...kind]);
    return bytes.subarray(at, end);
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
  writeFileSync(binary, Buffer.concat([bytes.subarray(0, HEADER_BYTES), ...sections]));
  writeFileSync(glue, script);
}

const unknown = (name) =>
  new Problem(`wasm-bindgen's script uses ${name} in another way than before: see scripts/shorten.mjs.`);

/** A section that is a list. */
function written(id, entries, write) {
  const content = [...varint(entries.length), ...entries.flatMap(write)];
  return Buffer.from([id, ...varint(content.length), ...content]);
}

function importsOf(content) {
  const reader = new Reader(content);
  return reader.list(() => {
    const [from, name] = [reader.text(), reader.text()];
    const start = reader.at;
    if (reader.byte() !== 0) throw new Problem(`The binary imports ${name}, which is no function.`);
    reader.number();
    return { from, name, kind: content.subarray(start, reader.at) };
  });
}

function exportsOf(content) {
  const reader = new Reader(content);
  return reader.list(() => {
    const name = reader.text();
    const start = reader.at;
    reader.byte();
    reader.number();
    return { name, kind: content.subarray(start, reader.at) };
  });
}
