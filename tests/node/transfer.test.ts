// Files in and out: snapshots as Convex's, JSON lines, JSON, CSV; and what is kept on the way.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defineSchema, defineTable, openDatabase, type Value, v } from "../../ts/index.js";
import { tableNumberOf, withTableNumber } from "../../ts/transfer/ids.js";
import { freshName } from "../fixtures/database.js";
import { filled, opened, refused, rowsOf, schema, tasksOf, unzipped, usersOf, zipped } from "../fixtures/transfer.js";

test("a snapshot brings back what it was made of, ids and times too", async (t) => {
  const from = await filled(t);
  const heard: number[] = [];
  const blob = await from.export({ onProgress: ({ rows, total }) => heard.push(rows / total) });
  assert.equal(heard.at(-1), 1);
  const files = await unzipped(blob);
  assert.deepEqual(Object.keys(files).sort(), [
    "README.md",
    "_tables/documents.jsonl",
    "tasks/documents.jsonl",
    "tasks/generated_schema.jsonl",
    "users/documents.jsonl",
    "users/generated_schema.jsonl",
  ]);
  assert.equal(files["users/generated_schema.jsonl"], '"uniform"\n');
  const [ada] = files["users/documents.jsonl"]!.split("\n");
  assert.match(ada!, /"big":4611686018427387904,"bytes":\{"\$bytes":"AP8="\},"half":0\.5,"whole":3\.0/);

  const to = await opened(t);
  const progress: number[] = [];
  const report = await to.import(blob, { onProgress: ({ done }) => progress.push(done) });
  assert.deepEqual(report, { tables: { users: 2, tasks: 2 }, rows: 4, skipped: [] });
  assert.equal(progress.at(-1), 1);
  for (const table of ["users", "tasks"] as const) {
    assert.deepEqual(await rowsOf(to, table), await rowsOf(from, table), table);
  }
  assert.deepEqual((await to.verify()).problems, []);
  const [task] = await rowsOf(to, "tasks");
  assert.equal(((await to.get((task as { userId: never }).userId)) as { name: string } | null)?.name, "Ada");
});

test("a snapshot of Convex keeps the numbers in its ids, and what refers to them", async (t) => {
  const db = await opened(t);
  const own = db.newId("users");
  const user = withTableNumber(own, 10_003);
  assert.equal(tableNumberOf(user), 10_003);
  const blob = await zipped({
    "snapshot/_tables/documents.jsonl":
      '{"name":"users","id":10003}\n{"name":"tasks","id":10004}\n{"name":"_x","id":1}\n',
    "snapshot/users/documents.jsonl": `{"_creationTime":1700000000000.5,"_id":"${user}","name":"Ada"}\n`,
    "snapshot/tasks/documents.jsonl": `{"_creationTime":1700000000001.0,"_id":"${withTableNumber(own, 10_004)}","title":"t","userId":"${user}"}\n`,
    "snapshot/_storage/documents.jsonl": "",
    "snapshot/_components/c/t/documents.jsonl": "{}\n",
  });
  const report = await db.import(blob);
  assert.deepEqual([...report.skipped].sort(), ["_components", "_storage"]);
  const [ada] = await usersOf(db);
  assert.equal(ada!._id, user);
  assert.equal(ada!._creationTime, 1700000000000.5);
  const found = await db
    .query("tasks")
    .withIndex("by_user", (q) => q.eq("userId", ada!._id))
    .collect();
  assert.equal(found.length, 1);
  // Ids that the table gave before are its ids still; new ones are like those that came.
  assert.equal(db.normalizeId("users", own), own);
  assert.equal(tableNumberOf(await db.insert("users", { name: "Bob" })), 10_003);
  assert.equal(tableNumberOf((await unzipped(await db.export()))["users/documents.jsonl"]!.split('"')[5]!), 10_003);
});

test("what an older snapshot writes as strings becomes what it was", async (t) => {
  const db = await opened(t);
  const [id, other] = [db.newId("users"), db.newId("users")];
  const row = (id: string, data: string) => `{"_creationTime":1.0,"_id":"${id}","data":${data},"name":"x"}\n`;
  const shape =
    '{"_creationTime": normalfloat64, "_id": id<1>, "data": {"b": bytes, "i": int64, "f": inf | normalfloat64, ' +
    '"l": array<int64 | null>, "m"?: int64 | string, "r": record<field_name, bytes>} | array<float64>, "name": "x"}';
  await db.import(
    await zipped({
      "users/documents.jsonl":
        row(id, '{"b":"AP8=","i":"9007199254740993","f":"-Infinity","l":["1",null],"m":"7","r":{"k":"AA=="}}') +
        row(other, '[1.5,"NaN"]'),
      "users/generated_schema.jsonl": `${JSON.stringify(shape)}\n${JSON.stringify({
        [other]: { data: ["infer", { $float64NaN: "AAAAAAAA+H8=" }] },
      })}\n`,
    }),
  );
  const bytes = (...values: number[]) => new Uint8Array(values).buffer;
  assert.deepEqual(
    (await usersOf(db)).map((user) => user.data as unknown).sort((a) => (Array.isArray(a) ? 1 : -1)),
    [{ b: bytes(0, 255), i: 9007199254740993n, f: -Infinity, l: [1n, null], m: "7", r: { k: bytes(0) } }, [1.5, NaN]],
  );
});

test("a table that has documents is refused, replaced, or added to", async (t) => {
  const from = await filled(t);
  const blob = await from.export();
  const db = await opened(t);
  const kept = await db.insert("users", { name: "Carol" });
  const error = await refused(db.import(blob));
  assert.equal(error.code, "InvalidImport");
  assert.equal(
    error.message,
    "Hit an error while importing:\nTable users already exists. Please choose a new table name or use replace/append modes.",
  );
  assert.equal((await rowsOf(db, "users")).length, 1);
  await db.import(blob, { mode: "append" });
  assert.deepEqual((await usersOf(db)).map(({ name }) => name).sort(), ["Ada", "Bob", "Carol"]);
  assert.equal((await refused(db.import(blob, { mode: "append" }))).code, "DuplicateId");
  await db.import(blob, { mode: "replace", tables: ["users"] });
  assert.deepEqual(
    (await usersOf(db)).map(({ name }) => name),
    ["Ada", "Bob"],
  );
  assert.equal((await rowsOf(db, "tasks")).length, 2, "it was not named");
  assert.equal(await db.get(kept), null);
  const both = db.import(blob, { mode: "replaceAll", tables: ["users"] });
  assert.equal((await refused(both)).code, "InvalidArgument");
  assert.equal((await refused(db.import(blob, { tables: [] }))).code, "InvalidArgument");
  await db.import("[]", { table: "users", mode: "replaceAll" });
  assert.deepEqual([await rowsOf(db, "users"), await rowsOf(db, "tasks")], [[], []]);
  assert.deepEqual((await db.verify()).problems, []);
});

test("ids that are added have the number of the table that they come to", async (t) => {
  const db = await opened(t);
  await db.insert("users", { name: "Carol" });
  const user = withTableNumber(db.newId("users"), 10_003);
  const lines = [{ _id: user, name: "Ada", data: { friend: user, list: [user, "no id"] } }];
  await db.import(lines.map((line) => JSON.stringify(line)).join("\n"), {
    table: "users",
    format: "jsonl",
    mode: "append",
  });
  const [, ada] = await usersOf(db);
  assert.equal(tableNumberOf(ada!._id), tableNumberOf(db.newId("users")));
  assert.deepEqual(ada!.data, { friend: ada!._id, list: [ada!._id, "no id"] });
});

test("rows of one table: JSON lines, a JSON array and CSV", async (t) => {
  const from = await filled(t);
  for (const format of ["jsonl", "json"] as const) {
    const text = await (await from.export({ format, table: "users" })).text();
    const to = await opened(t);
    await to.import(text, { table: "users", format });
    assert.deepEqual(await rowsOf(to, "users"), await rowsOf(from, "users"), format);
  }
  const csv = await (await from.export({ format: "csv", table: "tasks" })).text();
  const [header, first, second] = csv.split("\n");
  assert.equal(header, "_id,_creationTime,n,title,userId");
  assert.match(first!, /^\w{34},[\d.]+,1,a,\w{34}$/);
  assert.match(second!, /,,"b, ""quoted""",/);

  const db = await openDatabase({
    name: freshName(),
    schema: defineSchema({ t: defineTable(v.any()) }),
    storage: "memory",
  });
  t.after(() => db.destroy());
  await db.import('a, b ,c\r\n007,5",1e5\n-.5,"two\r\nlines, ""quoted""",NaN\n,inf,\r\n', {
    table: "t",
    format: "csv",
  });
  assert.deepEqual(
    (await db.query("t").collect()).map(({ a, b, c }) => [a, b, c] as unknown),
    [
      [7, '5"', 100_000],
      [-0.5, 'two\r\nlines, "quoted"', null],
      ["", null, ""],
    ],
  );
});

test("many rows go in batches, and one import at a time", async (t) => {
  const db = await opened(t);
  const lines = Array.from({ length: 12_000 }, (_, n) => `{"name":"user ${n}"}`).join("\n");
  let importing!: Promise<{ rows: number }>;
  await new Promise<void>((resolve) => {
    importing = db.import(lines, { table: "users", format: "jsonl", onProgress: () => resolve() });
  });
  const second = await refused(db.import("[]", { table: "tasks", format: "json" }));
  assert.match(second.message, /under way/);
  assert.equal(second.retryable, true);
  assert.equal((await importing).rows, 12_000);
  assert.equal(await db.query("users").count(), 12_000);
  assert.equal(
    (
      await db
        .query("users")
        .withIndex("by_name", (q) => q.eq("name", "user 7777"))
        .collect()
    ).length,
    1,
  );
});

test("any documents come back as they were, in every form that can hold them", async (t) => {
  const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(null),
      fc.boolean(),
      fc.double(),
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.string({ unit: "binary" }),
      fc.uint8Array({ maxLength: 9 }).map((bytes) => bytes.slice().buffer),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9 ._-]{0,5}$/), tie("value"), { maxKeys: 4 }),
    ),
  })).value;
  const any = defineSchema({ docs: defineTable(v.any()) });
  await fc.assert(
    fc.asyncProperty(fc.array(values, { maxLength: 6 }), async (data) => {
      const from = await openDatabase({ name: freshName(), schema: any, storage: "memory" });
      const to = await openDatabase({ name: freshName(), schema: any, storage: "memory" });
      t.after(() => Promise.all([from.destroy(), to.destroy()]));
      await from.insertMany(
        "docs",
        data.map((value) => ({ value })),
      );
      const rows = await from.query("docs").collect();
      for (const format of ["zip", "jsonl", "json"] as const) {
        const table = format === "zip" ? {} : { table: "docs" };
        const blob = await from.export({ format, ...table });
        await to.import(blob, { format, mode: "replace", ...table });
        assert.deepEqual(await to.query("docs").collect(), rows, format);
      }
    }),
    { numRuns: 60 },
  );
});

test("ids are read and written as Convex does", () => {
  assert.equal(tableNumberOf("z43zp6c3e75gkmz1kfwj6mbbx5sw281h"), 1017);
  assert.equal(withTableNumber("z43zp6c3e75gkmz1kfwj6mbbx5sw281h", 1017), "z43zp6c3e75gkmz1kfwj6mbbx5sw281h");
  for (const number of [1, 127, 128, 16_383, 16_384, 2_097_151, 2 ** 32 - 1]) {
    const id = withTableNumber("z43zp6c3e75gkmz1kfwj6mbbx5sw281h", number);
    assert.equal(tableNumberOf(id), number);
    assert.equal(withTableNumber(id, 1017), "z43zp6c3e75gkmz1kfwj6mbbx5sw281h");
  }
  for (const text of ["", "x", "z43zp6c3e75gkmz1kfwj6mbbx5sw281", "z43zp6c3e75gkmz1kfwj6mbbx5sw281j", "0".repeat(32)]) {
    assert.equal(tableNumberOf(text), undefined, text);
    assert.equal(withTableNumber(text, 5), text);
  }
});

test("what is read in one state stays as it was there while an import takes its place", async (t) => {
  const db = await openDatabase({
    name: freshName(),
    schema,
    storage: "memory",
    budgets: { pageCacheBytes: 1 << 18, overlayBytes: 1 << 18 },
    tuning: { checkpointLogBytes: 1 << 16, idleMs: 20 },
  });
  t.after(() => db.destroy());
  const old = await db.insert("users", { name: "old" });
  await db.insertMany(
    "tasks",
    Array.from({ length: 5_000 }, (_, n) => ({ title: "x".repeat(50), userId: old, n })),
  );
  const other = await opened(t);
  await other.insert("users", { name: "new" });
  const file = await zipped({
    "_tables/documents.jsonl": '{"name":"users","id":10003}',
    "users/documents.jsonl": `{"_id":"${withTableNumber(db.newId("users"), 10_003)}","name":"new"}`,
  });
  await db.read(async (ctx) => {
    const before = await ctx.db.query("users").collect();
    await db.import(file, { mode: "replace" });
    // Until what was there is deleted.
    while ((await db.verify()).rows > 5_001 || db.stats().indexWork.length > 0)
      await new Promise((r) => setTimeout(r, 5));
    assert.deepEqual(await ctx.db.query("users").collect(), before);
    assert.deepEqual(await ctx.db.get(old), before[0]);
    assert.equal(before[0]!._id, old);
  });
  assert.deepEqual(
    (await usersOf(db)).map(({ name }) => name),
    ["new"],
  );
  // An export that an import overtakes is of what was there when it began.
  let importing: Promise<unknown> | undefined;
  const second = file.slice();
  const overtake = () => {
    importing ??= db.import(second, { mode: "replace" });
  };
  const blob = await db.export({ onProgress: overtake });
  await importing;
  const copy = await opened(t);
  await copy.import(blob);
  assert.equal((await usersOf(copy)).length, 1);
  assert.deepEqual((await db.verify()).problems, []);
});

test("snapshots of deployments that number their tables otherwise come one after the other", async (t) => {
  const snapshot = async (users: number, tasks: number) => {
    const db = await openDatabase({ name: freshName(), schema, storage: "memory", tableNumbers: { users, tasks } });
    t.after(() => db.destroy());
    const userId = await db.insert("users", { name: `of ${users}` });
    await db.insert("tasks", { title: "t", userId });
    return db.export();
  };
  const db = await opened(t);
  for (const [users, tasks] of [
    [10_001, 10_002],
    [10_002, 10_001],
    [10_002, 10_003],
    [10_001, 10_002],
  ] as const) {
    await db.import(await snapshot(users, tasks), { mode: "replaceAll" });
    const [user, ...others] = await usersOf(db);
    assert.deepEqual([user!.name, others], [`of ${users}`, []]);
    const found = await db
      .query("tasks")
      .withIndex("by_user", (q) => q.eq("userId", user!._id))
      .collect();
    assert.equal(found.length, 1, "it refers to its user");
    assert.deepEqual((await db.verify()).problems, []);
    // What is exported can be imported anywhere.
    const copy = await opened(t);
    await copy.import(await db.export());
    assert.equal((await copy.get((await tasksOf(copy))[0]!.userId))?.name, `of ${users}`);
  }
});

test("an export knows ids by their tables, whatever number they were written with", async (t) => {
  const db = await opened(t);
  const user = await db.insert("users", { name: "Ada" });
  await db.insert("tasks", { title: "t", userId: user });
  const users = await zipped({
    "_tables/documents.jsonl": '{"name":"users","id":10003}',
    "users/documents.jsonl": `{"_id":"${withTableNumber(user, 10_003)}","name":"Ada"}`,
  });
  await db.import(users, { mode: "replace" });
  const copy = await opened(t);
  await copy.import(await db.export());
  const [task] = await tasksOf(copy);
  assert.equal((await usersOf(copy))[0]!._id, task!.userId);
});
