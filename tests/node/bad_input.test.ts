// Bad input gets a clear error, and nothing changes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { defineSchema, defineTable, ERROR_CODES, openDatabase, v } from "../../ts/index.js";
import { codeOf, freshName, open, seed, sleep } from "../fixtures/database.js";

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

function fail(message: string): never {
  throw new Error(message);
}

/** An object that can't be looked at. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
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
    ["InvalidValue", { __proto__: task("a") }],
    ["InvalidValue", { ...task("a"), $title: 1 }],
    ["InvalidValue", { ...task("a"), title: revoked() }],
    ["InvalidValue", revoked()],
    ["InvalidValue", new Proxy({}, { getPrototypeOf: () => fail("trap") })],
    [
      "InvalidValue",
      {
        ...task("a"),
        get title() {
          return fail("getter");
        },
      },
    ],
    ["InvalidValue", { ...task("a"), title: Array(3) }],
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

test("a patch that makes a document too large, or gives it too many fields, is refused", async (t) => {
  const longName = "n".repeat(64);
  const list = v.optional(v.array(v.object({ [longName]: v.null() })));
  const schema = defineSchema({ rows: defineTable(v.any()), lists: defineTable({ a: list, b: list }) });
  const db = await openDatabase({ name: freshName(), storage: "memory", schema });
  t.after(() => db.close());
  const fields = (prefix: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, null]));
  const half = "x".repeat(600_000);
  const large = await db.insert("rows", { a: half });
  const wide = await db.insert("rows", fields("a", 700));
  // Each takes eight bytes here, and eight times as many by Convex's count.
  const nulls = Array.from({ length: 8_000 }, () => ({ [longName]: null }));
  const listed = await db.insert("lists", { a: nulls });
  for (const [id, patch] of [
    [large, { b: half }],
    [wide, fields("b", 325)],
    [listed, { b: nulls }],
  ] as const) {
    const before = await db.get(id);
    assert.equal(await codeOf(db.patch(id, patch)), "ValueTooLarge");
    assert.equal(await codeOf(db.mutate((ctx) => ctx.db.patch(id, patch))), "ValueTooLarge");
    assert.equal(await db.get(id), before);
  }
  await db.patch(wide, fields("b", 324));
  assert.equal(Object.keys((await db.get(wide))!).length, 1026);
  await db.patch(large, { a: undefined, b: half });
  assert.deepEqual((await db.verify()).problems, []);
});

test("a getter of a document can't use the database, and what it tries does not harm the document", async (t) => {
  const db = await open(t);
  const { user, task } = await seed(db);
  const id = await db.insert("tasks", task("before"));
  const uses: (() => unknown)[] = [
    () => db.get(id),
    () => db.insert("tasks", task("inner")),
    () => db.patch(id, { title: "inner" }),
    () => db.delete(id),
    () => db.query("tasks").collect(),
    () => db.query("tasks").count(),
    () => db.mutate((ctx) => ctx.db.insert("tasks", task("inner"))),
    () => db.normalizeId("users", user),
    () => db.newId("tasks"),
    () => db.stats(),
    () => db.verify(),
  ];
  for (const use of uses) {
    let inner: Promise<unknown> = Promise.resolve();
    const title = () => {
      inner = (async () => use())();
      return "outer";
    };
    const outer = await db.insert("tasks", {
      ...task("a"),
      get title() {
        return title();
      },
    });
    assert.equal((await db.get(outer))?.title, "outer");
    const code = await codeOf(inner);
    assert.ok(code === "InvalidValue" || code === "no error", `${code}: ${String(use)}`);
  }
  assert.equal((await db.get(id))?.title, "before");
  assert.equal(await db.query("tasks").count(), 1 + uses.length);
  assert.deepEqual((await db.verify()).problems, []);
});

test("arguments of the wrong kind", async (t) => {
  const db = await open(t);
  const { user, task } = await seed(db);
  const any = db as never as Record<string, (...args: unknown[]) => unknown>;
  const call = (method: string, ...args: unknown[]) => codeOf((async () => any[method]!(...args))());
  for (const table of [null, 5, {}, ["users"], Symbol("users"), () => "users"]) {
    assert.equal(await call("insert", table, {}), "InvalidArgument");
    assert.equal(await call("insertMany", table, []), "InvalidArgument");
    assert.equal(await call("newId", table), "InvalidArgument");
    assert.equal(await call("normalizeId", table, user), "InvalidArgument");
    assert.equal(await call("get", table, user), "InvalidArgument");
    assert.equal(await call("patch", table, user, {}), "InvalidArgument");
    assert.equal(await call("query", table), "InvalidArgument");
  }
  assert.equal(await call("normalizeId", "users"), "InvalidArgument");
  assert.equal(await codeOf(db.read((ctx) => ctx.db.normalizeId("users", undefined as never))), "InvalidArgument");
  assert.equal(await codeOf(db.read((ctx) => ctx.db.normalizeId(undefined as never, user))), "InvalidArgument");
  for (const id of [null, 5, [], Object.create(null), { toString: () => fail("text") }]) {
    for (const method of ["get", "delete"]) assert.equal(await call(method, id), "InvalidArgument");
    for (const method of ["patch", "replace"]) assert.equal(await call(method, id, {}), "InvalidArgument");
  }
  for (const values of [undefined, null, 5, "text", {}, new Set([task("a")])]) {
    assert.equal(await call("insertMany", "tasks", values), "InvalidArgument");
  }
  for (const action of [undefined, null, 5, {}]) {
    assert.equal(await call("mutate", action), "InvalidArgument");
    assert.equal(await call("read", action), "InvalidArgument");
  }
  for (const timeoutMs of [-1, NaN, "5", {}]) {
    assert.equal(await call("mutate", () => 1, { timeoutMs }), "InvalidArgument");
  }
  assert.equal(await db.mutate(() => sleep(5).then(() => 1), { timeoutMs: Infinity }), 1);
  assert.equal(await db.mutate(() => sleep(5).then(() => 1), { timeoutMs: 2 ** 40 }), 1);
  assert.equal(await db.query("tasks").count(), 0);
});

test("table and index names that every object has", async (t) => {
  const db = await open(t);
  const any = db as never as {
    query(table: string): { collect(): Promise<unknown>; withIndex(name: string): { collect(): Promise<unknown> } };
    insert(table: string, value: object): Promise<string>;
  };
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"]) {
    assert.equal(await codeOf(any.query(name).collect()), "TableNotFound");
    assert.equal(await codeOf(any.insert(name, {})), "TableNotFound");
    assert.equal(await codeOf(any.query("tasks").withIndex(name).collect()), "IndexNotFound");
  }
  const schema = defineSchema({
    constructor: defineTable({ toString: v.string(), hasOwnProperty: v.number() }).index("valueOf", ["toString"]),
  });
  const odd = await openDatabase({ name: freshName(), schema });
  t.after(() => odd.close());
  await odd.insert("constructor", { toString: "text", hasOwnProperty: 1 });
  const [row] = await odd
    .query("constructor")
    .withIndex("valueOf", (q) => q.eq("toString", "text"))
    .collect();
  assert.equal(row?.hasOwnProperty, 1);
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

/** Texts that are too long for anything that is looked up by a text. */
const LONG = ["x".repeat(200), "x.".repeat(150), "x".repeat(3 << 20), "é".repeat(2 << 20), "x".repeat(400_000_000)];

test("ids, names and cursors of any length are refused without a copy of them in the engine", async (t) => {
  const db = await open(t);
  const { user, task } = await seed(db);
  const id = await db.insert("tasks", task("good"));
  type Text = (...args: unknown[]) => Promise<unknown>;
  type Query = Record<"collect" | "count", () => Promise<unknown>> & { paginate(options: unknown): Promise<unknown> };
  type Table = Query & { withIndex(name: string): Query };
  type Untyped = Record<"get" | "insert" | "patch" | "replace" | "delete", Text> & {
    query(table: string): Table;
    newId(table: string): string;
    normalizeId(table: string, id: string): string | null;
  };
  const any = db as unknown as Untyped;
  const inside = (use: (db: Untyped) => unknown) => db.mutate(async (ctx) => use(ctx.db as never));
  const uses: [string, (text: string) => unknown][] = [
    ["InvalidId", (text) => any.get(text)],
    ["InvalidId", (text) => any.get("tasks", text)],
    ["InvalidId", (text) => any.patch(text, { title: "x" })],
    ["InvalidId", (text) => any.replace("tasks", text, task("x"))],
    ["InvalidId", (text) => any.delete(text)],
    ["InvalidId", (text) => any.insert("tasks", { ...task("x"), _id: text })],
    ["InvalidId", (text) => inside((inner) => inner.get(text))],
    ["InvalidId", (text) => inside((inner) => inner.delete(text))],
    ["InvalidArgument", (text) => any.patch(text, { _id: id })],
    ["WrongTable", (text) => any.get(text, id)],
    ["TableNotFound", (text) => any.insert(text, {})],
    ["TableNotFound", (text) => any.query(text).collect()],
    ["TableNotFound", (text) => any.query(text).count()],
    ["TableNotFound", (text) => any.newId(text)],
    ["TableNotFound", (text) => inside((inner) => inner.newId(text))],
    ["TableNotFound", (text) => inside((inner) => inner.query(text).collect())],
    ["IndexNotFound", (text) => any.query("tasks").withIndex(text).collect()],
    ["InvalidCursor", (text) => any.query("tasks").paginate({ numItems: 1, cursor: text })],
    ["InvalidCursor", (text) => any.query("tasks").paginate({ numItems: 1, cursor: null, endCursor: text })],
  ];
  for (const text of LONG) {
    const before = db.stats().wasmMemoryBytes;
    for (const [code, use] of uses) {
      // Convex divides the name of an index at its dots.
      const expected = code === "IndexNotFound" && text.includes(".") ? "InvalidArgument" : code;
      // Up to some 42 million letters it may be a cursor.
      if (code === "InvalidCursor" && text.length > 1_000 && text.length < 42_000_000) continue;
      const error = await (async () => use(text))().then(
        () => assert.fail(`no ${code} for ${text.length} letters: ${String(use)}`),
        (problem: unknown) => problem as { code: string; message: string },
      );
      assert.equal(error.code, expected, `${error.message}, ${text.length} letters: ${String(use)}`);
      assert.ok(error.message.length < 1_000, `a message of ${error.message.length} letters: ${String(use)}`);
    }
    assert.equal(any.normalizeId("users", text), null);
    assert.equal(any.normalizeId(text, user), null);
    const grown = db.stats().wasmMemoryBytes - before;
    assert.ok(grown <= 1 << 16, `${text.length} letters have made the memory grow by ${grown} bytes`);
  }
  assert.equal((await db.get(id))?.title, "good");
  assert.equal(await db.query("tasks").count(), 1);
});

test("a cursor is as long as what its index holds", async (t) => {
  const schema = defineSchema({ things: defineTable({ text: v.string() }).index("by_text", ["text"]) });
  const db = await openDatabase({ name: freshName(), schema });
  t.after(() => db.close());
  // Each letter takes two bytes in a key.
  const [first, last] = ["\u0000".repeat(1_000_000), "\u0001".repeat(1_000_000)];
  await db.insertMany("things", [{ text: first }, { text: last }]);
  const page = (cursor: string | null) => db.query("things").withIndex("by_text").paginate({ numItems: 1, cursor });
  const { continueCursor } = await page(null);
  assert.ok(continueCursor.length > 2_600_000, String(continueCursor.length));
  assert.equal((await page(continueCursor)).page[0]?.text, last);
  assert.equal(await codeOf(page(`${continueCursor}A`)), "InvalidCursor");
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

test("ranges, filters and cursors of the wrong kind", async (t) => {
  const db = await open(t);
  const { project, task } = await seed(db);
  await db.insertMany("tasks", [task("a"), task("b"), task("c")]);
  type Query = {
    withIndex(name: string, range: unknown): Query;
    order(order: unknown): Query;
    filter(predicate: unknown): Query;
    collect(): Promise<unknown>;
    paginate(options: unknown): Promise<{ continueCursor: string }>;
  };
  type Builder = Record<string, (...args: unknown[]) => Builder>;
  const query = (table = "tasks") => (db as never as { query(table: string): Query }).query(table);
  const rangeCode = (range: unknown) =>
    codeOf((async () => query().withIndex("by_project_and_status", range).collect())());
  const filterCode = (predicate: unknown) => codeOf((async () => query().filter(predicate).collect())());
  assert.equal(await rangeCode(5), "InvalidArgument");
  assert.equal(await rangeCode(null), "InvalidArgument");
  for (const field of [5, null, undefined, Symbol("projectId")]) {
    assert.equal(await rangeCode((q: Builder) => q["eq"]!(field, project)), "InvalidArgument");
    assert.equal(await filterCode((q: Builder) => q["eq"]!(q["field"]!(field), 1)), "InvalidArgument");
  }
  assert.equal(await rangeCode((q: Builder) => q["eq"]!("constructor", 1)), "InvalidIndexRange");
  assert.equal(await rangeCode((q: Builder) => q["eq"]!("projectId", revoked())), "InvalidValue");
  assert.equal(
    await rangeCode((q: Builder) =>
      q["eq"]!("projectId", {
        get a() {
          return fail("getter");
        },
      }),
    ),
    "InvalidValue",
  );
  assert.equal(await filterCode(5), "InvalidArgument");
  assert.equal(await filterCode(() => new Date()), "InvalidValue");
  const nested = (depth: number) => (q: Builder) => {
    let expression = q["eq"]!(1, 1);
    for (let level = 1; level < depth; level += 1) expression = q["and"]!(expression, true);
    return expression;
  };
  assert.equal(await filterCode(nested(63)), "no error");
  assert.equal(await filterCode(nested(64)), "InvalidFilter");
  assert.equal(await filterCode(nested(100_000)), "InvalidFilter");
  const { continueCursor } = await query().paginate({ numItems: 1, cursor: null });
  for (const cursor of ["", "garbage", 5, {}, `${continueCursor}0`, continueCursor.slice(1), "\ud800"]) {
    assert.equal(await codeOf(query().paginate({ numItems: 1, cursor })), "InvalidCursor");
    assert.equal(await codeOf(query().paginate({ numItems: 1, cursor: null, endCursor: cursor })), "InvalidCursor");
  }
  assert.equal(await codeOf(query("users").paginate({ numItems: 1, cursor: continueCursor })), "InvalidCursor");
  assert.equal(await codeOf(query().order("desc").paginate({ numItems: 1, cursor: continueCursor })), "InvalidCursor");
  for (const options of [null, 5, {}, { numItems: 0 }, { numItems: "1" }, { numItems: NaN }]) {
    assert.equal(await codeOf(query().paginate(options)), "InvalidArgument");
  }
  for (const maximumRowsRead of [0, -1, 1.5, "1", null]) {
    assert.equal(await codeOf(query().paginate({ numItems: 1, cursor: null, maximumRowsRead })), "InvalidArgument");
  }
  assert.equal(await codeOf(query().paginate({ numItems: 1, cursor: null, maximumBytesRead: 1 })), "InvalidArgument");
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
  assert.equal(await openWith({ name: "\ud800", schema }), "InvalidArgument");
  assert.equal(await openWith({ name: "x", schema, budgets: 5 }), "InvalidArgument");
  assert.equal(await openWith({ name: "x", schema, budgets: { pageCacheBytes: -1 } }), "InvalidArgument");
  assert.equal(await openWith({ name: "x", schema, tuning: { idleMs: "5" } }), "InvalidArgument");
  assert.equal(await openWith({ name: "x", schema, mutationTimeoutMs: NaN }), "InvalidArgument");
  assert.equal(await openWith({ name: "x", schema, accept: "lose" }), "InvalidArgument");
  assert.equal(await openWith({ name: "x", schema, onProblem: 5 }), "InvalidArgument");
  assert.equal(await openWith({ name: "x", schema, tableNumbers: 5 }), "InvalidSchema");
  let deep = v.array(v.string()) as ReturnType<typeof v.array>;
  for (let level = 0; level < 100; level += 1) deep = v.array(deep);
  assert.equal(await openWith({ name: "x", schema: defineSchema({ deep: defineTable({ deep }) }) }), "InvalidSchema");
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
  assert.equal(await codeOf(db.patch(offender!, { text: undefined })), "SchemaChanged");
  assert.equal(await codeOf(db.replace(offender!, {})), "SchemaChanged");
  const fits = await db.insert("things", { text: "fits both" });
  await db.patch(fits, { text: "fits both still" });
});

test("what an app writes fits its own schema, though another version allows more", async (t) => {
  const name = freshName();
  const db = await openDatabase({ name, schema: defineSchema({ things: defineTable({ a: v.string() }) }) });
  t.after(() => db.close());
  const id = await db.insert("things", { a: "one" });
  const wider = defineSchema({
    things: defineTable({ a: v.union(v.string(), v.number()), b: v.optional(v.string()) }),
  });
  const other = await openDatabase({ name, schema: wider });
  t.after(() => other.close());
  await other.patch(id, { a: 1, b: "more" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (const write of [
    () => db.insert("things", { a: 2 } as never),
    () => db.replace(id, { a: "two", b: "more" } as never),
  ]) {
    assert.equal(await codeOf(write()), "SchemaEnforcementError");
  }
  // The document would still have what this app knows nothing of.
  assert.equal(await codeOf(db.patch(id, { a: "two" })), "SchemaChanged");
  await db.replace(id, { a: "two" });
  assert.equal((await other.get(id))?.a, "two");
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
