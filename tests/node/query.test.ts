// Builders only write down what was said, once; mistakes are told in Convex's words.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataModelFromSchemaDefinition, GenericDocument, Id } from "../../ts/index.js";
import { HoldfastError } from "../../ts/errors.js";
import { queryTable, uniqueOf, type QueryExecutor, type QueryInitializer } from "../../ts/query.js";
import type { SerializedQuery } from "../../ts/serialized_query.js";
import type { schema } from "../fixtures/schema.js";

type DataModel = DataModelFromSchemaDefinition<typeof schema>;
const projectId = "p" as Id<"projects">;
const rows: GenericDocument[] = [{ _id: "1" }, { _id: "2" }, { _id: "3" }];

/** An executor that records what it is asked and knows three rows. */
function recorder() {
  const calls: [string, SerializedQuery, ...unknown[]][] = [];
  let returned = 0;
  const executor: QueryExecutor = {
    collect: async (query) => (calls.push(["collect", query]), rows),
    take: async (query, count) => (calls.push(["take", query, count]), rows.slice(0, count)),
    first: async (query) => (calls.push(["first", query]), rows[0]!),
    unique: async (query) => (calls.push(["unique", query]), uniqueOf(query, rows.slice(0, 2))),
    count: async (query) => (calls.push(["count", query]), rows.length),
    paginate: async (query, request) => (
      calls.push(["paginate", query, request]),
      { page: rows, isDone: true, continueCursor: "end" }
    ),
    iterate: (query) => {
      calls.push(["iterate", query]);
      let index = 0;
      return {
        next: async () => {
          const value = rows[index++];
          return value ? { done: false, value } : { done: true, value: undefined };
        },
        return: async () => ((returned += 1), { done: true, value: undefined }),
      };
    },
  };
  const query = <Table extends keyof DataModel>(table: Table): QueryInitializer<DataModel[Table]> =>
    queryTable<DataModel[Table]>(executor, table);
  return { calls, query, last: () => calls.at(-1), returned: () => returned };
}

const scan = { type: "FullTableScan", tableName: "tasks", order: "asc" };

test("what is said is what is written", async () => {
  const { query, last } = recorder();
  await query("tasks").collect();
  assert.deepEqual(last(), ["collect", { source: scan, operators: [] }]);
  await query("tasks").order("desc").take(5);
  assert.deepEqual(last(), ["take", { source: { ...scan, order: "desc" }, operators: [] }, 5]);
  await query("tasks").fullTableScan().first();
  assert.deepEqual(last(), ["first", { source: scan, operators: [] }]);
  assert.equal(await query("tasks").count(), 3);
  await query("tasks")
    .withIndex("by_project_and_status", (q) =>
      q
        .eq("projectId", projectId)
        .gte("status", "a" as "done")
        .lt("status", "done"),
    )
    .order("desc")
    .filter((q) => q.eq(q.field("title"), "t"))
    .filter((q) => q.and(true, q.not(q.neq(q.field("dueDate"), undefined))))
    .collect();
  assert.deepEqual(last(), [
    "collect",
    {
      source: {
        type: "IndexRange",
        indexName: "tasks.by_project_and_status",
        range: [
          { type: "Eq", fieldPath: "projectId", value: "p" },
          { type: "Gte", fieldPath: "status", value: "a" },
          { type: "Lt", fieldPath: "status", value: "done" },
        ],
        order: "desc",
      },
      operators: [
        { filter: { $eq: [{ $field: "title" }, { $literal: "t" }] } },
        {
          filter: {
            $and: [{ $literal: true }, { $not: { $neq: [{ $field: "dueDate" }, { $literal: { $undefined: null } }] } }],
          },
        },
      ],
    },
  ]);
  await query("tasks")
    .withIndex("by_due_date", (q) => q.gt("dueDate", undefined))
    .paginate({ numItems: 3, cursor: "c" });
  assert.deepEqual(last(), [
    "paginate",
    {
      source: {
        type: "IndexRange",
        indexName: "tasks.by_due_date",
        range: [{ type: "Gt", fieldPath: "dueDate", value: { $undefined: null } }],
        order: "asc",
      },
      operators: [],
    },
    { numItems: 3, cursor: "c", endCursor: null, maximumRowsRead: null },
  ]);
});

test("the whole language of filters", async () => {
  const { query, calls } = recorder();
  await query("tasks")
    .filter((q) =>
      q.or(
        q.lt(q.add(q.field("createdAt"), 1), q.sub(2, 1)),
        q.lte(q.mul(2, 3), q.div(4, 2)),
        q.gt(q.mod(5, 3), q.neg(1)),
        q.gte(1n, 2n),
      ),
    )
    .collect();
  const literal = (value: unknown) => ({ $literal: value });
  assert.deepEqual(calls[0]![1].operators, [
    {
      filter: {
        $or: [
          { $lt: [{ $add: [{ $field: "createdAt" }, literal(1)] }, { $sub: [literal(2), literal(1)] }] },
          { $lte: [{ $mul: [literal(2), literal(3)] }, { $div: [literal(4), literal(2)] }] },
          { $gt: [{ $mod: [literal(5), literal(3)] }, { $neg: literal(1) }] },
          { $gte: [literal(1n), literal(2n)] },
        ],
      },
    },
  ]);
});

test("a query keeps the values that it was given", async () => {
  const { query, calls } = recorder();
  const value = { tags: ["a"], extra: undefined };
  const filtered = query("projects").filter((q) => q.eq<never>(q.field("settings") as never, value as never));
  value.tags.push("b");
  await filtered.collect();
  assert.deepEqual(calls[0]![1].operators, [
    { filter: { $eq: [{ $field: "settings" }, { $literal: { tags: ["a"] } }] } },
  ]);
  assert.throws(() => query("tasks").withIndex("by_due_date", (q) => q.eq("dueDate", new Date(0) as never)), {
    message: 'Date "1970-01-01T00:00:00.000Z" is not a supported Convex type.',
    code: "InvalidValue",
  });
  assert.throws(() => query("tasks").filter((q) => q.eq(q.field("title"), { $field: "x" } as never)), {
    message: "Field name $field starts with a '$', which is reserved.",
  });
});

test("a query is used once", async () => {
  const { query } = recorder();
  const chained = "A query can only be chained once and can't be chained after iteration begins.";
  const closed = "This query is closed and can't emit any more values.";
  const reused = "This query has been chained with another operator and can't be reused.";

  const ordered = query("tasks").order("asc");
  const filtered = ordered.filter((q) => q.eq(1, 1));
  assert.throws(() => ordered.filter((q) => q.eq(1, 1)), { message: chained, code: "InvalidArgument" });
  await assert.rejects(ordered.take(1), { message: chained });
  await assert.rejects(ordered.first(), { message: chained });
  await assert.rejects(ordered.unique(), { message: chained });
  await assert.rejects(ordered.count(), { message: chained });
  await assert.rejects(ordered.paginate({ numItems: 1, cursor: null }), { message: chained });
  await assert.rejects(ordered.collect(), { message: reused });
  await filtered.collect();
  await assert.rejects(filtered.collect(), { message: closed });
  await assert.rejects(filtered.take(1), { message: chained });

  const iterated = query("tasks").order("asc");
  const iterator = iterated[Symbol.asyncIterator]();
  assert.throws(() => iterated[Symbol.asyncIterator](), { message: "Iteration can only begin on a query once." });
  assert.deepEqual(await iterator.next(), { done: false, value: rows[0] });
  await iterator.return!();
  assert.throws(() => iterated[Symbol.asyncIterator](), { message: closed });

  // The beginning of a query is no query yet: it may be used again.
  const tasks = query("tasks");
  await tasks.collect();
  await tasks.collect();
});

test("iteration stops reading when the loop is left", async () => {
  const { query, returned } = recorder();
  const seen: string[] = [];
  for await (const row of query("tasks")) seen.push(row._id);
  assert.deepEqual(seen, ["1", "2", "3"]);
  assert.equal(returned(), 0);
  for await (const row of query("tasks").order("desc")) {
    seen.push(row._id);
    break;
  }
  assert.equal(returned(), 1);
});

test("wrong arguments", async () => {
  const { query, calls } = recorder();
  type Untyped = Record<string, (...args: unknown[]) => Promise<unknown>>;
  const untyped = () => query("tasks") as unknown as Untyped;
  const chain = (step: unknown) => step as Untyped;
  const invalid = (message: string) => ({ name: "HoldfastError", code: "InvalidArgument", message });
  for (const bad of [-1, 1.5, NaN, "1", null]) {
    await assert.rejects(untyped()["take"]!(bad), invalid("Arg 1 `n` to `take` must be a non-negative integer"));
  }
  await assert.rejects(untyped()["take"]!(), invalid("Must provide arg 1 `n` to `take`"));
  await assert.rejects(untyped()["paginate"]!(), invalid("Must provide arg 1 `options` to `paginate`"));
  for (const bad of [-1, NaN, "x", undefined]) {
    await assert.rejects(
      untyped()["paginate"]!({ numItems: bad, cursor: null }),
      invalid(`\`options.numItems\` must be a positive number. Received \`${String(bad)}\`.`),
    );
  }
  await assert.rejects(
    untyped()["paginate"]!({ numItems: 0, cursor: null }),
    invalid("Must request at least 1 document while paginating"),
  );
  assert.throws(() => untyped()["order"]!(), invalid("Must provide arg 1 `order` to `order`"));
  assert.throws(() => untyped()["order"]!("up"), invalid('`order` must be "asc" or "desc".'));
  assert.throws(
    () => chain(untyped()["order"]!("asc"))["order"]!("asc"),
    invalid("Queries may only specify order at most once"),
  );
  assert.throws(() => untyped()["filter"]!(), invalid("Must provide arg 1 `predicate` to `filter`"));
  assert.throws(() => untyped()["withIndex"]!(), invalid("Must provide arg 1 `indexName` to `withIndex`"));
  assert.throws(
    () => queryTable(undefined as never, undefined as never),
    invalid("Must provide arg 1 `tableName` to `query`"),
  );
  assert.throws(() => untyped()["withIndex"]!("by_project", () => undefined), { code: "InvalidIndexRange" });
  assert.throws(
    () => {
      query("tasks").withIndex("by_project", (q) => {
        q.eq("projectId", projectId);
        return q;
      });
    },
    {
      code: "InvalidIndexRange",
      message:
        "IndexRangeBuilder has already been used! Chain your method calls like `q => q.eq(...).eq(...)`. See https://docs.convex.dev/using/indexes",
    },
  );
  assert.throws(() => untyped()["filter"]!(() => undefined), {
    code: "InvalidFilter",
    message: /must return an expression/,
  });
  assert.throws(() => untyped()["withSearchIndex"]!("by_text", () => undefined), {
    code: "NotSupported",
    message: /^`withSearchIndex` needs a Convex server: /,
  });
  let many = chain(untyped()["fullTableScan"]!());
  for (let count = 0; count < 256; count += 1) many = chain(many["filter"]!(() => true));
  assert.throws(() => many["filter"]!(() => true), invalid("Can't construct query with more than 256 operators"));
  assert.equal(calls.length, 0, "nothing was asked of the executor");
});

test("unique names two of the results", async () => {
  const { query } = recorder();
  await assert.rejects(query("tasks").withIndex("by_project").unique(), (error) => {
    assert.ok(error instanceof HoldfastError);
    assert.equal(error.code, "NotUnique");
    assert.equal(error.message, "unique() query returned more than one result from table tasks:\n [1, 2, ...]");
    return true;
  });
  assert.equal(uniqueOf({ source: { type: "FullTableScan", tableName: "t", order: "asc" }, operators: [] }, []), null);
});
