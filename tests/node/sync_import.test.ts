// Backups that are restored into synced tables: changes of documents like any other.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, HoldfastError, openDatabase, v } from "../../ts/index.js";
import { linkInMemory, root, within } from "../../ts/sync/index.js";
import { tableNumberOf, withTableNumber } from "../../ts/transfer/ids.js";
import { met } from "../fixtures/sync.js";

const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({ projectId: v.id("projects"), title: v.string() }).index("by_project", ["projectId"]),
  notes: defineTable({ text: v.string() }),
});
const sync = { projects: root(), tasks: within("projectId") };

let count = 0;

async function device(t: TestContext) {
  const db = await openDatabase({ name: `import ${(count += 1)}`, schema, sync });
  t.after(() => db.close());
  return db;
}
type Db = Awaited<ReturnType<typeof device>>;

const rows = async (db: Db) => [
  await db.query("projects").collect(),
  await db.query("tasks").collect(),
  await db.query("notes").collect(),
];

async function refused(importing: Promise<unknown>): Promise<HoldfastError> {
  try {
    await importing;
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    return error;
  }
  assert.fail("it was imported");
}

test("a snapshot is restored into synced tables, on all devices, as edits", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const project = await one.insert("projects", { name: "House" });
  const [kept, edited, deleted] = await one.insertMany(
    "tasks",
    ["kept", "edited", "deleted"].map((title) => ({ projectId: project, title })),
  );
  await one.insert("notes", { text: "note" });
  const backup = await one.export();
  const before = await rows(one);
  const link = linkInMemory(one, two);
  await met(link);

  const other = await one.insert("projects", { name: "Garden" });
  await one.insert("tasks", { projectId: other, title: "Mow" });
  await one.patch(edited!, { title: "changed", projectId: other });
  await one.delete(deleted!);
  await one.insert("notes", { text: "another" });
  await met(link);
  assert.equal(await two.query("tasks").count(), 3);

  const report = await one.import(backup, { mode: "replace" });
  assert.deepEqual(report.tables, { notes: 1, projects: 1, tasks: 3 });
  await met(link);
  assert.deepEqual(await rows(one), before);
  assert.deepEqual((await rows(two)).slice(0, 2), before.slice(0, 2));
  for (const db of [one, two]) assert.deepEqual((await db.verify()).problems, []);
  // Nothing was written of what was the same.
  assert.equal((await one.history(kept!)).length, 1);
  // And what was deleted has the history that it had.
  assert.equal((await one.history(deleted!)).at(-1)!.kind, "inserted");
});

test("`replaceAll` empties synced tables that are not in the file, and without a mode they must be empty", async (t) => {
  const db = await device(t);
  const project = await db.insert("projects", { name: "House" });
  const backup = await db.export({ tables: ["projects"] });
  await db.insert("tasks", { projectId: project, title: "Paint" });
  const error = await refused(db.import(backup));
  assert.match(error.message, /already exists/);
  await db.import(backup, { mode: "replaceAll" });
  assert.equal(await db.query("tasks").count(), 0);
  assert.equal(await db.query("projects").count(), 1);
  await db.delete(project);
  await db.import(backup);
  assert.equal((await db.get(project))!.name, "House");
});

test("tasks of a deleted project are restored as they were, here and on a new device, and the project may come later", async (t) => {
  const [one, two, fresh] = [await device(t), await device(t), await device(t)];
  const link = linkInMemory(one, two);
  const project = await one.insert("projects", { name: "House" });
  const [kept, deleted] = await one.insertMany(
    "tasks",
    ["kept", "deleted"].map((title) => ({ projectId: project, title })),
  );
  const whole = await one.export();
  await one.delete(project);
  const backup = await one.export();
  const before = await rows(one);
  assert.equal(before[1]!.length, 2);
  await one.patch(kept!, { title: "changed" });
  await one.delete(deleted!);
  await met(link);
  await one.import(backup, { mode: "replaceAll" });
  await met(link);
  for (const db of [one, two]) {
    assert.deepEqual(await rows(db), before);
    assert.deepEqual((await db.verify()).problems, []);
  }

  await fresh.import(backup);
  assert.deepEqual(await rows(fresh), before);
  // Others hear of such a document, too.
  const last = await device(t);
  const toLast = linkInMemory(fresh, last);
  await met(toLast);
  assert.deepEqual(await rows(last), before);
  await fresh.import(whole, { mode: "replace" });
  await met(toLast);
  for (const db of [fresh, last]) {
    assert.equal((await db.get(project))!.name, "House");
    assert.equal(await db.query("tasks").count(), 2);
    assert.deepEqual((await db.verify()).problems, []);
    assert.deepEqual(await db.problems().current(), []);
  }
  // What comes without its project may have one that has yet to come from another device.
  const other = await device(t);
  const alone = await one.export({ tables: ["tasks"] });
  assert.equal((await refused(other.import(alone))).code, "InvalidValue");
  const link2 = linkInMemory(other, last);
  await met(link2);
  assert.equal((await other.get(project))!.name, "House");
  // An app's own writes are checked as ever.
  await one.delete(kept!);
  assert.equal((await refused(one.insert("tasks", { projectId: project, title: "x" }))).code, "InvalidValue");
});

test("what can't be restored is refused before anything is written", async (t) => {
  const db = await device(t);
  const project = await db.insert("projects", { name: "House" });
  const number = tableNumberOf(project)!;
  const lines = (...rows: object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const foreign = lines({ _id: withTableNumber(project, number + 1), name: "x" });
  const options = { table: "projects", format: "jsonl", mode: "replace" } as const;
  let error = await refused(db.import(foreign, options));
  assert.equal(error.code, "InvalidImport");
  assert.match(error.message, /"projects" is synced/);
  error = await refused(db.import(lines({ _id: project, name: "x" }, { _id: project, name: "y" }), options));
  assert.equal(error.code, "InvalidImport");
  assert.equal(error.details["row"], 2);
  assert.deepEqual(
    (await db.query("projects").collect()).map(({ name }) => name),
    ["House"],
  );
});

test("an import that fails on its way says what it did, and the next one completes it", async (t) => {
  const db = await device(t);
  const project = await db.insert("projects", { name: "House" });
  const line = (title: unknown, _id?: string) => `${JSON.stringify({ _id, projectId: project, title })}\n`;
  const ids = Array.from({ length: 1_500 }, () => db.newId("tasks"));
  const good = ids.map((id, n) => line(`task ${n}`, id)).join("");
  await db.insert("tasks", { projectId: project, title: "other" });
  const options = { table: "tasks", format: "jsonl", mode: "replace" } as const;
  const error = await refused(db.import(good + line(7), options));
  assert.equal(error.code, "SchemaEnforcementError");
  assert.equal(error.details["row"], 1_501);
  assert.equal(error.details["saved"], 1_500);
  assert.match(error.message, /import it again to complete that/);
  assert.equal(await db.query("tasks").count(), 1_501);
  await db.import(good, options);
  assert.equal(await db.query("tasks").count(), 1_500);
  // Rows without ids are other rows each time.
  await db.import(line("a") + line("b"), options);
  assert.deepEqual(
    (await db.query("tasks").collect()).map(({ title }) => title),
    ["a", "b"],
  );
  assert.deepEqual((await db.verify()).problems, []);
});
