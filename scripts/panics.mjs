// Takes the words out of the binary's panics. Nobody hears them: a panic ends in a trap, which reaches JavaScript as a
// RuntimeError, and std has nowhere to print to in a browser. The code and the places that they are made of are large
// all the same. (A debug build, as tests use it, keeps them.)

import { readFileSync, writeFileSync } from "node:fs";
import { Problem } from "./run.mjs";

// Functions that never return, by their names in the binary as wasm-bindgen leaves it. What may return for some caller
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
  /^alloc::alloc::handle_alloc_error$/,
  /^alloc::raw_vec::(handle_error|capacity_overflow)$/,
  /^std::thread::local::panic_access_error$/,
  /^std::alloc::rust_oom$/,
  /^(__rustc::)?rust_begin_unwind$/,
];

// What `{:?}` calls. Panics show errors so, and nothing else does (clippy sees to it): it writes nothing.
const debug = /^<.* as core::fmt::Debug>::fmt$/;

/** A function's name without the hashes of its crate and its own. */
const plain = (name) => name.replace(/\[[0-9a-f]+\]/g, "").replace(/::h[0-9a-f]{16}$/, "");

/** Makes the panics of a binary trap at once; what they called is then wasm-opt's to remove. */
export async function silencePanics(file) {
  const { default: binaryen } = await import("binaryen");
  const module = binaryen.readBinary(readFileSync(file));
  const functions = Array.from({ length: module.getNumFunctions() }, (_, index) =>
    binaryen.getFunctionInfo(module.getFunctionByIndex(index)),
  );
  const silenced = functions.filter(({ name }) => panics.some((pattern) => pattern.test(plain(name))));
  // A compiler that names one of them differently costs some bytes; one that names all differently would go unseen.
  if (!silenced.some(({ name }) => plain(name).endsWith("rust_begin_unwind")))
    throw new Problem("The binary has no rust_begin_unwind: its panics have other names now, see scripts/panics.mjs.");
  const replace = ({ name, params, results }, body) => {
    module.removeFunction(name);
    module.addFunction(name, params, results, [], body);
  };
  for (const one of silenced) replace(one, module.unreachable());
  const shown = functions.filter(({ name, results }) => debug.test(plain(name)) && results === binaryen.i32);
  for (const one of shown) replace(one, module.i32.const(0));
  const segments = Array.from({ length: module.getNumDataSegments() }, (_, index) => {
    const { offset, data, passive } = module.getDataSegmentInfo(module.getDataSegmentByIndex(index));
    return { offset, data: Buffer.from(data), passive };
  }).filter(({ passive }) => !passive);
  const bytes = Buffer.from(module.emitBinary());
  module.dispose();
  for (const { data, blank } of blankPlaces(segments)) bytes.set(blank, bytes.indexOf(data));
  writeFileSync(file, bytes);
}

/**
 * The segments that name places in source files, as { data, blank }: `blank` has zeros instead. A place is four words:
 * the address and the length of the file's name, line and column. (Nothing but panics asks for a place.)
 */
function blankPlaces(segments) {
  const blanks = segments.map(({ data }) => Buffer.from(data));
  segments.forEach(({ offset, data }, index) => {
    for (let at = -offset & 3; at + 16 <= data.length; at += 4) {
      const [address, length] = [data.readUInt32LE(at), data.readUInt32LE(at + 4)];
      const holder = segments.findIndex(
        (one) => address >= one.offset && address + length < one.offset + one.data.length,
      );
      if (length < 4 || holder < 0) continue;
      const start = address - segments[holder].offset;
      // The name ends with a zero that its length doesn't count.
      if (!/^[!-~]+\.rs\0$/.test(segments[holder].data.toString("latin1", start, start + length + 1))) continue;
      blanks[index].fill(0, at, at + 16);
      blanks[holder].fill(0, start, start + length);
    }
  });
  return segments.map(({ data }, index) => ({ data, blank: blanks[index] }));
}
