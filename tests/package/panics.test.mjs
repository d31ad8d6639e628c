// What the build does to the binary's panics.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import binaryen from "binaryen";
import { silencePanics } from "../../scripts/panics.mjs";

/** The exports of a module, in WebAssembly's text, that went through silencePanics. */
async function silenced(text) {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-panics-"));
  try {
    const file = join(folder, "module.wasm");
    binaryen.setDebugInfo(true); // keeps the names of functions
    writeFileSync(file, binaryen.parseText(text).emitBinary());
    await silencePanics(file);
    return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file))).exports;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a panic becomes a trap, which JavaScript sees as an exception", async () => {
  const { panic, add } = await silenced(`(module
    (func $"__rustc[0123]::rust_begin_unwind" (param i32) (loop $forever (br $forever)))
    (func $"core::panicking::panic_fmt::h0123456789abcdef" (param i32)
      (call $"__rustc[0123]::rust_begin_unwind" (local.get 0)))
    (func $"app::panicking::add" (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func (export "panic") (call $"core::panicking::panic_fmt::h0123456789abcdef" (i32.const 7)))
    (func (export "add") (result i32) (call $"app::panicking::add" (i32.const 7))))`);
  assert.throws(() => panic(), WebAssembly.RuntimeError);
  assert.equal(add(), 8);
});

test("the places of panics are gone from the data, and nothing else", async () => {
  const word = (number) => `\\${number.toString(16).padStart(2, "0")}\\00\\00\\00`;
  const { memory } = await silenced(`(module
    (memory (export "memory") 1)
    (data (i32.const 8) "src/a.rs\\00not src/b.rs...${word(8) + word(8) + word(3) + word(5) + word(17) + word(4)}")
    (func $rust_begin_unwind) (export "panic" (func $rust_begin_unwind)))`);
  const data = Buffer.from(memory.buffer, 8, 24 + 24);
  const rest = Buffer.concat([Buffer.alloc(9), Buffer.from("not src/b.rs..."), Buffer.alloc(16)]);
  assert.deepEqual(data.subarray(0, rest.length), rest);
  assert.deepEqual([...data.subarray(rest.length)], [17, 0, 0, 0, 4, 0, 0, 0]);
});

test("a binary whose panics have other names does not build", async () => {
  await assert.rejects(silenced('(module (func $begin_panic) (export "panic" (func $begin_panic)))'), /panics\.mjs/);
});
