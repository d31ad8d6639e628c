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
        assert.equal(error.message, (golden.schemaMistakes as Record<string, string>)[what], what);
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
