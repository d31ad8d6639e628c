// What an import does with tables, ids and batches: some tables of a file, what others write meanwhile, what is left behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tableNumberOf, withTableNumber } from "../../ts/transfer/ids.js";
import { opened, refused, rowsOf, tasksOf, usersOf, zipped } from "../fixtures/transfer.js";

const json = (...rows: object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

test("of a snapshot with other numbers, tables come one by one, in any order, and still refer to each other", async (t) => {
  for (const users of ["new", "tasks'"]) {
    const db = await opened(t);
    const own = db.newId("users");
    // Another deployment's, or that of another table here.
    const number = users === "new" ? 10_100 : tableNumberOf(db.newId("tasks"))!;
    const user = withTableNumber(own, number);
    const task = withTableNumber(own, 10_101);
    const snapshot = await zipped({
      "_tables/documents.jsonl": json({ name: "users", id: number }, { name: "tasks", id: 10_101 }),
      "users/documents.jsonl": json({ _id: user, name: "Ada" }),
      "tasks/documents.jsonl": json({ _id: task, title: "t", userId: user }),
    });
    await db.import(snapshot, { tables: ["tasks"] });
    const [found] = await tasksOf(db);
    assert.equal(found!.userId, own, users);
    await db.import(snapshot, { tables: ["users"] });
    assert.equal((await db.get(found!.userId))?.name, "Ada", users);
    const [ada] = await usersOf(db);
    assert.equal(ada!.name, "Ada");
    assert.deepEqual((await db.verify()).problems, []);
  }
});

test("a row that somebody adds while a table without documents is imported stays, and the import fails", async (t) => {
  const db = await opened(t);
  let adding: Promise<unknown> | undefined;
  const onProgress = () => {
    adding ??= db.insert("users", { name: "meanwhile" });
  };
  const importing = db.import(json({ name: "a" }).repeat(6_000), { table: "users", format: "jsonl", onProgress });
  const error = await refused(importing);
  assert.match(error.message, /Table users already exists/);
  await adding;
  assert.deepEqual(
    (await usersOf(db)).map(({ name }) => name),
    ["meanwhile"],
  );
});

test("what an import has written that failed is deleted at once, by itself", async (t) => {
  const db = await opened(t);
  await db.insert("users", { name: "kept" });
  const rows = json({ name: "a" }).repeat(6_000);
  const error = await refused(db.import(`${rows}7`, { table: "users", format: "jsonl", mode: "replace" }));
  assert.equal(error.details["row"], 6_001);
  for (let tries = 0; (await db.verify()).rows !== 1; tries += 1) {
    assert.ok(tries < 200, "rows of the import are still there");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

test("rows are saved in batches of no more than 4,000 rows or a few megabytes", async (t) => {
  const db = await opened(t);
  const heard = new Map<number, { inserted: number; bytes: number }>();
  const onProgress = () => {
    for (const commit of db.stats().recentCommits) heard.set(commit.sequence, commit);
  };
  const options = { table: "users", format: "jsonl", mode: "append", onProgress } as const;
  await db.import(json({ name: "a" }).repeat(9_000), options);
  await db.import(json({ name: "a", data: "x".repeat(100_000) }).repeat(60), options);
  await db.import(json({ name: "a" }), options);
  const sizes = [...heard.values()].filter(({ inserted }) => inserted > 0);
  assert.ok(sizes.length >= 5, JSON.stringify(sizes));
  for (const { inserted, bytes } of sizes) assert.ok(inserted <= 4_000 && bytes < 3 << 20, `${inserted}, ${bytes}`);
});

test("the names of a record's fields are ids like others when their table has another number", async (t) => {
  const db = await opened(t);
  const own = db.newId("users");
  await db.insert("users", { name: "here" });
  const user = withTableNumber(own, 10_003);
  const row = json({ _id: user, name: "Ada", data: { [user]: { [user]: [user] }, other: 1 } });
  await db.import(row, { table: "users", format: "jsonl", mode: "append" });
  const [, ada] = await usersOf(db);
  assert.deepEqual(ada!.data, { [ada!._id]: { [ada!._id]: [ada!._id] }, other: 1 });
});

test("rows without ids may come before one that tells the number of its table", async (t) => {
  const db = await opened(t);
  const user = withTableNumber(db.newId("users"), 10_003);
  const rows = json({ name: "a" }, { name: "b" }, { _id: user, name: "Ada" });
  await db.import(rows, { table: "users", format: "jsonl" });
  const found = await usersOf(db);
  assert.equal(found.find(({ name }) => name === "Ada")!._id, user);
  assert.deepEqual(new Set(found.map(({ _id }) => tableNumberOf(_id))), new Set([10_003]));
});

test("overrides of an older snapshot say of single strings what they were", async (t) => {
  const db = await opened(t);
  const [one, two] = [db.newId("users"), db.newId("users")];
  const data = { i: "7", f: "-Infinity", b: "AP8=", l: ["1", "s"], s: "7" };
  await db.import(
    await zipped({
      "users/documents.jsonl": json({ _id: one, name: "one", data }, { _id: two, name: "two", data }),
      "users/generated_schema.jsonl": json(
        ('{"_id": string, "name": string, "data": {"i": string | int64, "f": string | inf, "b": string | bytes, ' +
          '"l": array<string | int64>, "s": string}}') as never,
        { [one]: { data: { i: "int64", f: "float64inf", b: "bytes", l: ["int64", "infer"], s: "infer" } } },
      ),
    }),
  );
  const found = new Map((await usersOf(db)).map((user) => [user.name, user.data as unknown]));
  const bytes = new Uint8Array([0, 255]).buffer;
  assert.deepEqual(found.get("one"), { i: 7n, f: -Infinity, b: bytes, l: [1n, "s"], s: "7" });
  assert.deepEqual(found.get("two"), data);
});

test("a doubled quote before a line break inside quotes does not end a cell of CSV", async (t) => {
  const db = await opened(t);
  const text = 'name,data\n"say ""hi\nthere""","x"\n"""\n""","y"\n"a""",z\n';
  await db.import(text, { table: "users", format: "csv" });
  assert.deepEqual(
    ((await rowsOf(db, "users")) as { name: string; data: string }[]).map(({ name, data }) => [name, data]),
    [
      ['say "hi\nthere"', "x"],
      ['"\n"', "y"],
      ['a"', "z"],
    ],
  );
});
