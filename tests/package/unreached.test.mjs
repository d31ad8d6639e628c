// What the build takes out of a binary once its panics are silent, and what it leaves.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silencePanics } from "../../scripts/panics.mjs";
import { dropUnreached } from "../../scripts/unreached.mjs";

const source = `
use std::fmt::{self, Display};

/// Read by number, past a name that is only said in a panic.
static WORDS: [&str; 3] = ["first word", "second word", "third word"];

struct Told;
impl Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("told by a vtable") }
}
struct Hushed;
impl fmt::Debug for Hushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("told in panics alone") }
}
static LIST: [&(dyn Display + Sync); 2] = [&Told, &7u8];

#[no_mangle] pub extern "C" fn letter(word: usize, at: usize) -> u8 { WORDS[word].as_bytes()[at] }
#[no_mangle] pub extern "C" fn told(which: usize, at: usize) -> u8 { LIST[which].to_string().as_bytes()[at] }
#[no_mangle] pub extern "C" fn odd(number: u32) -> u32 { (number % 2 == 1).then_some(number).expect("a message nobody hears") }
#[no_mangle] pub extern "C" fn even(number: u32) -> u32 {
    if number % 2 == 0 { Ok(number) } else { Err(Hushed) }.expect("another one")
}
`;

const folder = mkdtempSync(join(tmpdir(), "holdfast-unreached-"));
after(() => rmSync(folder, { recursive: true }));

function linked(...options) {
  const [text, file] = [join(folder, "crate.rs"), join(folder, "crate.wasm")];
  writeFileSync(text, source);
  const target = ["--crate-type", "cdylib", "--target", "wasm32-unknown-unknown", "-Copt-level=s", "-Cpanic=abort"];
  execFileSync("rustc", ["--edition", "2021", ...target, ...options, "-o", file, text], { stdio: "inherit" });
  return file;
}

const withNotes = ["-Clink-arg=--emit-relocs", "-Clink-arg=--demangle"];

test("what only panics read is gone, and all that is read is there", () => {
  const file = linked(...withNotes);
  const before = readFileSync(file, "latin1");
  silencePanics(file);
  dropUnreached(file);
  const bytes = readFileSync(file);
  const text = bytes.toString("latin1");
  for (const gone of ["a message nobody hears", "another one", "told in panics alone", "index out of bounds"]) {
    assert.ok(before.includes(gone) && !text.includes(gone), gone);
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const read = (call, length) => String.fromCharCode(...Array.from({ length }, (_, at) => call(at)));
  assert.equal(
    read((at) => exports.letter(2, at), 10),
    "third word",
  );
  assert.equal(
    read((at) => exports.told(0, at), 16),
    "told by a vtable",
  );
  assert.equal(
    read((at) => exports.told(1, at), 1),
    "7",
  );
  assert.equal(exports.odd(3), 3);
  assert.equal(exports.even(4), 4);
  const trap = WebAssembly.RuntimeError;
  assert.throws(() => exports.letter(3, 0), trap);
  assert.throws(() => exports.odd(2), trap);
  assert.throws(() => exports.even(3), trap);
});

test("without the linker's notes nothing is guessed", () => {
  const file = linked();
  assert.throws(() => dropUnreached(file), /--emit-relocs/);
});
