// The way in: whatever is written can be read back exactly, and whatever has no encoding is refused in Convex's words.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DocumentEncoder, encodeTrusted, encodeValue } from "../../ts/encode.js";
import { nameIds } from "../../ts/encode_plan.js";
import { HoldfastError } from "../../ts/errors.js";
import { v } from "../../ts/index.js";
import { heapSink, Sink } from "../../ts/sink.js";
import type { GenericValidator, ValidatorJson } from "../../ts/validators.js";
import golden from "../fixtures/convex_golden.json";
import { badValues } from "../fixtures/everything.js";
import { assertSame, readDocument, readValue, withoutUndefined } from "../fixtures/read_document.js";
import { schema } from "../fixtures/schema.js";

const RUNS = { numRuns: 400 };

const jsonOf = (validator: GenericValidator): ValidatorJson => validator.json;

function encodeDocument(
  document: unknown,
  {
    validator,
    names = [],
    purpose = "insert",
  }: { validator?: GenericValidator | undefined; names?: string[]; purpose?: "insert" | "patch" } = {},
): Uint8Array {
  const sink = heapSink(16);
  new DocumentEncoder(validator && jsonOf(validator), nameIds(names)).encode(sink, document, purpose);
  return sink.written().slice();
}

function errorOf(run: () => unknown): HoldfastError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof HoldfastError, `not ours: ${String(error)}`);
    return error;
  }
  return assert.fail("no error");
}

const name = fc.oneof(
  fc.constantFrom("a", "b", "c", "title", "status", "constructor", "toString", "valueOf", "x y", ""),
  fc.stringMatching(/^[ -#%-~][ -~]{0,12}$/).filter((text) => text !== "__proto__"),
);
const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    -0,
    0,
    NaN,
    Infinity,
    -Infinity,
    2 ** 31,
    -(2 ** 31),
    2 ** 53,
    -(2 ** 53),
    2 ** 53 + 2,
    2 ** 32,
    1e300,
    5e-324,
  ),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 300 }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => bytes.slice().buffer),
);
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    { weight: 5, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie("value"), { maxLength: 5 }) },
    { weight: 1, arbitrary: fc.dictionary(name, fc.oneof(tie("value"), fc.constant(undefined)), { maxKeys: 5 }) },
  ),
})).value;
const document = fc.dictionary(name, fc.oneof(value, fc.constant(undefined)), { maxKeys: 12 });

test("any value comes back", () => {
  fc.assert(
    fc.property(value, fc.array(name), (given, names) => {
      const sink = heapSink(1);
      encodeValue(sink, given, nameIds([...new Set(names)]));
      assertSame(readValue(sink.written(), [...new Set(names)]), withoutUndefined(given));
    }),
    RUNS,
  );
});

test("any document comes back, and a declared validator changes nothing in its bytes", () => {
  const validator = fc.letrec<{ validator: GenericValidator }>((tie) => ({
    validator: fc.oneof(
      { maxDepth: 3 },
      fc.constant(v.string() as GenericValidator),
      fc.constant(v.any() as GenericValidator),
      fc
        .dictionary(name, tie("validator"), { maxKeys: 8 })
        .map((fields) => v.object({ ...fields }) as GenericValidator),
      tie("validator").map((element) => v.array(element as never) as GenericValidator),
      tie("validator").map((values) => v.record(v.string(), values as never) as GenericValidator),
      fc
        .array(tie("validator"), { maxLength: 3 })
        .map((members) => v.union(...(members as never[])) as GenericValidator),
    ),
  })).validator;
  const tables = fc.oneof(
    fc.dictionary(name, validator, { maxKeys: 12 }).map((fields) => v.object({ ...fields }) as GenericValidator),
    fc
      .array(fc.dictionary(name, validator, { maxKeys: 6 }), { maxLength: 3 })
      .map((members) => v.union(...members.map((fields) => v.object({ ...fields }))) as GenericValidator),
  );
  fc.assert(
    fc.property(
      document,
      tables,
      fc.uniqueArray(name, { maxLength: 200 }),
      fc.boolean(),
      (given, table, names, plain) => {
        const object = plain ? { ...given } : given; // fast-check makes both
        const bytes = encodeDocument(object, { names });
        assertSame(readDocument(bytes, names), withoutUndefined(object));
        assert.deepEqual(encodeDocument(object, { validator: table, names }), bytes);
        const patch = encodeDocument(object, { names, purpose: "patch" });
        const patched = Object.fromEntries(
          Object.entries(object).map(([field, inner]) => [field, withoutUndefined(inner)]),
        );
        assertSame(readDocument(patch, names), patched);
        assert.deepEqual(encodeDocument(object, { validator: table, names, purpose: "patch" }), patch);
      },
    ),
    RUNS,
  );
});

test("numbers at every edge", () => {
  const edges = [
    0,
    63,
    64,
    8191,
    8192,
    2 ** 27,
    2 ** 30,
    2 ** 31,
    2 ** 32,
    2 ** 33,
    2 ** 34,
    2 ** 41,
    2 ** 48,
    2 ** 52,
    2 ** 53,
  ];
  for (const edge of edges) {
    for (const number of [edge - 1, edge, edge + 1, -edge - 1, -edge, -edge + 1, edge + 0.5]) {
      const sink = heapSink();
      encodeValue(sink, number);
      assertSame(readValue(sink.written()), number);
    }
  }
  for (let bit = 0n; bit < 63n; bit += 1n) {
    for (const number of [1n << bit, -(1n << bit), (1n << bit) - 1n, -(1n << bit) - 1n]) {
      const sink = heapSink();
      encodeValue(sink, number);
      assertSame(readValue(sink.written()), number);
    }
  }
});

test("strings at every length, ASCII and not", () => {
  for (const length of [0, 1, 126, 127, 128, 129, 159, 160, 161, 5461, 5462, 16383, 16384, 70000]) {
    for (const letter of ["a", "é", "\u{ffff}", "😀", "\0"]) {
      for (const text of [letter.repeat(length), "x".repeat(length) + letter]) {
        const sink = heapSink(1);
        encodeValue(sink, text);
        encodeValue(sink, 1); // what follows is in its place
        const bytes = sink.written();
        assertSame(readValue(bytes.subarray(0, -2)), text);
      }
    }
  }
});

test("a row of the tasks table takes 2 bytes a small field and no name", () => {
  const names = ["createdAt", "priority", "projectId", "status", "title", "updatedAt"];
  const task = { projectId: "p", title: "t", status: "done", priority: "low", createdAt: 1, updatedAt: -1 };
  const bytes = encodeDocument(task, { validator: schema.tables.tasks.validator as GenericValidator, names });
  assert.equal(
    Buffer.from(bytes).toString("hex"),
    "00" + "06" + "010502" + "0206036c6f77" + "03060170" + "040604646f6e65" + "05060174" + "060501",
  );
});

test("system fields are left out and handed over", () => {
  const tasks = v.object({ title: v.string() });
  for (const validator of [tasks, undefined]) {
    const encoder = new DocumentEncoder(validator && jsonOf(validator), nameIds(["title"]));
    const sink = heapSink();
    encoder.encode(sink, { _id: "id", title: "t", _creationTime: 5 }, "insert");
    assert.deepEqual(readDocument(sink.written(), ["title"]), { title: "t" });
    assert.equal(encoder.id, "id");
    assert.equal(encoder.creationTime, 5);
    sink.clear();
    encoder.encode(sink, { title: "t", _other: 1 }, "insert");
    assert.deepEqual(readDocument(sink.written(), ["title"]), { _other: 1, title: "t" }, "the engine refuses the rest");
    assert.equal(encoder.id, undefined);
    assert.equal(encoder.creationTime, undefined);
  }
});

test("fields that the validator doesn't know are written in their place, for the engine to name", () => {
  const validator = v.object({ b: v.string(), d: v.object({ y: v.number() }) });
  const given = { e: 5, d: { z: 2, y: 1, x: 0 }, b: "b", a: null };
  assert.deepEqual(Object.keys(readDocument(encodeDocument(given, { validator, names: ["b", "e"] }), ["b", "e"])), [
    "a",
    "b",
    "d",
    "e",
  ]);
});

test("an object of more than 127 fields has a count of two bytes", () => {
  const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`f${index}`, index]));
  const validator = v.object(Object.fromEntries(Object.keys(wide).map((field) => [field, v.number()])));
  const names = Object.keys(wide).slice(0, 500);
  assertSame(readDocument(encodeDocument(wide, { names }), names), wide);
  assert.deepEqual(encodeDocument(wide, { validator, names }), encodeDocument(wide, { names }));
});

test("what a declared field inherits is not its value", () => {
  const validator = v.object({ constructor: v.optional(v.any()), toString: v.optional(v.any()), a: v.string() });
  assert.deepEqual(readDocument(encodeDocument({ a: "x" }, { validator })), { a: "x" });
  // All of it would be lost.
  const derived: unknown = Object.assign(Object.create({ a: "inherited", b: 1 }), { c: 2 });
  assert.throws(() => encodeDocument(derived, { validator }), { code: "InvalidValue" });
  const hidden = Object.defineProperty({ b: 1 }, "a", { value: "not enumerable" });
  assert.deepEqual(readDocument(encodeDocument(hidden, { validator })), { b: 1 });
  const noPrototype = Object.assign(Object.create(null) as object, { a: "x", toString: 1 });
  assert.deepEqual(readDocument(encodeDocument(noPrototype, { validator })), { a: "x", toString: 1 });
});

test("bad values are refused in Convex's words", () => {
  const expected = golden.badValues as Record<string, string>;
  for (const [what, make] of Object.entries(badValues)) {
    const text = expected[what];
    if (text === undefined || text.startsWith("no error")) continue;
    const sink = heapSink();
    const error = errorOf(() => encodeValue(sink, make()));
    // Convex says up to sixteen kilobytes of a value.
    const long = /[xy]{1000,}/.exec(text)?.[0] ?? "";
    if (long === "") assert.equal(error.message, text, what);
    else {
      const [before, after] = text.split(long) as [string, string];
      assert.ok(error.message.startsWith(`${before}${long.slice(0, 150)}`), what);
      assert.ok(error.message.endsWith(`[...truncated]${after.replace("[...truncated]", "")}`), what);
      assert.ok(error.message.length < 500, what);
    }
    assert.equal(error.code, "InvalidValue", what);
    assert.equal(sink.position, 0, "the sink is as before");
    // The same inside a document, where the path begins with the field.
    const inside = errorOf(() => encodeDocument({ field: make() === undefined ? [undefined] : make() }));
    assert.equal(inside.code, "InvalidValue", what);
  }
});

test("bad values that Convex has no words for", () => {
  const encode = (given: unknown) => errorOf(() => encodeDocument(given));
  for (const lone of ["\ud800", "a\udc00", "x".repeat(300) + "\ud83d", "\udc00\ud800"]) {
    assert.match(
      encode({ text: lone }).message,
      /^String ".*("|\[\.\.\.truncated\]) has a lone surrogate at index \d+, which is not valid Unicode/s,
    );
  }
  assert.match(encode({ a: { t: "\ud800" } }).message, /\(present at path \.a\.t in original object/);
  assert.equal(
    encode(JSON.parse(`{"__proto__": 1}`)).message,
    "Field name __proto__ is reserved by JavaScript and can't be stored.",
  );
  assert.equal(encode({ a: JSON.parse(`{"__proto__": {}}`) as unknown }).code, "InvalidValue");
  assert.match(
    encode({ holes: [1, , 3] }).message,
    /^undefined is not a valid Convex value \(present at path \.holes\[1\]/,
  );
  for (const none of [null, 1, "text", [], true, undefined]) assert.equal(encode(none).code, "InvalidArgument");
  assert.match(encode(new Date(0)).message, /^Date .* is not a supported Convex type\.$/);
  assert.match(encode(new Map()).message, /^Map\[\] is not/);
});

test("cycles, depth, length and size have limits", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const array: unknown[] = [];
  array.push(array);
  for (const given of [cycle, { array }]) {
    const error = errorOf(() => encodeDocument(given));
    assert.equal(error.message, "Value is too nested (nested 65 levels deep > maximum nesting 64)");
    assert.equal(error.code, "ValueTooLarge");
  }
  let deep: unknown = 1;
  for (let level = 0; level < 64; level += 1) deep = level % 2 ? [deep] : { a: deep };
  const sink = heapSink();
  encodeValue(sink, deep);
  assertSame(readValue(sink.written()), deep);
  assert.equal(errorOf(() => encodeValue(sink, [deep])).code, "ValueTooLarge");

  const error = errorOf(() => encodeDocument({ list: new Array(8193).fill(0) }));
  assert.equal(error.message, "Array length is too long (8193 > maximum length 8192)");
  assert.equal(error.code, "ValueTooLarge");

  const large = errorOf(() => encodeDocument({ text: "x".repeat(4 << 20) }));
  assert.equal(large.message, "Value is too large (4.00 MiB > maximum size 1 MiB)");
  assert.equal(large.code, "ValueTooLarge");
  assert.equal(errorOf(() => encodeDocument({ bytes: new ArrayBuffer(64 << 20) })).code, "ValueTooLarge");
  // Few objects, shared so often that nobody could count them.
  let shared: unknown[] = ["x".repeat(100)];
  for (let level = 0; level < 10; level += 1) shared = new Array(1000).fill(shared);
  assert.equal(errorOf(() => encodeDocument({ shared })).code, "ValueTooLarge");
});

test("getters and proxies that misbehave harm nobody", () => {
  const sink = heapSink();
  const encoder = new DocumentEncoder(jsonOf(v.object({ a: v.number(), b: v.number() })), nameIds([]));
  const encode = (given: unknown) => encoder.encode(sink, given, "insert");
  encode({ a: 1, b: 2 });
  const before = sink.written().slice();
  const throwing = Object.defineProperty({ a: 1 }, "b", {
    enumerable: true,
    get: () => {
      throw new RangeError("no");
    },
  });
  assert.match(errorOf(() => encode(throwing)).message, /RangeError: no/);
  const reentrant = Object.defineProperty({ a: 1 }, "b", { enumerable: true, get: () => encode({ a: 1 }) });
  assert.match(errorOf(() => encode(reentrant)).message, /A getter of a value/);
  let reads = 0;
  const fickle = Object.defineProperty({ a: 1 }, "b", {
    enumerable: true,
    get: () => (reads++ === 0 ? new Date(0) : 1),
  });
  assert.equal(errorOf(() => encode(fickle)).message, "The value changed while it was read.");
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.equal(errorOf(() => encode({ a: proxy })).code, "InvalidValue");
  const lying = new Proxy([] as unknown[], {
    get: (target, key) => (key === "length" ? 2 ** 31 : (Reflect.get(target, key) as unknown)),
  });
  assert.equal(errorOf(() => encode({ a: lying })).code, "ValueTooLarge");
  assert.deepEqual(sink.written(), before, "the sink is as before");
  encode({ a: 3 });
  assert.deepEqual(readDocument(sink.written().subarray(before.length)), { a: 3 }, "and can be used again");
  // A well-behaved proxy is as good as its target, as it is to Convex.
  sink.clear();
  encode(new Proxy({ a: 1 }, {}));
  assert.deepEqual(readDocument(sink.written()), { a: 1 });
  const detached = new ArrayBuffer(8);
  structuredClone(detached, { transfer: [detached] });
  assert.equal(errorOf(() => encode({ a: [detached] })).code, "InvalidValue");
});

test("the memory may move while a value is read", () => {
  // Like WASM memory: growing detaches every view, the bytes stay, and it grows at the worst moments.
  const memory = new WebAssembly.Memory({ initial: 1 });
  const base = 1024;
  const sink = new Sink((minimum) => {
    const missing = base + minimum - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return new Uint8Array(memory.buffer, base);
  }, 16);
  const growing = (result: unknown) => ({
    enumerable: true,
    get: () => {
      memory.grow(1);
      return result;
    },
  });
  const given = Object.defineProperties(
    {},
    {
      a: growing(1),
      b: growing("text".repeat(100)),
      c: growing([1, Object.defineProperty({}, "inner", growing(2n))]),
      d: growing(undefined),
      e: growing(new ArrayBuffer(100000)),
      f: growing(undefined),
    },
  );
  const validator = v.object({ a: v.any(), b: v.any(), c: v.any(), d: v.any(), e: v.any() });
  for (const json of [undefined, jsonOf(validator)]) {
    sink.clear();
    new DocumentEncoder(json, nameIds(["a"])).encode(sink, given, "insert");
    assertSame(readDocument(sink.written(), ["a"]), {
      a: 1,
      b: "text".repeat(100),
      c: [1, { inner: 2n }],
      e: new ArrayBuffer(100000),
    });
  }
});

test("data of our own may use names that are not fields'", () => {
  const sink = heapSink();
  encodeTrusted(sink, { $eq: [{ $field: "a" }, { $literal: { $undefined: null } }] });
  assertSame(readValue(sink.written()), { $eq: [{ $field: "a" }, { $literal: { $undefined: null } }] });
});
