// Rows of synced tables that were deleted and can come back, as `db.deleted` lists them.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { linkInMemory, root, within } from "../../ts/sync/index.js";
import { LiveValue } from "../../ts/sync/live_value.js";
import { met, until } from "../fixtures/sync.js";
import { type Device, device, deviceWithTask, schema } from "../fixtures/synced_database.js";

/** Follows the deleted tasks of a database; answers their titles, and how often whoever follows was told. */
function followed(t: TestContext, db: Device) {
  const live = db.deleted("tasks");
  let told = 0;
  t.after(live.subscribe(() => (told += 1)));
  return { titles: () => live.value?.map(({ fields }) => fields.title), told: () => told };
}

/** Waits until a list has these titles. */
const shows = (list: { titles: () => string[] | undefined }, ...titles: string[]) =>
  until(`deleted: ${titles.join(", ")}`, () => JSON.stringify(list.titles()?.sort()) === JSON.stringify(titles));

test("what this tab or another one deletes is listed in both, and what comes back is not", async (t) => {
  const { db, project, task } = await deviceWithTask(t);
  const tab = await device(t, db.name);
  const [own, other] = [followed(t, db), followed(t, tab)];
  for (const list of [own, other]) await shows(list);
  assert.equal(db.deleted("tasks"), db.deleted("tasks"), "the same value");

  await db.delete(task);
  for (const list of [own, other]) await shows(list, "paint");
  const [row] = await tab.deleted("tasks").current();
  const fields = { projectId: project, title: "paint", notes: "the wall", votes: 1, tags: ["a"] };
  assert.deepEqual(row, { id: task, root: project, fields });

  const second = await db.insert("tasks", { projectId: project, title: "wash" });
  await tab.delete(second);
  for (const list of [own, other]) await shows(list, "paint", "wash");
  await tab.restore(task);
  for (const list of [own, other]) await shows(list, "wash");
  // By an insert under its id, and by history, too.
  await db.mutate((ctx) => ctx.db.insert("tasks", { _id: second, projectId: project, title: "wash again" }));
  for (const list of [own, other]) await shows(list);
  await db.delete(task);
  await shows(own, "paint");
  await db.revert(task, (await db.history(task)).at(-1)!);
  for (const list of [own, other]) await shows(list);
  assert.deepEqual(await db.problems().current(), []);
});

test("only what is about hidden rows is told, and a deletion that is taken back never was", async (t) => {
  const { db, project, task } = await deviceWithTask(t);
  const list = followed(t, db);
  await shows(list);
  const before = list.told();
  await db.patch(task, { title: "paint it" });
  await assert.rejects(
    db.mutate(async (ctx) => {
      await ctx.db.delete(task);
      throw new Error("no");
    }),
    /no/,
  );
  await db.insert("tasks", { projectId: project, title: "other" });
  assert.equal(list.told(), before);
  await db.delete(task);
  await shows(list, "paint it");
  assert.equal(list.told(), before + 1);
});

test("a merge lists what others have deleted, once, with what was changed of it since", async (t) => {
  const { db: one, project, task } = await deviceWithTask(t);
  const two = await device(t);
  const link = linkInMemory(one, two);
  await met(link);
  const lists = [followed(t, one), followed(t, two)];
  for (const list of lists) await shows(list);

  await one.delete(task);
  for (const list of lists) await shows(list, "paint");
  await two.restore(task);
  for (const list of lists) await shows(list);

  link.disconnect();
  await one.delete(task);
  await two.patch(task, { title: "not lost" });
  link.connect();
  for (const list of lists) await shows(list, "not lost");
  await one.restore(task);
  for (const list of lists) await shows(list);

  // Both at once.
  link.disconnect();
  for (const db of [one, two]) await db.delete(task);
  link.connect();
  await met(link);
  for (const db of [one, two]) {
    const rows = await db.deleted("tasks").current();
    assert.deepEqual(
      rows.map(({ id, root }) => ({ id, root })),
      [{ id: task, root: project }],
    );
  }
  // A root is of its own document.
  await two.delete(project);
  await met(link);
  const roots = (await one.deleted("projects").current()).map(({ id, root, fields }) => [id, root, fields.name]);
  assert.deepEqual(roots, [[project, project, "house"]]);
});

test("what has moved to another document is not deleted, wherever it was moved", async (t) => {
  const { db: one, task } = await deviceWithTask(t);
  const two = await device(t);
  const link = linkInMemory(one, two);
  const [garden, cellar] = [
    await one.insert("projects", { name: "garden" }),
    await one.insert("projects", { name: "cellar" }),
  ];
  await met(link);
  await one.patch(task, { projectId: garden });
  await met(link);
  for (const db of [one, two]) assert.deepEqual(await db.deleted("tasks").current(), []);
  link.disconnect();
  await one.patch(task, { projectId: cellar });
  await two.delete(task);
  link.connect();
  await met(link);
  // Moved and deleted at once: it is where it has gone.
  for (const db of [one, two]) {
    assert.equal((await db.get(task))?.projectId, cellar);
    assert.deepEqual(await db.deleted("tasks").current(), []);
  }
  await two.delete(task);
  await met(link);
  for (const db of [one, two]) {
    assert.deepEqual(
      (await db.deleted("tasks").current()).map(({ id, root }) => [id, root]),
      [[task, cellar]],
    );
  }
});

test("what belongs to the person alone comes back as well", async (t) => {
  const db = await device(t);
  const id = await db.insert("settings", { theme: "dark" });
  await db.delete(id);
  assert.deepEqual(await db.deleted("settings").current(), [{ id, root: "", fields: { theme: "dark" } }]);
  await db.restore("settings", id);
  assert.deepEqual(await db.deleted("settings").current(), []);
});

test("a row that the schema does not accept any more is listed again when it does", async (t) => {
  const { db, task } = await deviceWithTask(t);
  await db.delete(task);
  const tasks = defineTable({ projectId: v.id("projects"), headline: v.string() });
  const sync = { projects: root(), tasks: within("projectId") };
  const newer = defineSchema({ projects: schema.tables.projects, tasks });
  const { name } = db;
  const tab = await openDatabase({ name, schema: newer, sync });
  t.after(() => tab.close());
  assert.deepEqual(await tab.deleted("tasks").current(), []);
  const older = await device(t, name);
  assert.equal((await older.deleted("tasks").current()).length, 1);
});

test("a table that is unknown or not synced is told by its name", async (t) => {
  const db = await device(t);
  const code = (code: string, text: RegExp) => (error: { code?: string; message: string }) =>
    error.code === code && text.test(error.message);
  assert.throws(() => db.deleted("nowhere" as never), code("TableNotFound", /"nowhere" is not in the schema/));
  assert.throws(() => db.deleted("toString" as never), code("TableNotFound", /"toString"/));
  assert.throws(() => db.deleted("drafts"), code("NotSupported", /"drafts" is not synced/));
  assert.throws(() => db.deleted(undefined as never), code("InvalidArgument", /table/));
});

test("a list follows bytes, too", async () => {
  let byte = 1;
  const live = new LiveValue(() => Promise.resolve([new Uint8Array([byte]).buffer]));
  const shown = () => live.value && new Uint8Array(live.value[0]!)[0];
  await until("the first", () => shown() === 1);
  byte = 2;
  live.changed();
  await until("the second", () => shown() === 2);
});
