// One error class, whose codes are the engine's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ConvexError, ERROR_CODES, getConvexSize, getDocumentSize, HoldfastError } from "../../ts/index.js";

test("the codes are those of the engine, in its order", () => {
  const source = readFileSync("src/error.rs", "utf8");
  const list = /^codes! \{$([^}]*)^\}$/m.exec(source)![1]!;
  const codes = [...list.matchAll(/^ {4}(\w+),$/gm)].map((match) => match[1]);
  assert.deepEqual([...ERROR_CODES], codes);
});

test("an error says what, whether to try again, and more for programs", () => {
  const cause = new Error("cause");
  const error = new HoldfastError("QuotaExceeded", "The disk is full.", { details: { table: "tasks" }, cause });
  assert.ok(error instanceof Error);
  assert.equal(String(error), "HoldfastError: The disk is full.");
  assert.equal(error.retryable, true);
  assert.deepEqual(error.details, { table: "tasks" });
  assert.equal(error.cause, cause);
  assert.equal(new HoldfastError("OutcomeUnknown", "").retryable, false);
  assert.equal(new HoldfastError("EngineFault", "", { retryable: true }).retryable, true);
  assert.equal("cause" in new HoldfastError("Corrupt", ""), false);
});

test("an application's own errors carry data", () => {
  assert.equal(new ConvexError("text").message, "text");
  const error = new ConvexError({ code: 1n, list: [undefined as never] });
  assert.equal(error.message, '{"code":"1n","list":["undefined"]}');
  assert.equal(error.data.code, 1n);
  assert.equal(error.name, "ConvexError");
  assert.equal((error as unknown as Record<symbol, unknown>)[Symbol.for("ConvexError")], true);
});

test("sizes by Convex's count", () => {
  assert.equal(getConvexSize({ a: "x", b: 1 }), 18);
  assert.equal(getDocumentSize({ a: "x" }), 68);
  assert.equal(getConvexSize([null, true, 1n, "é€😀", new ArrayBuffer(3), {}]), 2 + 1 + 1 + 9 + (2 + 9) + 5 + 2);
  assert.equal(getConvexSize(undefined), 0);
});
