// Random programs of Convex calls against a model in plain JavaScript that sorts and filters everything.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareValues, type Value } from "../../ts/convex/values.js";
import { type Database, defineSchema, defineTable, type GenericMutationCtx, openDatabase, v } from "../../ts/index.js";
import type { DataModelFromSchemaDefinition } from "../../ts/schema.js";
import { freshName } from "../fixtures/database.js";

const schema = defineSchema({
  rows: defineTable({ k: v.optional(v.any()), n: v.number(), o: v.optional(v.object({ x: v.optional(v.any()) })) })
    .index("by_k", ["k"])
    .index("by_k_n", ["k", "n"])
    .index("by_x", ["o.x"]),
});
type Model = DataModelFromSchemaDefinition<typeof schema>;
type Row = Model["rows"]["document"];
type Fields = Omit<Row, "_id" | "_creationTime">;

const INDEXES = {
  by_creation_time: ["_creationTime"],
  by_k: ["k", "_creationTime"],
  by_k_n: ["k", "n", "_creationTime"],
  by_x: ["o.x", "_creationTime"],
} as const;
type IndexName = keyof typeof INDEXES;

const scalar = fc.oneof(
  fc.constantFrom<Value>(null, 1n, -1n, 0, -0, 1, NaN, "", "a", "b", true, false),
  fc.constantFrom<Value>([], [1], { a: 1 }, new Uint8Array([1]).buffer),
);
const maybe = fc.option(scalar, { nil: undefined, freq: 4 });
const fields: fc.Arbitrary<Fields> = fc
  .record({ k: maybe, n: fc.constantFrom(-1, 0, 1, 2), o: fc.option(fc.record({ x: maybe }), { nil: undefined }) })
  .map(({ k, n, o }) => without({ k, n, o: o && without(o) }) as Fields);

function without(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** A bound of a range on the field behind those that must be equal. */
const bound = fc.option(fc.record({ isClosed: fc.boolean(), value: maybe }), { nil: undefined });
const range = fc.record({
  index: fc.constantFrom<IndexName>("by_creation_time", "by_k", "by_k_n", "by_x"),
  equal: fc.array(maybe, { maxLength: 2 }),
  lower: bound,
  upper: bound,
  isDescending: fc.boolean(),
});
type Range = typeof range extends fc.Arbitrary<infer T> ? T : never;

type Comparison = "eq" | "neq" | "lt" | "lte" | "gt" | "gte";
type Filter =
  | { type: "compare"; operator: Comparison; field: string; value: Value | undefined }
  | { type: "and" | "or"; parts: Filter[] }
  | { type: "not"; part: Filter };
const filter = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 2 },
    fc.record({
      type: fc.constant("compare" as const),
      operator: fc.constantFrom<Comparison>("eq", "neq", "lt", "lte", "gt", "gte"),
      field: fc.constantFrom("k", "n", "o", "o.x", "nothing"),
      value: maybe,
    }),
    fc.record({
      type: fc.constantFrom("and" as const, "or" as const),
      parts: fc.array(tie("filter"), { maxLength: 3 }),
    }),
    fc.record({ type: fc.constant("not" as const), part: tie("filter") }),
  ),
})).filter;

const query = fc.record({
  range,
  filter: fc.option(filter, { nil: undefined }),
  answer: fc.constantFrom("collect", "take", "first", "count", "pages", "select", "iterate", "split" as const),
  number: fc.integer({ min: 1, max: 4 }),
});
type Query = typeof query extends fc.Arbitrary<infer T> ? T : never;

const which = fc.nat(12);
const step = fc.oneof(
  fc.record({ type: fc.constant("insert" as const), fields }),
  fc.record({ type: fc.constant("patch" as const), which, k: maybe, hasK: fc.boolean(), n: fc.constantFrom(5, 6) }),
  fc.record({ type: fc.constant("replace" as const), which, fields }),
  fc.record({ type: fc.constant("delete" as const), which }),
  fc.record({ type: fc.constant("get" as const), which }),
  fc.record({ type: fc.constant("query" as const), query }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A mutation, and whether it throws in the end. */
const program = fc.array(fc.record({ steps: fc.array(step, { maxLength: 8 }), fails: fc.boolean() }), {
  minLength: 1,
  maxLength: 6,
});

const valueAt = (row: object, path: string): Value | undefined =>
  path.split(".").reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], row) as
    Value | undefined;

/** The table as the model has it. */
class Table {
  rows = new Map<string, Row>();
  /** Ids of all documents that ever were. */
  ids: Row["_id"][] = [];

  copy(): Table {
    const copy = new Table();
    copy.rows = new Map(this.rows);
    copy.ids = [...this.ids];
    return copy;
  }

  answer({ range, filter }: Query): Row[] {
    const paths = INDEXES[range.index];
    const equal = range.equal.slice(0, paths.length - 1);
    const next = paths[equal.length]!;
    const inRange = (row: Row) => {
      const value = valueAt(row, next);
      const { lower, upper } = bounds(range);
      return (
        equal.every((wanted, index) => compareValues(valueAt(row, paths[index]!), wanted) === 0) &&
        (lower === undefined || compareValues(value, lower.value) >= (lower.isClosed ? 0 : 1)) &&
        (upper === undefined || compareValues(value, upper.value) <= (upper.isClosed ? 0 : -1))
      );
    };
    const rows = [...this.rows.values()].filter((row) => inRange(row) && (filter === undefined || passes(filter, row)));
    rows.sort((a, b) => {
      for (const path of paths) {
        const order = compareValues(valueAt(a, path), valueAt(b, path));
        if (order !== 0) return order;
      }
      return assert.fail("two documents of one time");
    });
    return range.isDescending ? rows.reverse() : rows;
  }
}

/** No document is made at a time that a test knows. */
function bounds({ index, lower, upper }: Range) {
  return index === "by_creation_time" ? {} : { lower, upper };
}

function passes(filter: Filter, row: Row): boolean {
  switch (filter.type) {
    case "and":
      return filter.parts.every((part) => passes(part, row));
    case "or":
      return filter.parts.some((part) => passes(part, row));
    case "not":
      return !passes(filter.part, row);
    case "compare": {
      const order = compareValues(valueAt(row, filter.field), filter.value);
      return {
        eq: order === 0,
        neq: order !== 0,
        lt: order < 0,
        lte: order <= 0,
        gt: order > 0,
        gte: order >= 0,
      }[filter.operator];
    }
  }
}

type Ctx = GenericMutationCtx<Model>;

// The builders' types know each index; a random program does not.
type AnyBuilder = Record<string, (...args: unknown[]) => never>;

function expressionOf(q: AnyBuilder, filter: Filter): unknown {
  switch (filter.type) {
    case "and":
    case "or":
      return q[filter.type]!(...filter.parts.map((part) => expressionOf(q, part)));
    case "not":
      return q["not"]!(expressionOf(q, filter.part));
    case "compare":
      return q[filter.operator]!(q["field"]!(filter.field), filter.value);
  }
}

function build(db: Pick<Ctx["db"], "query">, { range, filter }: Query) {
  const paths: readonly string[] = INDEXES[range.index];
  const indexed = db.query("rows").withIndex(
    range.index as "by_k_n",
    ((q: AnyBuilder) => {
      const equal = range.equal.slice(0, paths.length - 1);
      let builder = equal.reduce<AnyBuilder>((builder, value, index) => builder["eq"]!(paths[index], value), q);
      const { lower, upper } = bounds(range);
      const next = paths[equal.length]!;
      if (lower !== undefined) builder = builder[lower.isClosed ? "gte" : "gt"]!(next, lower.value);
      if (upper !== undefined) builder = builder[upper.isClosed ? "lte" : "lt"]!(next, upper.value);
      return builder;
    }) as never,
  );
  const ordered = indexed.order(range.isDescending ? "desc" : "asc");
  return filter === undefined ? ordered : ordered.filter((q) => expressionOf(q as never, filter) as never);
}

async function ask(db: Pick<Ctx["db"], "query">, query: Query, expected: Row[]): Promise<void> {
  const built = () => build(db, query);
  const { number } = query;
  switch (query.answer) {
    case "collect":
      return assert.deepEqual(await built().collect(), expected);
    case "take":
      return assert.deepEqual(await built().take(number), expected.slice(0, number));
    case "first":
      return assert.deepEqual(await built().first(), expected[0] ?? null);
    case "count":
      return assert.equal(await built().count(), expected.length);
    case "select": {
      const selected = expected.map(({ _id, n }) => ({ _id, n }));
      return assert.deepEqual(await built().select("n", "_id").collect(), selected);
    }
    case "iterate": {
      const rows = [];
      for await (const row of built()) rows.push(row);
      return assert.deepEqual(rows, expected);
    }
    case "pages":
    case "split": {
      const rows = [];
      let cursor: string | null = null;
      for (;;) {
        const page = await built().paginate({ numItems: number, cursor });
        assert.ok(page.page.length === number || page.isDone);
        rows.push(...page.page);
        if (query.answer === "split") await splits(built, cursor, page, query.filter !== undefined);
        if (page.isDone) break;
        cursor = page.continueCursor;
      }
      return assert.deepEqual(rows, expected);
    }
  }
}

/** The two pages that a page can be cut into are that page. */
async function splits(
  built: () => ReturnType<typeof build>,
  cursor: string | null,
  page: Awaited<ReturnType<ReturnType<typeof build>["paginate"]>>,
  isFiltered: boolean,
): Promise<void> {
  if (page.splitCursor == null) return assert.ok(page.page.length < 2);
  const middle = page.splitCursor;
  const first = await built().paginate({ numItems: 1, cursor, endCursor: middle });
  const second = await built().paginate({ numItems: 1, cursor: middle, endCursor: page.continueCursor });
  // A filter may have read more than it gives.
  assert.ok(isFiltered || (first.page.length > 0 && second.page.length > 0));
  assert.deepEqual([...first.page, ...second.page], page.page);
  assert.deepEqual([first.continueCursor, second.continueCursor], [middle, page.continueCursor]);
}

async function take(ctx: Ctx, table: Table, step: Step): Promise<void> {
  const id = "which" in step ? table.ids[step.which % Math.max(1, table.ids.length)] : undefined;
  const old = id === undefined ? undefined : table.rows.get(id);
  const refused = async (promise: Promise<unknown>) =>
    assert.rejects(promise, { code: "NonexistentDocument" }, "it is not there");
  switch (step.type) {
    case "insert": {
      const id = await ctx.db.insert("rows", step.fields);
      table.ids.push(id);
      table.rows.set(id, (await ctx.db.get(id))!);
      return assert.deepEqual(
        without({ ...table.rows.get(id), _id: undefined, _creationTime: undefined }),
        step.fields,
      );
    }
    case "patch": {
      if (id === undefined) return;
      const patch = { n: step.n, ...(step.hasK && { k: step.k }) };
      if (old === undefined) return refused(ctx.db.patch(id, patch));
      await ctx.db.patch(id, patch);
      table.rows.set(id, without({ ...old, ...patch }) as Row);
      return;
    }
    case "replace":
      if (id === undefined) return;
      if (old === undefined) return refused(ctx.db.replace(id, step.fields));
      await ctx.db.replace(id, step.fields);
      table.rows.set(id, { ...step.fields, _id: id, _creationTime: old._creationTime });
      return;
    case "delete":
      if (id === undefined) return;
      if (old === undefined) return refused(ctx.db.delete(id));
      await ctx.db.delete(id);
      table.rows.delete(id);
      return;
    case "get":
      if (id !== undefined) assert.deepEqual(await ctx.db.get(id), old ?? null);
      return;
    case "query":
      return ask(ctx.db, step.query, table.answer(step.query));
  }
}

async function run(db: Database<Model>, steps: readonly Step[], fails: boolean, before: Table): Promise<Table> {
  const table = before.copy();
  const running = db.mutate(async (ctx) => {
    for (const step of steps) await take(ctx, table, step);
    if (fails) throw new Error("on purpose");
  });
  if (!fails) {
    await running;
    return table;
  }
  await assert.rejects(running, /on purpose/);
  return before;
}

test("random programs do what the model does", async () => {
  await fc.assert(
    fc.asyncProperty(program, fc.array(query, { minLength: 1, maxLength: 4 }), async (mutations, queries) => {
      const db = await openDatabase({
        name: freshName(),
        storage: "memory",
        schema,
        tuning: { checkpointLogRecords: 3, idleMs: 0 },
      });
      try {
        let table = new Table();
        for (const { steps, fails } of mutations) {
          table = await run(db, steps, fails, table);
          for (const query of queries) await ask(db, query, table.answer(query));
        }
        assert.deepEqual((await db.verify()).problems, []);
      } finally {
        await db.close();
      }
    }),
    { numRuns: 150 },
  );
});
