// Synced tables: two databases of one process that meet, as two devices do.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, type HoldfastError, openDatabase, v } from "../../ts/index.js";
import { linkInMemory, root, text, within, workspace } from "../../ts/sync/index.js";
import { met, until } from "../fixtures/sync.js";
import { type Device, device, deviceWithTask, schema } from "../fixtures/synced_database.js";

/** Two devices that have met, and have a task. */
async function pair(t: TestContext) {
  const { db: one, project, task } = await deviceWithTask(t, { tags: ["a", "b"], meta: { color: "white", coats: 1 } });
  const two = await device(t);
  const link = linkInMemory(one, two);
  await met(link);
  return { one, two, link, project, task };
}

test("what one device has the other gets, but for what is its own", async (t) => {
  const { one, two, link, project, task } = await pair(t);
  await one.insert("settings", { theme: "dark" });
  await one.insert("drafts", { text: "mine" });
  await met(link);
  assert.deepEqual(await two.get(project), await one.get(project));
  assert.deepEqual(await two.get(task), await one.get(task));
  const found = await two
    .query("tasks")
    .withIndex("by_project", (q) => q.eq("projectId", project))
    .collect();
  assert.deepEqual(
    found.map((row) => row.title),
    ["paint"],
  );
  assert.deepEqual(await two.query("settings").collect(), []);
  assert.deepEqual(await two.query("drafts").collect(), []);
  await two.insert("tasks", { projectId: project, title: "back" });
  await met(link);
  assert.equal(await one.query("tasks").count(), 2);
});

test("a device that several are connected to gives each what the others have", async (t) => {
  const { db: one, task } = await deviceWithTask(t);
  const [two, three] = [await device(t), await device(t)];
  // What one says waits until the other knows what it has itself.
  await two.insertMany(
    "projects",
    Array.from({ length: 60 }, (_, number) => ({ name: `${number}` })),
  );
  const links = [linkInMemory(one, two), linkInMemory(three, one)];
  await until("all have the same", () => links.every((link) => link.isSynced));
  for (const db of [one, two, three]) {
    assert.equal(await db.query("projects").count(), 61);
    assert.equal((await db.get(task))!.title, "paint");
  }
});

test("edits of different fields, items and letters all stay, and live queries follow", async (t) => {
  const { one, two, link, task } = await pair(t);
  const live = two.live(two.query("tasks"));
  await until("there", () => live.status === "ready");
  link.disconnect();
  assert.equal(link.isSynced, false);
  await one.patch(task, { title: "paint it", tags: ["a", "b", "c"] });
  await two.patch(task, { meta: { color: "white", coats: 2 }, tags: ["z", "a", "b"] });
  await one.mutate(({ db }) => db.splice(task, "notes", 0, 3, "a"));
  await two.mutate(({ db }) => db.splice(task, "notes", 8, 0, "s"));
  await one.mutate(({ db }) => db.increment(task, "votes", 2));
  await two.mutate(({ db }) => db.increment(task, "votes"));
  await one.patch(task, { meta: { color: "red", coats: 1 } });
  link.connect();
  await met(link);
  const { _id, _creationTime, projectId, ...fields } = (await one.get(task))!;
  assert.deepEqual(fields, {
    title: "paint it",
    notes: "a walls",
    votes: 4,
    tags: ["z", "a", "b", "c"],
    meta: { color: "red", coats: 2 },
  });
  assert.deepEqual(await two.get(task), { _id, _creationTime, projectId, ...fields });
  assert.equal(live.value![0]!.title, "paint it");
  assert.deepEqual(await one.conflicts(task), []);
  live.stop();
});

test("of the same field one value wins everywhere, and the other is a conflict until somebody writes again", async (t) => {
  const { one, two, link, task } = await pair(t);
  link.disconnect();
  await one.patch(task, { title: "one" });
  await two.patch(task, { title: "two" });
  link.connect();
  await met(link);
  const title = (await one.get(task))!.title;
  assert.equal((await two.get(task))!.title, title);
  const other = title === "one" ? "two" : "one";
  for (const db of [one, two]) {
    assert.deepEqual(await db.conflicts(task), [{ path: ["title"], others: [other] }]);
  }
  await two.patch(task, { title: "both" });
  await met(link);
  assert.deepEqual(await one.conflicts(task), []);
});

test("an edit of a deleted row is there when it comes back", async (t) => {
  const { one, two, link, task } = await pair(t);
  link.disconnect();
  await one.delete(task);
  await two.patch(task, { title: "not lost" });
  link.connect();
  await met(link);
  assert.equal(await one.get(task), null);
  assert.equal(await two.get(task), null);
  await one.restore(task);
  await met(link);
  assert.equal((await one.get(task))!.title, "not lost");
  assert.deepEqual(await two.get(task), await one.get(task));
  await assert.rejects(one.restore(task), /not deleted/);
});

test("a task that two move at once is in one project, the same everywhere, and the other is told of", async (t) => {
  const { one, two, link, task } = await pair(t);
  const [garden, cellar] = [
    await one.insert("projects", { name: "garden" }),
    await one.insert("projects", { name: "cellar" }),
  ];
  await met(link);
  link.disconnect();
  await one.patch(task, { projectId: garden });
  await two.patch(task, { projectId: cellar });
  link.connect();
  await met(link);
  const { projectId } = (await one.get(task))!;
  assert.ok(projectId === garden || projectId === cellar);
  assert.equal((await two.get(task))!.projectId, projectId);
  const other = projectId === garden ? cellar : garden;
  for (const db of [one, two]) {
    assert.deepEqual(await db.conflicts(task), [{ path: ["projectId"], others: [other] }]);
    const problems = await db.problems().current();
    assert.deepEqual(
      problems.map(({ kind, id, root }) => ({ kind, id, root })),
      [{ kind: "duplicate", id: task, root: other }],
    );
  }
});

test("a document's history is told, and any of its states can come back", async (t) => {
  const { one, two, link, task } = await pair(t);
  await two.patch(task, { title: "two" });
  await met(link);
  await one.mutate(async ({ db }) => {
    await db.patch(task, { title: "three", votes: 5 });
  });
  await one.delete(task);
  await met(link);
  const history = await two.history(task);
  assert.deepEqual(
    history.map(({ kind }) => kind),
    ["deleted", "updated", "updated", "inserted"],
  );
  const [, third, second] = history;
  assert.deepEqual(third!.fields, [
    { name: "title", before: "two", after: "three" },
    { name: "votes", before: 1, after: 5 },
  ]);
  assert.equal(third!.actor, history[0]!.actor, "one has made both");
  assert.notEqual(third!.actor, second!.actor);
  assert.ok(Math.abs(third!.time - Date.now()) < 60_000);
  assert.deepEqual(await two.history(task, { limit: 1, before: third! }), [second]);
  await two.revert(task, second!);
  await met(link);
  const { title, votes } = (await one.get(task))!;
  assert.deepEqual({ title, votes }, { title: "two", votes: 1 });
  assert.equal((await one.history(task))[0]!.kind, "restored");
  assert.deepEqual(await one.history(one.newId("tasks")), []);
  await assert.rejects(one.history("nonsense" as never), /nonsense/);
});

test("many tabs of a device see what has come", async (t) => {
  const { two, link, project } = await pair(t);
  const tab = await device(t, two.name);
  assert.equal(await tab.query("tasks").count(), 1);
  await tab.insert("tasks", { projectId: project, title: "from a tab" });
  await met(link);
  await until("the other device has it", async () => (await two.query("tasks").count()) === 2);
});

test("a database without synced tables says so", async (t) => {
  const db = await openDatabase({ name: "plain", schema });
  t.after(() => db.close());
  // @ts-expect-error: only a database that was opened with `sync` has it
  assert.throws(() => db.sync, /no `sync`/);
  const id = await db.insert("projects", { name: "x" });
  await assert.rejects(
    db.mutate((ctx) => ctx.db.splice(id, "name", 5, 0, "y")),
    /past its end: it has 1\./,
  );
  await db.mutate((ctx) => ctx.db.splice(id, "name", 1, 0, "y"));
  assert.equal((await db.get(id))!.name, "xy");
});

test("a patch with the value that is shown settles a conflict, everywhere", async (t) => {
  const { one, two, link, task } = await pair(t);
  const both = [one, two];
  link.disconnect();
  await one.patch(task, { title: "red", tags: ["a"], meta: { color: "red" } });
  await two.patch(task, { title: "blue", tags: ["b"], meta: { color: "blue" } });
  link.connect();
  await met(link);
  const contested = async (db: Device) => (await db.conflicts(task)).map(({ path }) => path.join("."));
  for (const db of both) assert.deepEqual(await contested(db), ["meta.color", "title"]);
  const { title, meta, notes } = (await two.get(task))!;
  await two.patch(task, { notes: notes! }); // nothing that is contested
  await two.patch(task, { votes: undefined, notes: notes! });
  for (const db of both) assert.deepEqual(await contested(db), ["meta.color", "title"]);
  await two.patch(task, { title });
  assert.deepEqual(await contested(two), ["meta.color"]);
  await until("the other one knows", async () => (await contested(one)).length === 1);
  await one.mutate(async (ctx) => {
    await ctx.db.patch(task, { notes: "the walls" });
    await ctx.db.patch(task, { meta: meta!, votes: 3, tags: undefined });
  });
  assert.deepEqual(await contested(one), []);
  await until("the other one knows", async () => (await contested(two)).length === 0);
  for (const db of both) {
    const row = (await db.get(task))!;
    assert.deepEqual([row.title, row.meta, row.notes, row.votes], [title, meta, "the walls", 3]);
    assert.deepEqual((await db.verify()).problems, []);
  }
});

test("long changes are compressed when it is quiet, and go on to others", async (t) => {
  const { db, project } = await deviceWithTask(t);
  await db.sync.settled;
  // The second time it has been quiet, with nothing to do, before.
  for (const round of [1, 2]) {
    const rows = Array.from({ length: 200 }, (_, at) => ({
      projectId: project,
      title: `a title of some length ${at}`,
    }));
    await db.insertMany("tasks", rows);
    const { sequence: before, recentCommits } = db.stats();
    // Nobody else writes: nobody is there to talk to.
    await until(`they were written again, ${round}`, () => db.stats().sequence > before);
    const after = db.stats();
    assert.equal(after.sequence, before + 1);
    assert.ok(after.recentCommits[0]!.bytes < recentCommits[0]!.bytes / 3, "in less space");
  }
  const two = await device(t);
  linkInMemory(db, two);
  await until("the other one has them", async () => (await two.query("tasks").collect()).length === 401);
  assert.deepEqual(await two.query("tasks").collect(), await db.query("tasks").collect());
  for (const one of [db, two]) assert.deepEqual((await one.verify()).problems, []);
});

test("questions that make no sense are told what is wrong", async (t) => {
  const { one, task } = await pair(t);
  const ask = (options: object) => one.history(task, options);
  for (const before of [null, 5, {}, { change: 5 }]) await assert.rejects(ask({ before }), /`before` must be an entry/);
  await assert.rejects(ask({ limit: 0 }), /`limit` must be/);
  assert.equal((await ask({ limit: 2 ** 40 })).length, 1);
  for (const other of [null, "x", {}, undefined]) {
    assert.throws(() => linkInMemory(one, other as typeof one), /takes two databases with synced tables/);
  }
  await one.close();
  await assert.rejects(ask({}), (error: { code?: string }) => error.code === "DatabaseClosed");
});

test("placements that are none are refused", async () => {
  const open = (sync: object) => openDatabase({ name: "refused", schema, sync: sync });
  await assert.rejects(open({ projects: {} }), /holdfast\/sync/);
  await assert.rejects(open({}), /names no table: leave it out, or say where a table lies\.$/);
  await assert.rejects(open({ nowhere: root() }), /not in the schema/);
  await assert.rejects(open({ tasks: within("title"), projects: root() }), /v\.id/);
  assert.throws(() => within(1 as never), /field/);
  assert.throws(() => root({ name: "text" as never }), /text\(\)/);
  for (const kinds of ["x", null, ["notes"], 3, () => text()] as never[]) {
    assert.throws(() => root(kinds), /`root\(\)` takes kinds of fields: `\{ notes: text\(\) \}`\. Rec/);
    assert.throws(() => workspace(kinds), /`workspace\(\)` takes kinds of fields/);
    assert.throws(() => within("projectId", kinds), /`within\(field\)` takes kinds of fields/);
  }
});

test("a field that can't say where rows lie is told why, and which could", async () => {
  const id = v.id("projects");
  const member = (kind: string, fields: object) => v.object({ kind: v.literal(kind), ...fields });
  const tables = {
    plain: defineTable({ projectId: id, parent: v.optional(id), title: v.string() }),
    none: defineTable({ parent: v.optional(id) }),
    union: defineTable(v.union(member("a", { projectId: id, one: id }), member("b", { projectId: id }))),
  };
  const wrong = async (table: keyof typeof tables, field: string) => {
    const schema = defineSchema({ projects: defineTable({ name: v.string() }), [table]: tables[table] });
    const sync = { projects: root(), [table]: within(field) } as object;
    let message = "";
    await openDatabase({ name: "refused", schema, sync }).catch((error: HoldfastError) => {
      assert.equal(error.code, "InvalidSchema");
      ({ message } = error);
    });
    const words = new RegExp(
      `^\`sync\` places "${table}" within its field "${field}": (.*?)\\. Every document .*?\\.( There.*)?$`,
    );
    return words.exec(message)?.slice(1) ?? message;
  };
  const ids = ' There is "projectId".';
  assert.deepEqual(await wrong("plain", "projectID"), ["the table has no such field", ids]);
  assert.deepEqual(await wrong("plain", "constructor"), ["the table has no such field", ids]);
  assert.deepEqual(await wrong("plain", "title"), ["that field holds no id", ids]);
  assert.deepEqual(await wrong("plain", "parent"), ["that field is optional, and may be missing", ids]);
  assert.deepEqual(await wrong("none", "parent"), ["that field is optional, and may be missing", undefined]);
  assert.deepEqual(await wrong("union", "one"), ["that field is optional, and may be missing", ids]);
  assert.deepEqual(await wrong("union", "kind"), ["that field holds no id", ids]);
});

test("a closed database says so of all that is about syncing", async (t) => {
  const db = await device(t);
  const [problems, deleted] = [db.problems(), db.deleted("tasks")];
  let told = 0;
  problems.subscribe(() => (told += 1));
  await until("both are read", () => problems.status === "ready" && deleted.status === "ready");
  await db.sync.settled;
  await db.close();
  const isClosed = (error: unknown) => (error as HoldfastError).code === "DatabaseClosed";
  assert.throws(() => db.undoManager(), isClosed);
  await assert.rejects(db.sync.settled, isClosed);
  void db.sync.settled;
  await until("both know", () => problems.status === "error" && deleted.status === "error");
  assert.deepEqual([told, isClosed(problems.error), isClosed(deleted.error)], [2, true, true]);
  for (const value of [db.problems(), db.deleted("projects")]) await assert.rejects(value.current(), isClosed);
  const fresh = db.deleted("projects");
  await until("it is tried", () => fresh.status === "error");
});

// Two versions of an app at once.
const newer = defineSchema({
  ...schema.tables,
  tasks: defineTable({ ...schema.tables.tasks.validator.fields, estimate: v.optional(v.number()) }).index(
    "by_project",
    ["projectId"],
  ),
  labels: defineTable({ projectId: v.id("projects"), name: v.string() }),
});
const newerSync = { projects: root(), tasks: within("projectId"), labels: within("projectId") };

test("an older version shows what it knows, keeps what it does not, and a newer one has all of it", async (t) => {
  const newDb = await openDatabase({ name: "new", schema: newer, sync: newerSync });
  t.after(() => newDb.close());
  const oldDb: Device = await device(t);
  const project = await newDb.insert("projects", { name: "p" });
  const task = await newDb.insert("tasks", { projectId: project, title: "t", estimate: 5 });
  await newDb.insert("labels", { projectId: project, name: "red" });
  const link = linkInMemory(newDb, oldDb);
  await met(link);
  const seen = await oldDb.get(task);
  assert.equal(seen!.title, "t");
  assert.ok(!("estimate" in seen!));
  await oldDb.patch(task, { title: "changed" });
  await met(link);
  assert.equal((await newDb.get(task))!.title, "changed");
  assert.equal((await newDb.get(task))!.estimate, 5);
  const { name } = oldDb;
  // The app is updated: what was left out is there.
  const tab = await openDatabase({ name, schema: newer, sync: newerSync });
  t.after(() => tab.close());
  await until("the field", async () => (await tab.get(task))?.estimate === 5);
  const again = linkInMemory(newDb, tab);
  await met(again);
  await until("the table", async () => (await tab.query("labels").count()) === 1);
});
