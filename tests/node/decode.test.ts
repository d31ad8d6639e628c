// The way out: JSON for most rows, Convex JSON for the others; frozen for the cache.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeRows, freezeRows } from "../../ts/decode.js";
import type { GenericDocument } from "../../ts/index.js";
import { literalToJson, toBase64 } from "../../ts/json.js";
import { assertSame } from "../fixtures/read_document.js";

/** A value that the engine has written, as a field of a row. */
const decodeValue = (text: string): unknown => decodeRows(`[{"field":${text}}]`, [0])[0]!["field"];

/** Convex JSON as the engine writes it. */
function toJson(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return { $bytes: toBase64(new Uint8Array(value)) };
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, toJson(field)]));
  }
  return value === null ? null : literalToJson(value as string);
}

test("Convex JSON of each kind", () => {
  const vectors: [string, unknown][] = [
    [`{"$integer":"AQAAAAAAAAA="}`, 1n],
    [`{"$integer":"//////////8="}`, -1n],
    [`{"$float":"AAAAAAAA+H8="}`, NaN],
    [`{"$float":"AAAAAAAA8H8="}`, Infinity],
    [`{"$float":"AAAAAAAA8P8="}`, -Infinity],
    [`{"$float":"AAAAAAAAAIA="}`, -0],
    [`{"$bytes":"AQL/"}`, Uint8Array.of(1, 2, 255).buffer],
    [`{"$bytes":""}`, new ArrayBuffer(0)],
    [`[1,{"a":[{"$integer":"AQAAAAAAAAA="}],"$":0}]`, [1, { a: [1n], $: 0 }]],
  ];
  for (const [text, expected] of vectors) {
    assertSame(decodeValue(text), expected);
    assert.equal(JSON.stringify(toJson(expected)), text);
  }
  assertSame(decodeValue(`{"a":[{"b":{"$integer":"AQAAAAAAAAA="}},null,"x"]}`), { a: [{ b: 1n }, null, "x"] });
  for (const broken of [`{"$integer":"AQ=="}`, `{"$float":"AAAAAAAA8D8="}`, `{"$integer":1}`, `{"$other":"AQL/"}`]) {
    assert.throws(() => decodeValue(broken), { code: "EngineFault" }, broken);
  }
});

test("a batch of rows of both kinds", () => {
  const text = `[{"_id":"1","a":1},{"_id":"2","a":{"$integer":"AQAAAAAAAAA="},"b":{"c":[{"$float":"AAAAAAAAAIA="}]}},{"_id":"3"}]`;
  assertSame(decodeRows(text, [1]), [{ _id: "1", a: 1 }, { _id: "2", a: 1n, b: { c: [-0] } }, { _id: "3" }]);
  assert.throws(() => decodeRows("[]", [0]), { code: "EngineFault" });
});

test("any document comes back", () => {
  const scalar = fc.oneof(
    fc.constantFrom<unknown>(null, true, -0, NaN, Infinity, -Infinity),
    fc.double(),
    fc.string(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.uint8Array().map((bytes) => bytes.slice().buffer),
  );
  const name = fc.oneof(fc.constantFrom("a", "__proto__", "constructor"), fc.stringMatching(/^[a-z]{1,5}$/));
  const { document } = fc.letrec<{ document: GenericDocument; value: unknown }>((tie) => ({
    document: fc.dictionary(name, tie("value")) as fc.Arbitrary<GenericDocument>,
    value: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie("value")), tie("document")),
  }));
  fc.assert(
    fc.property(fc.array(document), (rows) => {
      const decoded = decodeRows(
        JSON.stringify(toJson(rows)),
        rows.map((_, index) => index),
      );
      assertSame(decoded, rows);
      const frozen = freezeRows(decoded);
      assertSame(frozen, rows);
      for (const row of frozen) assertFrozen(row);
    }),
  );
});

function assertFrozen(value: unknown): void {
  if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) return;
  assert.ok(Object.isFrozen(value));
  Object.values(value).forEach(assertFrozen);
}
