// Some fields of documents, db.table and db.system.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { codeOf, freshName, open, seed } from "../fixtures/database.js";

test("select gives the fields that are named", async (t) => {
  const db = await open(t);
  const { task, project } = await seed(db);
  const id = await db.insert("tasks", task("a", { dueDate: 5 }));
  await db.insert("tasks", task("b"));
  assert.deepEqual(await db.query("tasks").select("title", "dueDate").collect(), [
    { title: "a", dueDate: 5 },
    { title: "b" },
  ]);
  const whole = (await db.get(id))!;
  assert.deepEqual(await db.query("tasks").select("_id", "_creationTime").first(), {
    _id: id,
    _creationTime: whole._creationTime,
  });
  const byProject = db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
  const descending = byProject.order("desc").filter((q) => q.eq(q.field("status"), "todo"));
  assert.deepEqual(await descending.select("title").take(1), [{ title: "b" }]);
  assert.deepEqual(await db.query("projects").select("settings").first(), {
    settings: { isPublic: true, tags: ["a", "b"] },
  });
  assert.equal(await db.get(id), whole, "documents that are kept are whole");
  assert.equal(await db.query("tasks").select("title").count(), 2);
  const page = await db.query("tasks").select("title").paginate({ numItems: 1, cursor: null });
  assert.deepEqual(page.page, [{ title: "a" }]);
  const titles = [];
  for await (const row of db.query("tasks").select("title")) titles.push(row);
  assert.deepEqual(titles, [{ title: "a" }, { title: "b" }]);
  assert.ok(Object.isFrozen(titles[0]));
  const inside = await db.mutate(async (ctx) => {
    await ctx.db.patch(id, { title: "c" });
    return ctx.db.query("tasks").select("title", "_id").collect();
  });
  assert.deepEqual(inside[0], { _id: id, title: "c" });
});

test("selected values that JSON has no form for", async (t) => {
  const schema = defineSchema({ rows: defineTable({ big: v.int64(), float: v.number(), list: v.array(v.bytes()) }) });
  const db = await openDatabase({ name: freshName(), storage: "memory", schema });
  t.after(() => db.close());
  const row = { big: -5n, float: -0, list: [new Uint8Array([1, 2]).buffer] };
  await db.insert("rows", row);
  for (const field of ["big", "float", "list"] as const) {
    assert.deepEqual(await db.query("rows").select(field).first(), { [field]: row[field] });
  }
});

test("select refuses what is no field, and to be asked twice", async (t) => {
  const db = await open(t);
  const tasks = () => db.query("tasks");
  assert.throws(() => tasks().select(5 as never), {
    code: "InvalidArgument",
    message: "Arg 1 `field` to `select` must be the name of a field. Received 5.",
  });
  assert.throws(() => tasks().select("title", undefined as never), {
    code: "InvalidArgument",
    message: "Must provide arg 2 `field` to `select`",
  });
  // As it was written before one had looked.
  assert.throws(() => tasks().select(["title", "status"] as never), {
    code: "InvalidArgument",
    message:
      "Arg 1 `field` to `select` must be the name of a field, and each a name of its own, " +
      'as in `select("title", "status")`. Received ["title","status"].',
  });
  assert.throws(() => tasks().select(), { code: "InvalidArgument" });
  assert.throws(() => db.query("tasks").select("title").select("title"), { code: "InvalidArgument" });
});

test("a selected name that no document has gives nothing", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  await db.insert("tasks", task("a"));
  const misspelt = db.query("tasks").select("title", "titel" as "title");
  assert.deepEqual(await misspelt.collect(), [{ title: "a" }]);
  const nothing = db.query("tasks").select("nothing" as never);
  assert.deepEqual(await nothing.collect(), [{}]);
});

test("the beginning of a query may be used again, what is made of it once", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  await db.insert("tasks", task("a"));
  const beginning = db.query("tasks");
  assert.equal((await beginning.collect()).length, 1);
  assert.equal(await beginning.count(), 1);
  assert.equal((await beginning.order("desc").first())?.title, "a");
  const ordered = beginning.order("desc");
  assert.equal((await ordered.first())?.title, "a");
  assert.equal(await codeOf(ordered.first()), "InvalidArgument");
  const ranged = beginning.withIndex("by_project");
  assert.equal((await ranged.collect()).length, 1);
  assert.equal(await codeOf(ranged.collect()), "InvalidArgument");
});

test("a table by itself", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const id = await db.table("tasks").insert(task("a"));
  await db.mutate(async (ctx) => {
    const tasks = ctx.db.table("tasks");
    await tasks.patch(id, { title: "b" });
    assert.equal((await tasks.get(id))?.title, "b");
    await tasks.replace(id, task("c"));
    assert.equal(await tasks.query().count(), 1);
  });
  assert.equal((await db.table("tasks").query().first())?.title, "c");
  await db.table("tasks").delete(id);
  assert.equal(await db.read((ctx) => ctx.db.table("tasks").query().count()), 0);
  assert.equal(await codeOf(db.table("users").get(id as never)), "WrongTable");
});

test("Convex's own tables are empty", async (t) => {
  const db = await open(t);
  assert.deepEqual(await db.system.query("_storage").collect(), []);
  assert.equal(await db.read((ctx) => ctx.db.system.query("_scheduled_functions").first()), null);
  assert.equal(await db.system.get("_storage", "x" as never), null);
  assert.equal(db.system.normalizeId("_storage", "x"), null);
  for await (const row of db.system.query("_storage")) assert.fail(JSON.stringify(row));
  assert.throws(() => db.query("_storage" as never), /System tables can only be accessed from db.system.query\(\)/);
  assert.throws(() => db.system.query("tasks" as never), /User tables can only be accessed from db.query\(\)/);
  const page = await db.system.query("_storage").paginate({ numItems: 1, cursor: null });
  assert.deepEqual([page.page, page.isDone], [[], true]);
  const insert = db.insert("_storage" as never, {} as never);
  await assert.rejects(insert, /System tables \(prefixed with `_`\) are read-only/);
});
