// The client over the store in memory: documents, queries, pages, identity.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { codeOf, freshName, open, seed } from "../fixtures/database.js";

test("a document goes in, changes and goes away", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const before = Date.now();
  const id = await db.insert("tasks", task("write", { description: 'line\nbreak "quoted" é 😀' }));
  const document = await db.get(id);
  assert.equal(document?._id, id);
  assert.ok(document._creationTime >= before && document._creationTime < before + 60_000);
  assert.equal(document.description, 'line\nbreak "quoted" é 😀');
  await db.patch(id, { status: "done", description: undefined });
  assert.deepEqual(await db.get("tasks", id), {
    ...task("write", { status: "done" }),
    _id: id,
    _creationTime: document._creationTime,
  });
  await db.patch("tasks", id, { title: "read" });
  assert.equal((await db.get(id))?.title, "read");
  await db.replace(id, task("again", { dueDate: 3 }));
  assert.deepEqual(await db.get(id), {
    ...task("again", { dueDate: 3 }),
    _id: id,
    _creationTime: document._creationTime,
  });
  await db.delete(id);
  assert.equal(await db.get(id), null);
  assert.equal(await db.query("tasks").count(), 0);
  assert.equal(await codeOf(db.delete(id)), "NonexistentDocument");
});

test("a document may be replaced by itself, but not by another's id or time", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const [one, two] = await db.insertMany("tasks", [task("one"), task("two")]);
  const document = (await db.get(one!))!;
  await db.replace(one!, { ...document, title: "uno" });
  assert.equal((await db.get(one!))?.title, "uno");
  assert.equal(await codeOf(db.replace(two!, document)), "InvalidArgument");
  assert.equal(await codeOf(db.replace(one!, { ...document, _creationTime: 1 })), "InvalidArgument");
  assert.equal(await codeOf(db.insert("tasks", { ...task("x"), _creationTime: 1 } as never)), "InvalidArgument");
});

test("every kind of value comes back as it was", async (t) => {
  const anything = defineSchema({ things: defineTable({ value: v.any() }).index("by_value", ["value"]) });
  const db = await openDatabase({ name: freshName(), schema: anything });
  t.after(() => db.close());
  const values = [
    null,
    -5n,
    2n ** 63n - 1n,
    -Infinity,
    -1.5,
    -0,
    0,
    5e-324,
    0.1,
    2 ** 53,
    1e300,
    Infinity,
    NaN,
    false,
    true,
    "",
    "a\u0000b",
    "\u2028",
    "😀",
    new Uint8Array([0, 255]).buffer,
    [],
    [1n, [null]],
    {},
    { a: { b: -0 } },
    { "a b": "$" },
  ];
  const ids = await db.insertMany(
    "things",
    values.map((value) => ({ value })),
  );
  for (const [index, id] of ids.entries()) assert.deepEqual((await db.get(id))?.value, values[index], `value ${index}`);
  await db.mutate(async ({ db }) => {
    for (const [index, id] of ids.entries()) assert.deepEqual((await db.get(id))?.value, values[index]);
  });
  // -0 and 0 sort next to each other but are different keys.
  const minusZero = await db
    .query("things")
    .withIndex("by_value", (q) => q.eq("value", -0))
    .collect();
  assert.equal(minusZero.length, 1);
  assert.ok(Object.is(minusZero[0]!.value, -0));
});

test("queries read ranges of indexes in order", async (t) => {
  const db = await open(t);
  const { project, user, task } = await seed(db);
  await db.insertMany(
    "tasks",
    Array.from({ length: 30 }, (_, n) =>
      task(`t${n}`, {
        dueDate: n,
        createdAt: n,
        status: n % 3 === 0 ? "done" : "todo",
        ...(n % 2 ? { assigneeId: user } : {}),
      }),
    ),
  );
  const titles = (rows: { title: string }[]) => rows.map((row) => row.title).join(" ");
  const tasks = () => db.query("tasks");
  assert.equal((await tasks().collect()).length, 30);
  assert.equal(titles(await tasks().order("desc").take(2)), "t29 t28");
  assert.equal((await tasks().first())?.title, "t0");
  assert.equal(await tasks().count(), 30);
  assert.equal(
    await tasks()
      .withIndex("by_project", (q) => q.eq("projectId", project))
      .count(),
    30,
  );
  assert.equal(
    (
      await tasks()
        .withIndex("by_status", (q) => q.eq("status", "done"))
        .collect()
    ).length,
    10,
  );
  assert.equal(
    await tasks()
      .withIndex("by_status", (q) => q.eq("status", "done"))
      .count(),
    10,
  );
  assert.equal(
    await tasks()
      .withIndex("by_assignee", (q) => q.eq("assigneeId", undefined))
      .count(),
    15,
  );
  assert.equal(
    titles(
      await tasks()
        .withIndex("by_due_date", (q) => q.gt("dueDate", 3).lte("dueDate", 6))
        .collect(),
    ),
    "t4 t5 t6",
  );
  assert.equal(
    titles(
      await tasks()
        .filter((q) => q.gt(q.field("createdAt"), 27))
        .collect(),
    ),
    "t28 t29",
  );
  assert.equal(
    await tasks()
      .filter((q) => q.gt(q.field("createdAt"), 27))
      .count(),
    2,
  );
  assert.equal(
    (
      await tasks()
        .filter((q) => q.eq(q.field("title"), "t7"))
        .unique()
    )?.dueDate,
    7,
  );
  assert.equal(await codeOf(tasks().unique()), "NotUnique");
  const iterated: string[] = [];
  for await (const row of tasks()) {
    iterated.push(row.title);
    if (iterated.length === 3) break;
  }
  assert.equal(iterated.join(" "), "t0 t1 t2");
});

test("pages follow each other without gaps while the table changes", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const ids = await db.insertMany(
    "tasks",
    Array.from({ length: 25 }, (_, n) => task(`t${n}`, { dueDate: n })),
  );
  const query = () => db.query("tasks").withIndex("by_due_date");
  const first = await query().paginate({ numItems: 10, cursor: null });
  assert.deepEqual(
    first.page.map((row) => row.dueDate),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(first.isDone, false);
  await db.delete(ids[9]!);
  await db.insert("tasks", task("between", { dueDate: 9.5 }));
  const second = await query().paginate({ numItems: 10, cursor: first.continueCursor });
  assert.deepEqual(
    second.page.map((row) => row.dueDate),
    [9.5, 10, 11, 12, 13, 14, 15, 16, 17, 18],
  );
  const third = await query().paginate({ numItems: 10, cursor: second.continueCursor });
  assert.deepEqual(
    third.page.map((row) => row.dueDate),
    [19, 20, 21, 22, 23, 24],
  );
  assert.equal(third.isDone, true);
  const after = await query().paginate({ numItems: 10, cursor: third.continueCursor });
  assert.deepEqual([after.page, after.isDone], [[], true]);
  const again = await query().paginate({ numItems: 1, cursor: null, endCursor: first.continueCursor });
  assert.deepEqual(
    again.page.map((row) => row.dueDate),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.equal(again.continueCursor, first.continueCursor);
  const other = db.query("tasks").paginate({ numItems: 10, cursor: first.continueCursor });
  assert.equal(await codeOf(other), "InvalidCursor");
  assert.equal(await codeOf(query().paginate({ numItems: 10, cursor: "nonsense" })), "InvalidCursor");
  const backwards = await query().order("desc").paginate({ numItems: 3, cursor: null });
  assert.deepEqual(
    backwards.page.map((row) => row.dueDate),
    [24, 23, 22],
  );
});

test("a page ends when as many documents were read as may be, whether they match or not", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  await db.insertMany(
    "tasks",
    Array.from({ length: 1_000 }, (_, n) => task(`t${n}`, { createdAt: n })),
  );
  const hundreds = () => db.query("tasks").filter((q) => q.eq(q.mod(q.field("createdAt"), 100), 99));
  const pages: number[][] = [];
  for (let cursor: string | null = null, isDone = false; !isDone;) {
    const result: Awaited<ReturnType<ReturnType<typeof hundreds>["paginate"]>> = await hundreds().paginate({
      numItems: 3,
      cursor,
      maximumRowsRead: 250,
    });
    pages.push(result.page.map((row) => row.createdAt));
    const isCut: boolean = result.page.length < 3 && !result.isDone;
    assert.equal(result.pageStatus === "SplitRequired", isCut);
    ({ continueCursor: cursor, isDone } = result);
  }
  assert.deepEqual(pages.flat(), [99, 199, 299, 399, 499, 599, 699, 799, 899, 999]);
  assert.ok(pages.every((page) => page.length <= 3));
  // A page whose end is given goes on to that: the next one begins there.
  const fifty = await db.query("tasks").paginate({ numItems: 50, cursor: null });
  for (const [maximumRowsRead, status] of [
    [10, "SplitRecommended"],
    [66, "SplitRecommended"],
    [67, null],
    [2 ** 32, null],
  ] as const) {
    const again = await db
      .query("tasks")
      .paginate({ numItems: 1, cursor: null, endCursor: fifty.continueCursor, maximumRowsRead });
    assert.deepEqual([again.page.length, again.isDone, again.pageStatus], [50, false, status]);
    assert.equal(again.continueCursor, fifty.continueCursor);
  }
  // One that has to be cut says where, if none of what was read is in it, too.
  const none = () => db.query("tasks").filter((q) => q.eq(q.field("createdAt"), 999));
  const cut = await none().paginate({ numItems: 5, cursor: null, maximumRowsRead: 40 });
  assert.deepEqual([cut.page.length, cut.isDone, cut.pageStatus], [0, false, "SplitRequired"]);
  const half = await db
    .query("tasks")
    .paginate({ numItems: 999, cursor: null, endCursor: (await unfiltered()).splitCursor! });
  assert.equal(half.page.length, 20);
  const halves = [
    await none().paginate({ numItems: 5, cursor: null, endCursor: cut.splitCursor! }),
    await none().paginate({ numItems: 5, cursor: cut.splitCursor!, endCursor: cut.continueCursor }),
  ];
  assert.deepEqual(
    halves.map((each) => [each.page.length, each.isDone, each.continueCursor]),
    [
      [0, false, cut.splitCursor],
      [0, false, cut.continueCursor],
    ],
  );
  function unfiltered() {
    return db.query("tasks").paginate({ numItems: 40, cursor: null });
  }
  const exact = await db.query("tasks").paginate({ numItems: 10, cursor: null, maximumRowsRead: 10 });
  assert.deepEqual([exact.page.length, exact.isDone, exact.pageStatus], [10, false, "SplitRecommended"]);
  const some = await db.query("tasks").paginate({ numItems: 7, cursor: null, maximumRowsRead: 10 });
  assert.deepEqual([some.page.length, some.pageStatus], [7, null]);
});

test("an unchanged document is the same frozen object, a changed one another", async (t) => {
  const db = await open(t);
  const { project, task } = await seed(db);
  const [one, two] = await db.insertMany("tasks", [task("one"), task("two")]);
  const rows = await db.query("tasks").collect();
  assert.equal(await db.get(one!), rows[0]);
  assert.equal(
    (
      await db
        .query("tasks")
        .withIndex("by_status", (q) => q.eq("status", "todo"))
        .collect()
    )[1],
    rows[1],
  );
  assert.ok(Object.isFrozen(rows[0]));
  const parent = (await db.get(project))!;
  assert.ok(Object.isFrozen(parent.settings.tags));
  await db.patch(two!, { title: "2" });
  const later = await db.query("tasks").collect();
  assert.equal(later[0], rows[0]);
  assert.notEqual(later[1], rows[1]);
  assert.equal(rows[1]!.title, "two");
  assert.equal(later[1]!.title, "2");
  // A write that changes nothing is none.
  await db.patch(two!, { title: "2" });
  assert.equal((await db.query("tasks").collect())[1], later[1]);
  // What a failed mutation has shown is taken back.
  await assert.rejects(
    db.mutate(async ({ db }) => {
      await db.patch(one!, { title: "1" });
      throw new Error("no");
    }),
    /no/,
  );
  assert.equal((await db.get(one!))!.title, "one");
});

test("a function gets documents of its own, which it may change", async (t) => {
  const db = await open(t);
  const { project } = await seed(db);
  const kept = await db.get(project);
  await db.mutate(async (ctx) => {
    const document = (await ctx.db.get(project))!;
    assert.notEqual(document, kept);
    document.settings.tags.push("c");
    document.name = "Motor";
    await ctx.db.replace(project, document);
  });
  assert.deepEqual((await db.get(project))?.settings.tags, ["a", "b", "c"]);
  assert.deepEqual(kept?.settings.tags, ["a", "b"]);
  await db.read(async (ctx) => {
    const document = (await ctx.db.query("projects").first())!;
    document.name = "only here";
  });
  assert.equal((await db.get(project))?.name, "Motor");
});

test("ids are made ahead, belong to tables and are taken once", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const id = db.newId("tasks");
  assert.equal(await db.get(id), null);
  assert.equal(db.normalizeId("tasks", id), id);
  assert.equal(db.normalizeId("users", id), null);
  assert.equal(db.normalizeId("tasks", "nonsense"), null);
  assert.equal(await db.insert("tasks", { ...task("mine"), _id: id }), id);
  assert.equal((await db.get(id))?.title, "mine");
  assert.equal(await codeOf(db.insert("tasks", { ...task("again"), _id: id })), "DuplicateId");
  assert.equal(await codeOf(db.insert("tasks", { ...task("x"), _id: db.newId("users") as never })), "WrongTable");
  assert.equal(await codeOf(db.insert("tasks", { ...task("x"), _id: "short" as never })), "InvalidId");
  const ids = await db.mutate(({ db }) => [db.newId("tasks"), db.newId("tasks")]);
  assert.notEqual(ids[0], ids[1]);
});

test("a hundred thousand documents are folded into the tree, found again and given back", async (t) => {
  const db = await open(t, {
    budgets: { pageCacheBytes: 4 << 20, rowCacheBytes: 2 << 20 },
    tuning: { idleMs: 20 },
  });
  const { task } = await seed(db);
  const N = 100_000;
  for (let start = 0; start < N; start += 20_000) {
    await db.insertMany(
      "tasks",
      Array.from({ length: 20_000 }, (_, n) => task(`t${start + n}`, { dueDate: start + n })),
    );
  }
  assert.equal(await db.query("tasks").count(), N);
  const until = Date.now() + 20_000;
  while ((db.stats().generation === 0 || db.stats().logRecords > 5) && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(db.stats().generation > 0, "a checkpoint has been made");
  for (let n = 0; n < N; n += 9_973) {
    const row = await db
      .query("tasks")
      .withIndex("by_due_date", (q) => q.eq("dueDate", n))
      .unique();
    assert.equal(row?.title, `t${n}`);
    assert.equal(await db.get(row._id), row);
  }
  let expected = 0;
  for await (const row of db.query("tasks").withIndex("by_due_date")) assert.equal(row.dueDate, expected++);
  assert.equal(expected, N);
  const stats = db.stats();
  assert.ok(stats.pageCacheBytes <= 4 << 20, `pages take ${stats.pageCacheBytes}`);
  assert.ok(stats.rowCacheBytes <= 2 << 20, `rows take ${stats.rowCacheBytes}`);
  const report = await db.verify();
  assert.deepEqual(report.problems, []);
  assert.equal(report.rows, N + 2);
});

test("stats tells the last commits, by number, size, time and what they change", async (t) => {
  const name = freshName();
  const db = await open(t, { name });
  const { task } = await seed(db);
  const before = db.stats().sequence;
  const started = Date.now();
  const [first, second] = await db.insertMany("tasks", [task("one"), task("two")]);
  await db.mutate(async (ctx) => {
    await ctx.db.patch(first!, { title: "first" });
    await ctx.db.delete(second!);
  });
  const [change, insert] = db.stats().recentCommits;
  assert.ok(insert && change && insert.bytes > 0 && change.bytes > 0);
  assert.ok(insert.learnedAt >= started && change.learnedAt >= insert.learnedAt && change.learnedAt <= Date.now());
  const facts = { isOwn: true, inserted: 0, updated: 0, deleted: 0 };
  const { bytes, learnedAt } = insert;
  assert.deepEqual(insert, { ...facts, sequence: before + 1, bytes, learnedAt, inserted: 2 });
  assert.deepEqual(change, {
    ...facts,
    sequence: before + 2,
    bytes: change.bytes,
    learnedAt: change.learnedAt,
    updated: 1,
    deleted: 1,
  });
  const other = await open(t, { name });
  assert.deepEqual(
    other
      .stats()
      .recentCommits.slice(0, 2)
      .map((commit) => [commit.sequence, commit.isOwn]),
    [
      [before + 2, false],
      [before + 1, false],
    ],
  );
});

test("databases under one name share their documents while one of them is open", async (t) => {
  const name = freshName();
  const one = await open(t, { name });
  const two = await open(t, { name });
  const { task } = await seed(one);
  const id = await one.insert("tasks", task("seen"));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal((await two.get(id))?.title, "seen");
  await Promise.all([one.patch(id, { title: "a" }), two.patch(id, { dueDate: 7 })]);
  await new Promise((resolve) => setTimeout(resolve, 10));
  for (const db of [one, two]) {
    const row = await db.get(id);
    assert.deepEqual([row?.title, row?.dueDate], ["a", 7]);
    assert.deepEqual((await db.verify()).problems, []);
  }
  await one.close();
  const three = await open(t, { name });
  assert.equal((await three.get(id))?.title, "a");
  await two.close();
  await three.close();
  const four = await open(t, { name });
  assert.equal(await four.query("tasks").count(), 0);
});

test("a closed database says so", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const last = db.insert("tasks", task("last"));
  const closing = db.close();
  assert.equal(await codeOf(db.insert("tasks", task("late"))), "DatabaseClosed");
  await closing;
  assert.equal(typeof (await last), "string");
  assert.equal(await codeOf(db.get(await last)), "DatabaseClosed");
  assert.equal(await codeOf(db.query("tasks").collect()), "DatabaseClosed");
  assert.equal(await codeOf(db.query("tasks").count()), "DatabaseClosed");
  assert.equal(await codeOf(db.mutate(() => 1)), "DatabaseClosed");
  assert.equal(await codeOf(db.read(() => 1)), "DatabaseClosed");
  assert.equal(await codeOf(db.verify()), "DatabaseClosed");
  assert.throws(() => db.stats(), { code: "DatabaseClosed", message: /Open it again/ });
  await db.close();
});

test("memory of closed databases is used again", async () => {
  const fill = async () => {
    const db = await openDatabase({ name: freshName(), schema: tiny });
    await db.insertMany(
      "things",
      Array.from({ length: 20_000 }, (_, n) => ({ text: `thing ${n} ${"x".repeat(100)}` })),
    );
    const { wasmMemoryBytes } = db.stats();
    await db.close();
    return wasmMemoryBytes;
  };
  const tiny = defineSchema({ things: defineTable({ text: v.string() }).index("by_text", ["text"]) });
  const first = await fill();
  let last = 0;
  for (let round = 0; round < 8; round += 1) last = await fill();
  assert.ok(last < first * 1.5, `memory grew from ${first} to ${last}`);
});

test("a pause that is longer than timers can be does not end at once", async (t) => {
  const longest = 2 ** 31 - 1;
  const late: number[] = [];
  const real = globalThis.setTimeout;
  t.mock.method(globalThis, "setTimeout", ((action: () => void, delay = 0) => {
    if (delay > longest) late.push(delay);
    return real(action, Math.min(delay, longest));
  }) as never);
  for (const idleMs of [longest + 1, 1e300, Infinity]) {
    const db = await open(t, { tuning: { idleMs } });
    await db.insert("users", { betterAuthId: "x", email: "x", createdAt: 1 });
  }
  assert.deepEqual(late, []);
});

test("an index that is being built can be watched, and queries of it wait", async (t) => {
  const name = freshName();
  const table = () => defineTable({ n: v.number() });
  const before = await openDatabase({ name, schema: defineSchema({ things: table() }) });
  t.after(() => before.close());
  await before.insertMany(
    "things",
    Array.from({ length: 20_000 }, (_, n) => ({ n: -n })),
  );
  const db = await openDatabase({ name, schema: defineSchema({ things: table().index("by_n", ["n"]) }) });
  t.after(() => db.close());
  const seen: number[] = [];
  const least = db
    .query("things")
    .withIndex("by_n", (q) => q.lt("n", 0))
    .first();
  for (let round = 0; round < 10_000; round += 1) {
    const [work] = db.stats().indexWork;
    if (!work) break;
    const { done, total, ...what } = work;
    assert.deepEqual(what, { table: "things", index: "by_n", isBuilding: true });
    assert.ok(total === 20_000 && done <= total, `${done} of ${total}`);
    if (seen.at(-1) !== done) seen.push(done);
    // The store in memory answers between two microtasks.
    await Promise.resolve();
  }
  assert.ok(seen.length > 3 && seen.every((done, step) => done > (seen[step - 1] ?? -1)), seen.join(" "));
  assert.equal((await least)?.n, -19_999);
});
