// Takes out of a binary what nothing refers to once its panics are silent: functions that only they called or had the address
// of, tables and texts that only those read. The linker can't, since it has the panics whole; wasm-opt can't, since it does
// not know what an address in memory means. The linker's notes of who refers to what (`--emit-relocs`) tell.

import { readFileSync, writeFileSync } from "node:fs";
import { replace, segmentFrom } from "./panics.mjs";
import { Problem } from "./run.mjs";
import { functionsOf, HEADER_BYTES, Reader, readerOf, section, sectionsOf } from "./wasm.mjs";

// The notes' format: https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md
const SYMBOLS = 8;
const kinds = { FUNCTION: 0, DATA: 1, SECTION: 3 };
const flags = { UNDEFINED: 0x10, NAMED: 0x40 };
const relocations = {
  CALL: 0,
  ADDRESS_AS_OPERAND: 4,
  TYPE: 6,
  WITH_ADDEND: new Set([3, 4, 5, 8, 9, 11, 14, 15, 16, 17, 21]),
};
const code = { UNREACHABLE: 0x00, RETURN: 0x0f, CALL: 0x10, LOCAL_GET: 0x20, I32_CONST: 0x41, I32_ADD: 0x6a };

/** Puts traps in the place of functions that can't be reached, and zeros in that of data. Takes the linker's notes out. */
export function dropUnreached(file) {
  const bytes = readFileSync(file);
  const { bodies, data, roots, references } = graphOf(bytes);
  const reached = new Set();
  const waiting = [...roots];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (next === undefined || reached.has(next)) continue;
    reached.add(next);
    waiting.push(...(references.get(next) ?? []));
  }
  for (const body of bodies.filter((one) => !reached.has(one))) replace(bytes, body, []);
  for (const { start, end } of data.filter((one) => !reached.has(one))) bytes.fill(0, start, end);
  const isNote = ({ name }) => name === "linking" || name?.startsWith("reloc.");
  const sections = sectionsOf(bytes).filter((one) => !isNote(one));
  writeFileSync(
    file,
    Buffer.concat([bytes.subarray(0, HEADER_BYTES), ...sections.map(({ at, end }) => bytes.subarray(at, end))]),
  );
}

/**
 * Who refers to whom. `bodies` are the functions, `data` what has a name in memory, both as { start, end } in the file;
 * `roots` are those of them that JavaScript calls, `references` has those that one needs.
 */
function graphOf(bytes) {
  const { imported, bodies } = functionsOf(bytes);
  const bodyOf = (index) => bodies[index - imported];
  const symbols = symbolsOf(bytes, bodyOf);
  const data = symbols.filter((one) => one?.isData).sort((one, other) => one.start - other.start);
  const references = new Map();
  const refer = (from, to) => {
    if (!references.has(from)) references.set(from, []);
    references.get(from).push(to);
  };
  // What overlaps is one thing: a text that is the end of another, or one with two names.
  data.forEach((one, index) => {
    for (let next = index + 1; data[next]?.start < one.end; next += 1) {
      refer(one, data[next]);
      refer(data[next], one);
    }
  });
  const isSilent = new Set(bodies.filter((body) => trapsAtOnce(bytes, body)));
  const inCode = relocationsOf(bytes, section.CODE, symbols);
  const holder = finder(bodies);
  const wasted = argumentsOfTraps(bytes, inCode, isSilent);
  for (const one of inCode) {
    const from = holder(one.at);
    if (!isSilent.has(from) && !returnsAtOnce(bytes, from) && !wasted.has(one)) refer(from, one.to);
  }
  const owner = finder(data);
  for (const one of relocationsOf(bytes, section.DATA, symbols)) {
    const from = owner(one.at);
    if (from === undefined)
      throw new Problem("The linker's notes name an address in data without a name: scripts/unreached.mjs.");
    refer(from, one.to);
  }
  return { bodies, data, roots: rootsOf(bytes, bodyOf), references };
}

/** The bodies of functions that are exported, or called at the start. */
function rootsOf(bytes, bodyOf) {
  const roots = [];
  const exported = readerOf(bytes, section.EXPORT);
  exported?.list(() => {
    exported.text();
    const kind = exported.byte();
    const index = exported.number();
    if (kind === kinds.FUNCTION) roots.push(bodyOf(index));
  });
  const start = readerOf(bytes, section.START);
  if (start !== undefined) roots.push(bodyOf(start.number()));
  return roots;
}

/** What the linker's numbers of symbols stand for: a body, data, or nothing that is looked for here. */
function symbolsOf(bytes, bodyOf) {
  const notes = sectionsOf(bytes).find(({ name }) => name === "linking");
  if (notes === undefined) throw new Problem("The binary was linked without --emit-relocs: see scripts/build.mjs.");
  const segments = readerOf(bytes, section.DATA);
  const starts = segments?.list(() => segmentFrom(segments).start);
  const reader = new Reader(bytes, notes.start);
  const symbols = [];
  reader.number(); // the format's version
  while (reader.at < notes.end) {
    const part = reader.byte();
    const end = reader.number() + reader.at;
    if (part === SYMBOLS) symbols.push(...reader.list(() => symbolFrom(reader, starts, bodyOf)));
    reader.at = end;
  }
  return symbols;
}

function symbolFrom(reader, starts, bodyOf) {
  const kind = reader.byte();
  const flag = reader.number();
  const isHere = (flag & flags.UNDEFINED) === 0;
  if (kind === kinds.SECTION) return void reader.number();
  if (kind === kinds.DATA) {
    reader.text();
    if (!isHere) return undefined;
    const [segment, offset, length] = [reader.number(), reader.number(), reader.number()];
    const start = starts[segment] + offset;
    return { isData: true, start, end: start + length };
  }
  const index = reader.number();
  if (isHere || flag & flags.NAMED) reader.text();
  return kind === kinds.FUNCTION ? bodyOf(index) : undefined;
}

/** The places in a section that have a symbol's number or address: { type, at, to }, in their order. */
function relocationsOf(bytes, id, symbols) {
  const sections = sectionsOf(bytes);
  const index = sections.findIndex((one) => one.id === id);
  for (const notes of sections.filter(({ name }) => name?.startsWith("reloc."))) {
    const reader = new Reader(bytes, notes.start);
    if (reader.number() !== index) continue;
    return reader.list(() => {
      const type = reader.byte();
      const at = sections[index].start + reader.number();
      const number = reader.number();
      if (relocations.WITH_ADDEND.has(type)) reader.signed();
      return { type, at, to: type === relocations.TYPE ? undefined : symbols[number] };
    });
  }
  return [];
}

/** Finds what a place in the file lies in, among things in their order. */
function finder(places) {
  let near = 0;
  return (at) => {
    while (near > 0 && places[near].start > at) near -= 1;
    while (near + 1 < places.length && places[near + 1].start <= at) near += 1;
    return at < places[near].end ? places[near] : undefined;
  };
}

const beginsWith = (bytes, start, expected) => expected.every((byte, index) => bytes[start + index] === byte);
const trapsAtOnce = (bytes, { start }) => beginsWith(bytes, start, [0, code.UNREACHABLE]);
const returnsAtOnce = (bytes, { start }) => beginsWith(bytes, start, [0, code.I32_CONST, 0, code.RETURN]);

/** The addresses that are operands of a call that ends in a trap: `expect("a message")`. Nobody looks at what is there. */
function argumentsOfTraps(bytes, inCode, isSilent) {
  const calls = new Map(inCode.filter(({ type }) => type === relocations.CALL).map(({ at, to }) => [at - 1, to]));
  return new Set(
    inCode.filter(({ type, at }) => {
      if (type !== relocations.ADDRESS_AS_OPERAND || bytes[at - 1] !== code.I32_CONST) return false;
      const { called, operands } = nextCall(bytes, at, calls);
      return isSilent.has(called) && operands <= called.parameters.length;
    }),
  );
}

/** The function called with the address at a place, if it is called before anything but simple operands, and how many
 * operands it has from the address on. */
function nextCall(bytes, at, calls) {
  const reader = new Reader(bytes, at);
  reader.signed();
  for (let operands = 1; ;) {
    const instruction = reader.byte();
    if (instruction === code.I32_CONST) reader.signed();
    else if (instruction === code.LOCAL_GET) reader.number();
    // Adds two that come after the address.
    else if (instruction === code.I32_ADD && operands > 2) operands -= 2;
    else return { operands, called: instruction === code.CALL ? calls.get(reader.at - 1) : undefined };
    operands += 1;
  }
}
