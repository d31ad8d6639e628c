// Bad input gets a clear error, and nothing changes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { defineSchema, defineTable, ERROR_CODES, openDatabase, v } from "../../ts/index.js";
import { codeOf, freshName, open, seed } from "../fixtures/database.js";

test("the engine's error codes are those of the package, in the same order", () => {
  const source = readFileSync(join(process.cwd(), "src", "error.rs"), "utf8");
  const list = /^codes! \{$([^]*?)^\}$/m.exec(source)![1]!;
  const names = list
    .split("\n")
    .map((line) => /^ {4}(\w+),$/.exec(line)?.[1])
    .filter((name) => name !== undefined);
  assert.deepEqual(names, [...ERROR_CODES]);
});

class Money {
  amount = 1;
}

test("documents that do not fit are refused and nothing changes", async (t) => {
  const db = await open(t);
  const { user, project, task } = await seed(db);
  const id = await db.insert("tasks", task("good"));
  const before = await db.get(id);
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  let deep: unknown = "x";
  for (let level = 0; level < 20; level += 1) deep = [deep];
  const bad: [string, unknown][] = [
    ["SchemaEnforcementError", { ...task("a"), title: 7 }],
    ["SchemaEnforcementError", { title: "a" }],
    ["SchemaEnforcementError", { ...task("a"), extra: 1 }],
    ["SchemaEnforcementError", { ...task("a"), status: "doing" }],
    ["SchemaEnforcementError", { ...task("a"), projectId: user }],
    ["SchemaEnforcementError", { ...task("a"), projectId: "nonsense" }],
    ["SchemaEnforcementError", { ...task("a"), dueDate: null }],
    ["SchemaEnforcementError", { ...task("a"), dueDate: 5n }],
    ["InvalidValue", { ...task("a"), dueDate: new Date(0) }],
    ["InvalidValue", { ...task("a"), title: new Map() }],
    ["InvalidValue", { ...task("a"), title: new Money() }],
    ["InvalidValue", { ...task("a"), title: Symbol("s") }],
    ["InvalidValue", { ...task("a"), title: () => 1 }],
    ["InvalidValue", { ...task("a"), title: "\ud800" }],
    ["InvalidValue", { ...task("a"), title: 2n ** 64n }],
    ["InvalidValue", { ...task("a"), title: [undefined] }],
    ["InvalidValue", JSON.parse('{"__proto__": 1, "title": "a"}')],
    ["InvalidValue", { ...task("a"), $title: 1 }],
    ["ValueTooLarge", cyclic],
    ["InvalidArgument", [1]],
    ["InvalidArgument", "text"],
    ["InvalidArgument", null],
  ];
  for (const [index, [code, document]] of bad.entries()) {
    const named = `${code}, case ${index}`;
    assert.equal(await codeOf(db.insert("tasks", document as never)), code, named);
    assert.equal(await codeOf(db.replace(id, document as never)), code, `replace ${named}`);
  }
  const large = { ...task("a"), description: "x".repeat(1 << 20) };
  assert.equal(await codeOf(db.insert("tasks", large)), "ValueTooLarge");
  assert.equal(await codeOf(db.patch(id, { description: large.description })), "ValueTooLarge");
  assert.equal(await codeOf(db.patch(id, { title: undefined } as never)), "SchemaEnforcementError");
  assert.equal(await codeOf(db.patch(id, { title: deep as never })).then((code) => code.length > 0), true);
  assert.equal(await db.get(id), before);
  assert.equal(await db.query("tasks").count(), 1);
  assert.equal(await db.query("projects").count(), 1);
  assert.ok(project);
});

test("ids that are none, or another table's", async (t) => {
  const db = await open(t);
  const { user, task } = await seed(db);
  const id = await db.insert("tasks", task("good"));
  for (const text of ["", "nonsense", id.toUpperCase(), `${id}0`, id.slice(1), "é".repeat(20), "\ud800"]) {
    assert.equal(await codeOf(db.get(text as typeof id)), "InvalidId", JSON.stringify(text));
  }
  assert.equal(await codeOf(db.get(undefined as never)), "InvalidArgument");
  assert.equal(await codeOf(db.get(5 as never)), "InvalidArgument");
  assert.equal(await codeOf(db.get("tasks", user as never)), "WrongTable");
  assert.equal(await codeOf(db.patch("users", id as never, { name: "x" })), "WrongTable");
  assert.equal(await codeOf(db.patch(id, undefined as never)), "InvalidArgument");
  await assert.rejects(db.get("tasks", user as never), {
    message: 'Invalid argument `id` for `db.get`: expected to be an Id<"tasks">, got Id<"users"> instead.',
  });
});

test("queries on what is not there", async (t) => {
  const db = await open(t);
  await seed(db);
  const any = db as never as {
    query(table: string): {
      collect(): Promise<unknown>;
      withIndex(name: string, range?: (q: never) => unknown): { collect(): Promise<unknown>; count(): Promise<number> };
      take(n: unknown): Promise<unknown>;
    };
    insert(table: string, value: unknown): Promise<string>;
    newId(table: string): string;
  };
  assert.equal(await codeOf(any.query("nothing").collect()), "TableNotFound");
  assert.equal(await codeOf(any.insert("nothing", {})), "TableNotFound");
  assert.equal(await codeOf(any.insert("_tables", {})), "TableNotFound");
  assert.throws(() => any.newId("nothing"), { code: "TableNotFound" });
  assert.equal(await codeOf(any.query("tasks").withIndex("by_nothing").collect()), "IndexNotFound");
  assert.equal(await codeOf(any.query("tasks").withIndex("by_nothing").count()), "IndexNotFound");
  const outOfOrder = any
    .query("tasks")
    .withIndex("by_project_and_status", (q: never) =>
      (q as { eq(f: string, v: string): unknown }).eq("status", "todo"),
    );
  assert.equal(await codeOf(outOfOrder.collect()), "InvalidIndexRange");
  assert.equal(await codeOf(any.query("tasks").take(-1)), "InvalidArgument");
});

test("options and schemas that contradict themselves", async () => {
  const schema = defineSchema({ things: defineTable({ text: v.string() }) });
  const openWith = (options: object) => codeOf(openDatabase(options as never));
  assert.equal(await openWith({ schema }), "InvalidArgument");
  assert.equal(await openWith({ name: "", schema }), "InvalidArgument");
  assert.equal(await openWith({ name: "x" }), "InvalidSchema");
  assert.equal(await openWith({ name: "x", schema: {} }), "InvalidSchema");
  assert.equal(await openWith({ name: "x", schema, storage: "disk" }), "InvalidArgument");
  assert.equal(await openWith({ name: "x", schema, durability: "some" }), "InvalidArgument");
  const twice = defineSchema({ things: defineTable({ a: v.string() }).index("by_a", ["a"]).index("by_a", ["a"]) });
  assert.equal(await openWith({ name: freshName(), schema: twice }), "InvalidSchema");
  const unknown = defineSchema({ things: defineTable({ a: v.string() }).index("by_b", ["b" as "a"]) });
  assert.equal(await openWith({ name: freshName(), schema: unknown }), "InvalidSchema");
  const reserved = defineSchema({ _things: defineTable({ a: v.string() }) });
  assert.equal(await openWith({ name: freshName(), schema: reserved }), "InvalidSchema");
  assert.equal(await openWith({ name: freshName(), schema, storage: "indexeddb" }), "StorageUnavailable");
});

test("a schema that does not fit the documents names them", async (t) => {
  const name = freshName();
  const loose = defineSchema({ things: defineTable({ text: v.optional(v.string()) }) });
  const strict = defineSchema({ things: defineTable({ text: v.string() }) });
  const db = await openDatabase({ name, schema: loose });
  t.after(() => db.close());
  const [, offender] = await db.insertMany("things", [{ text: "a" }, {}]);
  await assert.rejects(openDatabase({ name, schema: strict }), (error: { code: string; message: string }) => {
    assert.equal(error.code, "SchemaDoesNotFit");
    assert.ok(error.message.includes(offender!), error.message);
    return true;
  });
  await db.patch(offender!, { text: "b" });
  const later = await openDatabase({ name, schema: strict });
  t.after(() => later.close());
  assert.equal(await later.query("things").count(), 2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await codeOf(db.insert("things", {})), "SchemaChanged");
  await db.insert("things", { text: "fits both" });
});

test("a new index is built from what is there", async (t) => {
  const name = freshName();
  const before = defineSchema({ things: defineTable({ n: v.number() }) });
  const after = defineSchema({ things: defineTable({ n: v.number() }).index("by_n", ["n"]) });
  const db = await openDatabase({ name, schema: before });
  t.after(() => db.close());
  await db.insertMany(
    "things",
    Array.from({ length: 5_000 }, (_, n) => ({ n: (n * 7919) % 5_000 })),
  );
  const later = await openDatabase({ name, schema: after });
  t.after(() => later.close());
  const rows = await later
    .query("things")
    .withIndex("by_n", (q) => q.gte("n", 4_990))
    .collect();
  assert.deepEqual(
    rows.map((row) => row.n),
    [4990, 4991, 4992, 4993, 4994, 4995, 4996, 4997, 4998, 4999],
  );
  assert.equal(await later.query("things").withIndex("by_n").count(), 5_000);
  assert.deepEqual((await later.verify()).problems, []);
});
