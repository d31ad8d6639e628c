// Takes the words out of the binary's panics. Nobody hears them: a panic ends in a trap, which reaches JavaScript as a
// RuntimeError, and std has nowhere to print to in a browser. The code and the places that they are made of are large
// all the same. (A debug build, as tests use it, keeps them.)

import { readFileSync, writeFileSync } from "node:fs";
import { Problem } from "./run.mjs";
import { functionNames, functionsOf, readerOf, section } from "./wasm.mjs";

// Functions that never return, by their names in the binary as the linker demangles them. What may return for some caller
// must not be here, whatever it is called.
const panics = [
  /^core::panicking::/,
  /^core::(option|result)::(unwrap|expect)_failed$/,
  /^core::cell::panic_already_(mutably_)?borrowed$/,
  /^core::cell::lazy::panic_poisoned$/,
  /^core::str::slice_error_fail(_rt)?$/,
  /^core::slice::index::slice_\w*fail$/,
  /^core::slice::copy_from_slice_impl::len_mismatch_fail$/,
  /^core::slice::sort::shared::smallsort::panic_on_ord_violation$/,
  /^<alloc::vec::Vec<_, _>>::\w+::assert_failed$/,
  /^alloc::alloc::handle_alloc_error$/,
  /^alloc::raw_vec::(handle_error|capacity_overflow)$/,
  /^std::thread::local::panic_access_error$/,
  /^std::alloc::rust_oom$/,
  /^(__rustc::)?rust_begin_unwind$/,
];

// What `{:?}` calls. Panics show errors so, and nothing else does (clippy sees to it): it writes nothing.
const debug = /^<.* as core::fmt::Debug>::fmt$/;

const I32 = 0x7f;
const code = { UNREACHABLE: 0x00, END: 0x0b, RETURN: 0x0f, I32_CONST: 0x41 };

/** A function's name without the hashes of its crate and its own, as Rust writes it. */
function plain(name) {
  return name
    .replace(/\[[0-9a-f]+\]/g, "")
    .replace(/::h[0-9a-f]{16}$/, "")
    .replace(/^_(?=\$)/, "")
    .replaceAll("$LT$", "<")
    .replaceAll("$GT$", ">")
    .replaceAll("$u20$", " ")
    .replaceAll("..", "::");
}

/** Makes the panics of a binary trap at once, in their places: what only they call is for others to remove. */
export function silencePanics(file) {
  const bytes = readFileSync(file);
  const { imported, bodies } = functionsOf(bytes);
  const names = functionNames(bytes);
  const functions = bodies.map((body, index) => ({ ...body, name: plain(names.get(imported + index) ?? "") }));
  const silenced = functions.filter(({ name }) => panics.some((pattern) => pattern.test(name)));
  // A compiler that names one of them differently costs some bytes; one that names all differently would go unseen.
  if (!silenced.some(({ name }) => name.endsWith("rust_begin_unwind")))
    throw new Problem("The binary has no rust_begin_unwind: its panics have other names now, see scripts/panics.mjs.");
  for (const one of silenced) replace(bytes, one, []);
  const shown = functions.filter(({ name, results }) => debug.test(name) && results.length === 1 && results[0] === I32);
  for (const one of shown) replace(bytes, one, [code.I32_CONST, 0, code.RETURN]);
  blankPlaces(segmentsOf(bytes));
  writeFileSync(file, bytes);
}

/** Gives a function another body of the same length: the instructions, and a trap after them. */
export function replace(bytes, { start, end }, instructions) {
  const NO_LOCALS = 0;
  const body = [NO_LOCALS, ...instructions];
  if (body.length + 1 > end - start) return;
  bytes.fill(code.UNREACHABLE, start, end - 1);
  bytes.set(body, start);
  bytes[end - 1] = code.END;
}

/** The segments of memory that a binary begins with: { offset, data }. */
function segmentsOf(bytes) {
  const reader = readerOf(bytes, section.DATA);
  if (reader === undefined) return [];
  const segments = reader.list(() => segmentFrom(reader));
  return segments.filter(({ offset }) => offset !== undefined);
}

/** One of them; without an offset where it is not there from the beginning. */
export function segmentFrom(reader) {
  const [ACTIVE, PASSIVE] = [0, 1];
  const kind = reader.number();
  if (kind !== ACTIVE && kind !== PASSIVE) throw new Error("the binary has more than one memory");
  let offset;
  if (kind === ACTIVE) {
    if (reader.byte() !== code.I32_CONST) throw new Error("the binary's data has no fixed place");
    offset = reader.signed() >>> 0;
    reader.byte(); // the end of the expression
  }
  const length = reader.number();
  reader.at += length;
  return { offset, start: reader.at - length, data: reader.bytes.subarray(reader.at - length, reader.at) };
}

/**
 * Writes zeros over places in source files. A place is four words: the address and the length of the file's name, line and
 * column. (Nothing but panics asks for a place.)
 */
function blankPlaces(segments) {
  const found = [];
  segments.forEach(({ offset, data }) => {
    for (let at = -offset & 3; at + 16 <= data.length; at += 4) {
      const [address, length] = [data.readUInt32LE(at), data.readUInt32LE(at + 4)];
      const holder = segments.find((one) => address >= one.offset && address + length < one.offset + one.data.length);
      if (length < 4 || holder === undefined) continue;
      const start = address - holder.offset;
      // The name ends with a zero that its length doesn't count.
      if (!/^[!-~]+\.rs\0$/.test(holder.data.toString("latin1", start, start + length + 1))) continue;
      found.push(data.subarray(at, at + 16), holder.data.subarray(start, start + length));
    }
  });
  for (const blank of found) blank.fill(0);
}
