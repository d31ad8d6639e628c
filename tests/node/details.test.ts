// Errors say where: in which table, in which of several documents, in which field.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, HoldfastError, openDatabase, v } from "../../ts/index.js";
import { freshName, open, seed } from "../fixtures/database.js";

async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
  const error = await promise.then(
    () => assert.fail("no error"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  return error;
}

/** A document with more levels than it may have, at `.a.b`. */
const nested = (levels: number): unknown => (levels === 0 ? 1 : { b: nested(levels - 1) });

const things = defineSchema({ things: defineTable(v.any()), others: defineTable(v.any()) });

test("what a validator refuses has its field", async (t) => {
  const db = await open(t);
  const { user, project, task } = await seed(db);
  const id = await db.insert("tasks", task("good"));
  const any = db as never as { insert(table: string, value: unknown): Promise<string> };
  const cases: [string, unknown, string][] = [
    ["tasks", { ...task("a"), title: 7 }, ".title"],
    ["tasks", { ...task("a"), title: undefined }, ".title"],
    ["tasks", { ...task("a"), extra: 7 }, ".extra"],
    ["tasks", { ...task("a"), projectId: user }, ".projectId"],
    [
      "projects",
      { ...(await db.get(project)), _id: undefined, _creationTime: undefined, settings: {} },
      ".settings.isPublic",
    ],
  ];
  for (const [table, document, path] of cases) {
    const error = await errorOf(any.insert(table, document));
    assert.equal(error.code, "SchemaEnforcementError");
    assert.deepEqual(error.details, { table, path });
  }
  const tags = { isPublic: true, tags: ["a", 5 as never] };
  const patched = await errorOf(db.patch(project, { settings: tags }));
  assert.deepEqual(patched.details, { table: "projects", path: ".settings.tags[1]" });
  const replaced = await errorOf(db.mutate((ctx) => ctx.db.replace("tasks", id, task(5 as never))));
  assert.deepEqual(replaced.details, { table: "tasks", path: ".title" });
  const other = await errorOf(db.insert("tasks", { ...task("a"), projectId: user as never }));
  assert.match(other.message, /validator `v\.id\("projects"\)`\.\nPath: \.projectId/);
});

test("one of many has its place, and so have values of no type and those that are too large", async (t) => {
  const db = await openDatabase({ name: freshName(), schema: things });
  t.after(() => db.close());
  const taken = await db.insert("things", { a: 1 });
  const foreign = await db.insert("others", {});
  const wide = Object.fromEntries(Array.from({ length: 1025 }, (_, n) => [`f${n}`, n]));
  const cases: [string, unknown, string | undefined, RegExp][] = [
    ["InvalidValue", { a: { b: new Date(0) } }, ".a.b", /^Date .* is not a supported Convex type/],
    ["InvalidValue", { a: [1, undefined] }, ".a[1]", /^undefined is not a valid Convex value/],
    ["InvalidValue", { a: 2n ** 64n }, ".a", /^BigInt 18446744073709551616 does not fit/],
    ["InvalidValue", { a: { $b: 1 } }, ".a.$b", /^Field name \$b starts with a '\$', which is reserved\./],
    ["InvalidValue", JSON.parse('{"a": {"__proto__": 1}}'), ".a.__proto__", /^Field name __proto__ is reserved/],
    ["InvalidValue", { _a: 1 }, "._a", /^Field '_a' starts with an underscore/],
    ["ValueTooLarge", { a: 1, b: { c: new Array(8193).fill(0) } }, ".b.c", /^Array length is too long \(8193 >/],
    ["ValueTooLarge", { a: nested(20) }, `.a${".b".repeat(15)}`, /^Document is too nested \(nested 21 levels/],
    ["ValueTooLarge", { a: nested(80) }, `.a${".b".repeat(63)}`, /^Value is too nested \(nested 65 levels/],
    ["ValueTooLarge", { a: [wide] }, ".a[0]", /^Object has too many fields \(1025 >/],
    ["ValueTooLarge", { a: "small", b: "x".repeat(1 << 20) }, ".b", /^Value is too large \(1\.00 MiB >/],
    ["ValueTooLarge", { a: "small", b: "x".repeat(5 << 20) }, ".b", /^Value is too large \(5\.00 MiB >/],
    ["InvalidArgument", 5, undefined, /^A document must be an object, but got/],
    ["InvalidArgument", { _creationTime: 5 }, "._creationTime", /^`_creationTime` is set by the database/],
    ["InvalidId", { _id: "nonsense" }, "._id", /^Invalid argument `id` for `db\.insert`/],
    ["InvalidId", { _id: 5 }, "._id", /^The _id of a document must be an id/],
    ["WrongTable", { _id: foreign }, "._id", /^Invalid argument `id` for `db\.insert`/],
    ["DuplicateId", { _id: taken }, "._id", /is already in table "things"/],
  ];
  for (const [code, document, path, message] of cases) {
    for (const inserting of [
      (values: unknown[]) => db.insertMany("things", values as never),
      (values: unknown[]) => db.mutate((ctx) => ctx.db.insertMany("things", values as never)),
    ]) {
      const error = await errorOf(inserting([{}, {}, document]));
      assert.deepEqual(error.details, { table: "things", index: 2, ...(path && { path }) }, error.message);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.ok(error.message.includes(`values[2]${path ?? ""}`), error.message);
      assert.ok(error.message.includes('table "things"') || /Id</.test(error.message), error.message);
      assert.ok(error.message.length < 1_000, error.message);
    }
    const single = await errorOf(db.insert("things", document as never));
    assert.deepEqual(single.details, { table: "things", ...(path && { path }) }, single.message);
    assert.match(single.message, message);
    assert.ok(single.message.includes(path ?? ""), single.message);
  }
  assert.equal(await db.query("things").count(), 1);
});

test("an id that leads nowhere comes along", async (t) => {
  const db = await openDatabase({ name: freshName(), schema: things });
  t.after(() => db.close());
  const gone = await db.insert("things", {});
  await db.delete(gone);
  const nothing = { code: "NonexistentDocument", details: { table: "things", id: gone } };
  await assert.rejects(db.patch(gone, { a: 1 }), nothing);
  await assert.rejects(db.replace("things", gone, { a: 1 }), nothing);
  await assert.rejects(db.delete(gone), nothing);
  await assert.rejects(
    db.mutate((ctx) => ctx.db.delete(gone)),
    nothing,
  );
  const wrong = { code: "WrongTable", details: { table: "others", id: gone } };
  await assert.rejects(db.get("others", gone as never), wrong);
  await assert.rejects(
    db.read((ctx) => ctx.db.get("others", gone as never)),
    wrong,
  );
  await assert.rejects(db.patch("others", gone as never, {}), wrong);
  const long = "x".repeat(100_000);
  for (const id of ["nonsense", long]) {
    for (const use of [() => db.get(id as never), () => db.delete(id as never), () => db.patch(id as never, {})]) {
      const error = await errorOf(use());
      assert.deepEqual([error.code, error.details], ["InvalidId", { id }]);
      assert.ok(error.message.length < 1_000);
    }
  }
});

test("a schema that does not fit has the first document's place, and says that there are more", async (t) => {
  const name = freshName();
  const db = await openDatabase({ name, schema: things });
  t.after(() => db.close());
  const strict = defineTable({ a: v.object({ b: v.string() }) });
  const narrow = defineSchema({ things: strict, others: strict });
  const reject = () => errorOf(openDatabase({ name, schema: narrow }));
  const named = (error: HoldfastError) => error.message.match(/^Document with ID/gm)?.length;
  await db.insert("things", { a: { b: "fits" } });
  const ids = await db.insertMany(
    "things",
    Array.from({ length: 3 }, (_, b) => ({ a: { b } })),
  );
  const three = await reject();
  assert.equal(three.code, "SchemaDoesNotFit");
  assert.equal(three.details["table"], "things");
  assert.equal(three.details["path"], ".a.b");
  assert.ok(ids.includes(three.details["id"] as never), String(three.details["id"]));
  assert.equal(named(three), 3);
  assert.ok(!three.message.includes("And more."), three.message);
  await db.insert("others", {});
  const four = await reject();
  assert.equal(named(four), 3);
  assert.match(four.message, /\nAnd more\.$/);
});

test("a table that another version of the app has dropped is told of in whole sentences", async (t) => {
  const name = freshName();
  const db = await openDatabase({ name, schema: things });
  t.after(() => db.close());
  const fewer = await openDatabase({ name, schema: defineSchema({ things: defineTable(v.any()) }) });
  t.after(() => fewer.close());
  await new Promise((resolve) => setTimeout(resolve, 20));
  const error = await errorOf(db.query("others").collect());
  assert.equal(error.code, "SchemaChanged");
  assert.match(error.message, /Table 'others' not found\. Reload the page\.$/);
});

test("messages about large values are short, and are made without reading all of them", async (t) => {
  const schema = defineSchema({ things: defineTable({ text: v.number(), list: v.optional(v.array(v.number())) }) });
  const db = await openDatabase({ name: freshName(), schema });
  t.after(() => db.close());
  const any = db as never as Record<string, (...values: unknown[]) => Promise<unknown>>;
  let shared: unknown = [1];
  for (let level = 0; level < 60; level += 1) shared = [shared, shared];
  const values: unknown[] = [
    { text: "x".repeat(500_000) },
    { text: 1, list: new Array(8_000).fill("text") },
    { text: new Date(0), list: ["x".repeat(500_000)] },
    { ["$" + "x".repeat(100_000)]: 1 },
    { ["x".repeat(100_000)]: 1 },
    { text: 1, list: [shared, new Date(0)] },
    { text: 1, list: [new Date(0), shared] },
    { text: Symbol("x".repeat(100_000)) },
  ];
  for (const value of values) {
    const error = await errorOf(any["insert"]!("things", value));
    assert.ok(error.message.length < 1_000, error.message.slice(0, 2_000));
  }
  const compared = errorOf(
    (async () =>
      db
        .query("things")
        .filter((q) => q.eq(shared as never, 1))
        .collect())(),
  );
  assert.equal((await compared).code, "ValueTooLarge");
  const endless = new Array(4294967295);
  const endlessProxy = new Proxy([], { get: (_, key) => (key === "length" ? endless.length : {}) });
  for (const values of [endless, endlessProxy]) {
    assert.equal((await errorOf(any["insertMany"]!("things", values))).code, "TransactionTooLarge");
  }
  for (const use of [
    () => any["insertMany"]!("things", endless),
    () => any["insertMany"]!("things", endlessProxy),
    () => any["insert"]!("things", endless),
    () => any["insert"]!("things", { text: 1, list: endless }),
    () => any["insert"]!("things", { text: "x".repeat(4 << 20), z: endless }),
    () => any["insert"]!(endless, {}),
    () => any["get"]!(endless),
    () => any["mutate"]!(endless),
    () => any["patch"]!("things", endless, {}),
  ]) {
    const error = await errorOf((async () => use())());
    assert.ok(error.message.length < 1_000, error.message.slice(0, 2_000));
  }
});

test("an `insertMany` of more than a mutation may write is refused before memory is full", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const document = task("x".repeat(512 * 1024));
  const before = db.stats().wasmMemoryBytes;
  // A gigabyte, were it encoded.
  const error = await errorOf(db.insertMany("tasks", new Array<typeof document>(2100).fill(document)));
  assert.equal(error.code, "TransactionTooLarge");
  assert.match(error.message, /96 MiB/);
  assert.ok(db.stats().wasmMemoryBytes - before < 400 * 1024 * 1024, String(db.stats().wasmMemoryBytes));
  assert.equal(await db.query("tasks").count(), 0);
});
