// Beside the `convex` package itself: what it makes is taken, and what it says is said.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import ts from "typescript";
import * as server from "../../ts/convex/server.js";
import * as values from "../../ts/convex/values.js";
import { openDatabase } from "../../ts/index.js";
import { value } from "../fixtures/values.js";
import { freshName } from "../fixtures/database.js";

// The names of the imports stand for our own modules here.
const require = createRequire(import.meta.url);
const convexServer = require("convex/server") as typeof server;
const convexValues = require("convex/values") as typeof values;

/** One schema, as both packages define it. */
function schemaOf({ defineSchema, defineTable }: typeof server, { v }: typeof values) {
  const owner = v.object({ id: v.id("users"), since: v.optional(v.number()) });
  return defineSchema({
    users: defineTable({ name: v.string(), tags: v.array(v.string()) }).index("by_name", ["name"]),
    notes: defineTable(
      v.union(
        v.object({ kind: v.literal("text"), text: v.string(), owner }),
        v.object({ kind: v.literal("count"), count: v.int64(), big: v.literal(5n), on: v.literal(true) }),
      ),
    )
      .index("by_kind", ["kind", "text"])
      .searchIndex("search_text", { searchField: "text", filterFields: ["kind"] }),
    anything: defineTable(v.any()),
    rest: defineTable({
      any: v.any(),
      bytes: v.bytes(),
      map: v.record(v.id("users"), v.float64()),
      maybe: v.nullable(v.boolean()),
      none: v.null(),
    }).vectorIndex("by_vector", { vectorField: "any", dimensions: 3 }),
  });
}

test("all that the package exports is there", () => {
  for (const [name, ours, theirs] of [
    ["server", server, convexServer],
    ["values", values, convexValues],
  ] as const) {
    assert.deepEqual(
      Object.keys(theirs).filter((key) => !(key in ours)),
      [],
      name,
    );
  }
});

test("all types that the package declares are there", () => {
  const root = process.cwd();
  const files = ["server", "values"].flatMap((name) => [
    join(root, "node_modules", "convex", "dist", "esm-types", name, "index.d.ts"),
    join(root, "dist", "convex", `${name}.d.ts`),
  ]);
  const { ESNext, Bundler } = { ...ts.ModuleKind, ...ts.ModuleResolutionKind };
  const options = { module: ESNext, moduleResolution: Bundler, target: ts.ScriptTarget.ESNext, skipLibCheck: true };
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();
  const [theirServer, ourServer, theirValues, ourValues] = files.map((file) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
    return checker.getExportsOfModule(module).map((each) => each.name);
  }) as [string[], string[], string[], string[]];
  assert.ok(theirServer.includes("AuthConfig") && theirValues.includes("GenericId"));
  assert.deepEqual(
    theirServer.filter((name) => !ourServer.includes(name)),
    [],
  );
  assert.deepEqual(
    theirValues.filter((name) => !ourValues.includes(name)),
    [],
  );
});

const exported = (schema: object) => (schema as { export(): string }).export();

test("schemas are exported as Convex exports them, letter by letter", () => {
  assert.equal(exported(schemaOf(server, values)), exported(schemaOf(convexServer, convexValues)));
});

test("a schema and functions that the package has made are taken", async (t) => {
  const schema = schemaOf(convexServer, convexValues);
  const { mutationGeneric, queryGeneric, anyApi } = convexServer;
  const { v } = convexValues;
  const add = mutationGeneric({
    args: { name: v.string() },
    returns: v.id("users"),
    handler: (ctx, { name }) => ctx.db.insert("users", { name, tags: [] }),
  });
  const names = queryGeneric(async (ctx) => {
    const users = await ctx.db.query("users").withIndex("by_name").collect();
    return users.map((user: { name: string }) => user.name);
  });
  const db = await openDatabase({
    name: freshName(),
    storage: "memory",
    schema,
    functions: { "convex/users.ts": { add, names } },
  });
  t.after(() => db.close());
  await db.run(anyApi["users"]!["add"] as never, { name: "Bob" } as never);
  await db.run(add, { name: "Ada" });
  assert.deepEqual(await db.run(anyApi["users"]!["names"] as never, {} as never), ["Ada", "Bob"]);
  await assert.rejects(db.run(add, { name: 5 as unknown as string }), { code: "ArgumentValidationError" });
});

test("an error of the package's own class passes through", async (t) => {
  const schema = schemaOf(server, values);
  const db = await openDatabase({ name: freshName(), storage: "memory", schema });
  t.after(() => db.close());
  const error = new convexValues.ConvexError({ code: 5 });
  const fail = server.mutationGeneric(() => {
    throw error;
  });
  await assert.rejects(db.run(fail), (thrown) => thrown === error);
});

test("names of functions are read from either package's references", () => {
  for (const [ours, theirs] of [
    [server, convexServer],
    [convexServer, server],
  ] as const) {
    assert.equal(ours.getFunctionName(theirs.anyApi["lib"]!["numbers"]!["double"] as never), "lib/numbers:double");
    assert.equal(ours.getFunctionName(theirs.makeFunctionReference("a:b")), "a:b");
  }
});

test("values have Convex's order, sizes and JSON", () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      assert.equal(values.compareValues(a, b), Math.sign(convexValues.compareValues(a, b)));
      assert.equal(values.getConvexSize(a), convexValues.getConvexSize(a));
      const json = values.convexToJson(a);
      assert.deepEqual(json, convexValues.convexToJson(a));
      assert.deepEqual(values.jsonToConvex(json), convexValues.jsonToConvex(json));
      const document = { field: a };
      assert.equal(values.getDocumentSize(document), convexValues.getDocumentSize(document));
    }),
  );
});

test("what is no value is refused in Convex's words", () => {
  const said = ({ convexToJson }: typeof values, value: unknown): string => {
    try {
      convexToJson(value as values.Value);
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing";
  };
  class Point {
    x = 1;
  }
  const refused = [
    undefined,
    [undefined],
    { a: [1, undefined] },
    { $a: 1 },
    { é: 1 },
    new Date(0),
    { d: new Map() },
    new Set([1]),
    new Point(),
    { p: new Point() },
    new Uint8Array(2),
    2n ** 63n,
    -(2n ** 63n) - 1n,
  ];
  for (const value of refused) {
    assert.equal(said(values, value), said(convexValues, value));
    assert.notEqual(said(values, value), "nothing");
  }
});

test("what is no Convex JSON is refused in Convex's words", () => {
  const said = ({ jsonToConvex }: typeof values, json: unknown): string => {
    try {
      return JSON.stringify(jsonToConvex(json as never));
    } catch (error) {
      return (error as Error).message;
    }
  };
  const refused = [
    { $a: 1 },
    { $a: 1, b: 2 },
    { é: 1 },
    [{ a: { é: 1 } }],
    { $integer: "AQA=" },
    { $integer: 5 },
    { $float: "AAAAAAAA8D8=" },
    { $float: "AA==" },
    { $float: null },
    { $bytes: 5 },
    { $set: [] },
    { $map: [] },
    { $commitTs: 5 },
    undefined,
    { a: undefined },
  ];
  for (const json of refused) {
    assert.equal(said(values, json), said(convexValues, json));
    assert.doesNotMatch(said(values, json), /^[[{]/);
  }
});

test("errors of an app say as much of their data as Convex's", () => {
  for (const data of [
    { text: "x".repeat(5_000) },
    { text: "x".repeat(20_000) },
    Array.from({ length: 1_000 }, (_, n) => n),
    "t",
    { n: 5n },
  ]) {
    assert.equal(new values.ConvexError(data).message, new convexValues.ConvexError(data).message);
  }
});

test("sizes of documents with ids of another length", () => {
  const documents: Record<string, values.Value>[] = [
    { a: "x" },
    { a: "x", _id: "i" },
    { a: 1, _id: "i", _creationTime: 5 },
  ];
  for (const document of documents) {
    for (const customIdLength of [undefined, 0, 40]) {
      const options = { customIdLength: customIdLength as number };
      assert.equal(values.getDocumentSize(document, options), convexValues.getDocumentSize(document, options));
    }
  }
});

test("definitions that are none are refused in Convex's words", () => {
  const said = (action: () => unknown): string => {
    try {
      action();
    } catch (error) {
      return (error as Error).message.split("\n")[0]!.slice(0, 60);
    }
    return "nothing";
  };
  const both = (make: (v: (typeof values)["v"]) => unknown) => {
    assert.equal(
      said(() => make(values.v)),
      said(() => make(convexValues.v)),
    );
    assert.notEqual(
      said(() => make(values.v)),
      "nothing",
    );
  };
  both((v) => v.id(5 as never));
  both((v) => v.record(v.optional(v.string()) as never, v.string()));
  both((v) => v.record(v.string(), v.optional(v.string()) as never));
  both((v) => v.object({ a: 5 as never }));
  both((v) => v.object({ a: undefined as never }));
});
