// Schemas: exported byte for byte as Convex's package does, wrong in the same words.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as holdfast from "../../ts/index.js";
import { HoldfastError } from "../../ts/errors.js";
import { toDefinition } from "../../ts/schema.js";
import golden from "../fixtures/convex_golden.json";
import { schemaMistakes, schemaOfEverything } from "../fixtures/everything.js";
import { schema } from "../fixtures/schema.js";

const { asObjectValidator, defineSchema, defineTable, isValidator, v } = holdfast;

test("a schema of everything exports as Convex's does", () => {
  assert.equal(schemaOfEverything(holdfast).export(), golden.export);
});

test("mistakes in schemas are named as Convex names them", () => {
  for (const [what, make] of Object.entries(schemaMistakes)) {
    assert.throws(
      () => make(holdfast as never),
      (error) => {
        assert.ok(error instanceof HoldfastError, what);
        // Convex's text forgets that literals may be bigints.
        const text = (golden.schemaMistakes as Record<string, string>)[what]?.replace(
          /^v\.literal.* number, /,
          "$&bigint, ",
        );
        assert.equal(error.message, text, what);
        assert.equal(error.code, what === "literalTooLarge" ? "InvalidValue" : "InvalidSchema", what);
        return true;
      },
    );
  }
});

test("mistakes that Convex has no words for", () => {
  const undefinedTable = { a: undefined } as unknown as { a: ReturnType<typeof defineTable> };
  assert.throws(
    () => toDefinition(defineSchema(undefinedTable)),
    /^HoldfastError: Table "a" is undefined in defineSchema\(\)/,
  );
  for (const none of [undefined, null, {}, { tables: {} }, { tables: {}, export: () => ({}) }]) {
    assert.throws(() => toDefinition(none as never), /`schema` must be the result of defineSchema\(\)/);
  }
  assert.throws(() => v.optional(undefined as never), /A validator is undefined in v\.optional\(\)/);
  const reserved = defineTable({ _own: v.string() });
  assert.throws(
    () => toDefinition(defineSchema({ things: reserved })),
    /Table "things" has a field "_own": .* are the system's/,
  );
  const system = { _id: v.id("things"), _creationTime: v.number(), inner: v.object({ _own: v.string() }) };
  toDefinition(defineSchema({ things: defineTable(system) }));
});

test("definitions of anything else are refused, and named", () => {
  const any = holdfast as unknown as {
    defineSchema(tables: unknown, options?: unknown): unknown;
    defineTable(
      fields: unknown,
    ): { index(...values: unknown[]): unknown } & Record<string, (...values: unknown[]) => unknown>;
    v: Record<string, (...values: unknown[]) => { optional(): unknown }>;
  };
  const table = () => any.defineTable({ a: v.string() });
  const endless = new Array(4294967295);
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  const cases: [string, () => unknown, RegExp][] = [
    ...[5, null, "t", { a: v.string() }, v.object({}), [], () => 1].map((value): [string, () => unknown, RegExp] => [
      `a table of ${typeof value}`,
      () => any.defineSchema({ things: value }),
      /Table "things" .*defineTable\(\)/,
    ]),
    ...[undefined, null, 5, "schema", [table()], new Map()].map((value): [string, () => unknown, RegExp] => [
      `a schema of ${typeof value}`,
      () => any.defineSchema(value),
      /defineSchema\(\) takes an object/,
    ]),
    ...[undefined, null, 5, "text", [], () => 1].map((value): [string, () => unknown, RegExp] => [
      `a table of ${typeof value}`,
      () => any.defineTable(value),
      /defineTable\(\) takes/,
    ]),
    ["a revoked table", () => any.defineSchema({ things: revoked() }), /things/],
    ["revoked fields", () => any.defineTable(revoked()), /defineTable\(\) takes/],
    ...[null, 5, "text", {}, [v.string()], () => 1, revoked()].flatMap((value): [string, () => unknown, RegExp][] => [
      ["v.optional", () => any.v["optional"]!(value), /v\.optional\(\)/],
      ["v.array", () => any.v["array"]!(value), /v\.array\(\)/],
      ["v.nullable", () => any.v["nullable"]!(value), /v\.union\(\)/],
      ["v.union", () => any.v["union"]!(v.string(), value), /v\.union\(\)/],
      ["v.record key", () => any.v["record"]!(value, v.string()), /v\.record\(\)/],
      ["v.record value", () => any.v["record"]!(v.string(), value), /v\.record\(\)/],
      ["v.object", () => any.v["object"]!({ a: value }), /v\.object\(\)/],
    ]),
    ...[undefined, null, 5, "text", [], revoked()].map((value): [string, () => unknown, RegExp] => [
      "v.object of no object",
      () => any.v["object"]!(value),
      /v\.object\(\)/,
    ]),
    ...[undefined, null, 5, {}, ["name"]].map((value): [string, () => unknown, RegExp] => [
      "an index's name",
      () => table().index(value, ["a"]),
      /name of an index/,
    ]),
    ...[undefined, null, 5, "a", {}, [5], [undefined], { fields: "a" }, endless, { fields: endless }].map(
      (value): [string, () => unknown, RegExp] => ["an index's fields", () => table().index("x", value), /index "x"/],
    ),
    ["a search index", () => table()["searchIndex"]!("x", null), /index "x"/],
    ["a search index", () => table()["searchIndex"]!("x", { searchField: 5 }), /index "x"/],
    ["a search index", () => table()["searchIndex"]!("x", { searchField: "a", filterFields: endless }), /index "x"/],
    ["a vector index", () => table()["vectorIndex"]!("x", undefined), /index "x"/],
    ["a vector index", () => table()["vectorIndex"]!("x", { vectorField: {}, dimensions: 3 }), /index "x"/],
    ["a vector index", () => table()["vectorIndex"]!("x", { vectorField: "a", dimensions: "3" }), /index "x"/],
    ["a staged table", () => table()["staged"]!(null), /staged/],
    ["a staged table", () => table()["staged"]!({ b: 5 }), /v\.object\(\)/],
  ];
  for (const [what, make, message] of cases) {
    assert.throws(make, (error) => {
      assert.ok(error instanceof HoldfastError, `${what}: ${String(error)}`);
      assert.equal(error.code, "InvalidSchema", what);
      assert.match(error.message, message, what);
      return true;
    });
  }
});

test("an id of a table that there is not is a typing mistake", () => {
  const message = 'Table "tasks", field "list.owner": v.id("people") names a table that the schema does not have.';
  const tables = {
    users: defineTable({ name: v.string() }),
    tasks: defineTable({
      parent: v.optional(v.id("tasks")),
      file: v.id("_storage"),
      list: v.optional(v.union(v.null(), v.array(v.object({ owner: v.record(v.string(), v.id("people")) })))),
    }),
  };
  assert.throws(() => defineSchema(tables), { code: "InvalidSchema", message });
  assert.throws(() => defineSchema({ a: defineTable(v.union(v.object({ b: v.id("c") }))) }), { code: "InvalidSchema" });
  // Without validation nothing is claimed.
  const loose = defineSchema(tables, { schemaValidation: false });
  assert.equal(toDefinition(loose).tables.length, 2);
  // A schema of Convex's package comes as it is exported.
  const foreign = {
    tables: {},
    export: () => loose.export().replace('"schemaValidation":false', '"schemaValidation":true'),
  };
  assert.throws(() => toDefinition(foreign), { code: "InvalidSchema", message });
});

test("a schema that can't export itself says so", () => {
  const thrown = new Error("mine");
  const cases = [
    () => {
      throw thrown;
    },
    () => "not JSON",
    () => "5",
    () => "null",
    () => '{"tables": 5}',
    () => '{"tables": [5]}',
  ];
  for (const each of cases) {
    assert.throws(() => toDefinition({ tables: {}, export: each } as never), { code: "InvalidSchema" }, String(each));
  }
});

test("validators look as Convex's do", () => {
  const validator = v.object({ a: v.id("tasks"), b: v.optional(v.array(v.string())) });
  assert.equal(validator.kind, "object");
  assert.equal(validator.isOptional, "required");
  assert.equal(validator.isConvexValidator, true);
  assert.equal(validator.fields.a.tableName, "tasks");
  assert.equal(validator.fields.b.isOptional, "optional");
  assert.equal(validator.fields.b.element.kind, "string");
  assert.deepEqual(Object.keys(v.string()).sort(), ["isConvexValidator", "isOptional", "kind"]);
  const kinds = [
    v.id("t"),
    v.null(),
    v.number(),
    v.bigint(),
    v.commitTs(),
    v.boolean(),
    v.bytes(),
    v.any(),
    v.literal(1),
  ];
  assert.deepEqual(
    kinds.map((each) => each.kind),
    ["id", "null", "float64", "int64", "commitTs", "boolean", "bytes", "any", "literal"],
  );
  assert.deepEqual(
    v.nullable(v.string()).members.map((member) => member.kind),
    ["string", "null"],
  );
  // A map of fields may have a field of the marker's name.
  const fields = { isConvexValidator: v.string() };
  assert.equal(isValidator(fields), false);
  assert.equal(asObjectValidator(fields).kind, "object");
  assert.equal(asObjectValidator(validator), validator);
  assert.equal(isValidator(null), false);
});

test("a foreign validator with the same shape is as good as ours", () => {
  const foreign = {
    kind: "string",
    isOptional: "required",
    isConvexValidator: true,
    json: { type: "string" },
  } as never;
  const table = defineTable({ a: foreign });
  assert.deepEqual(table.export().documentType, {
    type: "object",
    value: { a: { fieldType: { type: "string" }, optional: false } },
  });
});

test("the engine gets the exported form, with pinned table numbers", () => {
  const definition = toDefinition(schema, { tasks: 10003 });
  assert.deepEqual(
    definition.tables.map((table) => table.tableName),
    ["users", "subscriptions", "projects", "tasks", "project_members"],
  );
  assert.equal(definition.schemaValidation, true);
  assert.deepEqual(definition.tableNumbers, { tasks: 10003 });
  assert.equal("tableNumbers" in toDefinition(schema), false);
  assert.deepEqual(schema.tables.tasks[" indexes"]()[0], { indexDescriptor: "by_project", fields: ["projectId"] });
});

test("documents as they are read have validators with system fields", () => {
  const tasks = schema.doc("tasks");
  assert.equal(tasks.fields._id.tableName, "tasks");
  assert.equal(tasks.fields._creationTime.kind, "float64");
  assert.equal(schema.id("users").tableName, "users");
});
