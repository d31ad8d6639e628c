// What `convex/values` exports: the order of values and Convex JSON, by the vectors and against the engine's order.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Base64, compareValues, convexToJson, jsonToConvex, type Value } from "../../ts/convex/values.js";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { freshName } from "../fixtures/database.js";
import { bytes, value } from "../fixtures/values.js";

/** Ascending, each less than the next. */
const ORDER: (Value | undefined)[] = [
  undefined,
  null,
  -(2n ** 63n),
  -5n,
  0n,
  7n,
  2n ** 63n - 1n,
  -Infinity,
  -1.5,
  -5e-324,
  -0,
  0,
  5e-324,
  1,
  Infinity,
  NaN,
  false,
  true,
  "",
  "A",
  "a",
  "aa",
  "é",
  "\uE000",
  "\uFFFF",
  "😀",
  bytes(),
  bytes(0),
  bytes(0, 1),
  bytes(255),
  [],
  [1],
  [1, 2],
  ["a"],
  {},
  { a: 1 },
  { a: 1, b: 2 },
  { a: 2 },
  { b: 1 },
];

test("values are ordered as Convex orders them", () => {
  for (const [i, a] of ORDER.entries()) {
    for (const [j, b] of ORDER.entries()) {
      assert.equal(compareValues(a, b), Math.sign(i - j), `${i} and ${j}`);
    }
  }
  assert.equal(compareValues({ b: 1, a: 2 }, { a: 2, b: 1 }), 0);
  assert.equal(compareValues({ a: undefined }, {}), 0);
});

test("the order is that of an index", async (t) => {
  const schema = defineSchema({ rows: defineTable({ value: v.any() }).index("by_value", ["value"]) });
  const db = await openDatabase({ name: freshName(), storage: "memory", schema });
  t.after(() => db.close());
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 2, maxLength: 20 }), async (values) => {
      await db.mutate(async (ctx) => {
        for (const row of await ctx.db.query("rows").collect()) await ctx.db.delete(row._id);
        for (const value of values) await ctx.db.insert("rows", { value });
      });
      const rows = await db.query("rows").withIndex("by_value").collect();
      for (const [index, row] of rows.entries()) {
        if (index === 0) continue;
        const before = rows[index - 1]!;
        assert.ok(compareValues(before.value as Value, row.value as Value) <= 0);
      }
      const sorted = [...values].sort(compareValues);
      assert.deepEqual(
        rows.map((row) => row.value as Value),
        sorted,
      );
    }),
    { numRuns: 60 },
  );
});

test("Convex JSON by the vectors", () => {
  const vectors: [Value, unknown][] = [
    [1n, { $integer: "AQAAAAAAAAA=" }],
    [-1n, { $integer: "//////////8=" }],
    [NaN, { $float: "AAAAAAAA+H8=" }],
    [Infinity, { $float: "AAAAAAAA8H8=" }],
    [-Infinity, { $float: "AAAAAAAA8P8=" }],
    [-0, { $float: "AAAAAAAAAIA=" }],
    [bytes(1, 2, 255), { $bytes: "AQL/" }],
    [
      { b: [1, null], a: "x" },
      { a: "x", b: [1, null] },
    ],
  ];
  for (const [value, json] of vectors) {
    assert.deepEqual(convexToJson(value), json);
    assert.deepEqual(jsonToConvex(json as never), value);
  }
  assert.equal(JSON.stringify(convexToJson({ b: 1, a: 2 })), '{"a":2,"b":1}');
});

test("Convex JSON is the same there and back", () => {
  fc.assert(
    fc.property(value, (value) => {
      assert.deepEqual(jsonToConvex(JSON.parse(JSON.stringify(convexToJson(value))) as never), value);
    }),
  );
});

test("what is no Convex JSON, or no value, is refused", () => {
  for (const json of [
    { $integer: "AQ==" },
    { $integer: 5 },
    { $float: "AAAAAAAA8D8=" },
    { $bytes: "*" },
    { $what: "" },
  ]) {
    assert.throws(() => jsonToConvex(json as never), { code: "InvalidValue" }, JSON.stringify(json));
  }
  assert.throws(() => convexToJson({ $a: 1 }), { message: "Field name $a starts with a '$', which is reserved." });
  assert.throws(() => convexToJson(new Date() as never), /^HoldfastError: Date ".*" is not a supported Convex type.$/);
  assert.throws(
    () => convexToJson([undefined] as never),
    /undefined is not a valid Convex value \(present at path \[0\]/,
  );
});

test("Base64", () => {
  const list = new Uint8Array([251, 255, 0]);
  assert.equal(Base64.fromByteArray(list), "+/8A");
  assert.equal(Base64.fromByteArrayUrlSafeNoPadding(list), "-_8A");
  assert.deepEqual([...Base64.toByteArray("-_8A")], [...list]);
});
