// Tables that are taken out of documents which are synced further, and come back to them.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { linkInMemory, local, root, text, within, workspace } from "../../ts/sync/index.js";
import { met } from "../fixtures/sync.js";

const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({ projectId: v.id("projects"), title: v.string(), notes: v.optional(v.string()) }).index(
    "by_project",
    ["projectId"],
  ),
  settings: defineTable({ theme: v.string() }),
  drafts: defineTable({ text: v.string() }),
});
const sync = {
  projects: root(),
  tasks: within("projectId", { notes: text() }),
  settings: workspace(),
  drafts: workspace(),
};

let count = 0;

async function device(t: TestContext, name = `place ${(count += 1)}`, placements: object = sync) {
  const db = await openDatabase({ name, schema, sync: placements });
  t.after(() => db.close());
  await db.sync.settled;
  return db;
}

test("a table within documents becomes local alone, and goes on by itself", async (t) => {
  const name = "alone";
  const [one, two] = [await device(t, name), await device(t)];
  const project = await one.insert("projects", { name: "House" });
  const kept = await one.insert("tasks", { projectId: project, title: "Paint", notes: "red" });
  const deleted = await one.insert("tasks", { projectId: project, title: "Sweep" });
  await one.delete(deleted);
  const link = linkInMemory(one, two);
  await met(link);
  link.disconnect();

  const alone = await device(t, name, { ...sync, tasks: local() });
  assert.equal((await alone.get(kept))!.notes, "red");
  assert.deepEqual((await alone.verify()).problems, []);
  await assert.rejects(alone.conflicts(kept), { code: "NotSupported" });
  const again = linkInMemory(alone, two);
  await met(again);
  await alone.patch(kept, { title: "Paint it" });
  await alone.insert("tasks", { projectId: project, title: "Only here" });
  await two.patch(kept, { title: "Paint all" });
  await two.insert("tasks", { projectId: project, title: "Only there" });
  await alone.patch(project, { name: "Home" });
  await met(again);
  assert.equal((await two.get(project))!.name, "Home");
  assert.equal((await two.get(kept))!.title, "Paint all");
  assert.equal((await alone.get(kept))!.title, "Paint it");
  assert.equal(await two.query("tasks").count(), 2);
  assert.equal(await alone.query("tasks").count(), 2);
  // A project goes, and local tasks stay: they refer to what is not there.
  await alone.delete(project);
  await met(again);
  assert.equal(await two.get(project), null);
  assert.equal(await alone.query("tasks").count(), 2);
  again.disconnect();
  await one.close();
});

test("a table that comes back meets what documents have: nothing is there twice, and nothing is lost", async (t) => {
  const name = "back";
  const [one, two] = [await device(t, name), await device(t)];
  const project = await one.insert("projects", { name: "House" });
  const task = (title: string) => one.insert("tasks", { projectId: project, title, notes: "walls" });
  const [edited, same, goneHere, goneThere, goneThereEdited] = [
    await task("edited"),
    await task("same"),
    await task("gone here"),
    await task("gone there"),
    await task("gone there, edited here"),
  ];
  let link = linkInMemory(one, two);
  await met(link);
  link.disconnect();

  const alone = await device(t, name, { ...sync, tasks: local() });
  await alone.patch(edited, { title: "edited here" });
  await alone.patch(goneThereEdited, { title: "kept here" });
  await alone.delete(goneHere);
  const added = await alone.insert("tasks", { projectId: project, title: "added here" });
  await two.patch(edited, { notes: "walls, red" });
  await two.delete(goneThere);
  await two.delete(goneThereEdited);
  const theirs = await two.insert("tasks", { projectId: project, title: "added there" });
  link = linkInMemory(alone, two);
  await met(link);
  link.disconnect();
  assert.equal(await alone.get(theirs), null);

  const back = await device(t, name);
  assert.deepEqual((await back.verify()).problems, []);
  link = linkInMemory(back, two);
  await met(link);
  const titles = async (db: typeof back) => (await db.query("tasks").collect()).map(({ title }) => title).sort();
  const expected = ["added here", "added there", "edited here", "gone here", "kept here", "same"];
  assert.deepEqual(await titles(back), expected);
  assert.deepEqual(await titles(two), expected);
  assert.equal((await two.get(added))!.title, "added here");
  // What this device shows is written over what others wrote; history has that.
  assert.equal((await two.get(edited))!.notes, "walls");
  assert.ok((await two.history(edited)).length >= 3);
  assert.equal(await back.get(goneThere), null);
  await two.patch(same, { title: "same as ever" });
  await met(link);
  assert.equal((await back.get(same))!.title, "same as ever");
});

test("one of several tables of the workspace becomes local, and comes back", async (t) => {
  const name = "workspace";
  const one = await device(t, name);
  const [dark, draft] = [await one.insert("settings", { theme: "dark" }), await one.insert("drafts", { text: "a" })];
  const alone = await device(t, name, { ...sync, drafts: local() });
  await alone.patch(draft, { text: "b" });
  await alone.patch(dark, { theme: "light" });
  assert.deepEqual((await alone.verify()).problems, []);
  const back = await device(t, name);
  assert.equal((await back.get(draft))!.text, "b");
  assert.equal((await back.get(dark))!.theme, "light");
  assert.equal((await back.history(draft)).length, 2);
  assert.deepEqual((await back.verify()).problems, []);
});

test("versions of the app that come and go beside an open tab end what they began", async (t) => {
  const name = "stale";
  const alone = { ...sync, tasks: local() };
  const first = await device(t, name, alone);
  const project = await first.insert("projects", { name: "House" });
  const task = await first.insert("tasks", { projectId: project, title: "Paint" });
  const [tab, two] = [await device(t, name), await device(t)];
  const link = linkInMemory(tab, two);
  await met(link);
  for (let round = 0; round < 8; round += 1) {
    const old = await device(t, name, alone);
    await old.patch(task, { title: `edited ${round}` });
    // Every other one is closed while it begins.
    const next = await openDatabase({ name, schema, sync });
    if (round % 2 === 0) await next.sync.settled;
    await old.close();
    await next.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await met(link);
    assert.equal((await tab.get(task))!.title, `edited ${round}`);
    assert.equal((await two.get(task))!.title, `edited ${round}`);
  }
  assert.deepEqual((await tab.verify()).problems, []);
});

test("rows of a table that has become synced get into documents without being asked to", async (t) => {
  const name = "by itself";
  const apart = await device(t, name, { ...sync, tasks: local() });
  const project = await apart.insert("projects", { name: "p" });
  const task = await apart.insert("tasks", { projectId: project, title: "t" });
  await assert.rejects(apart.history(task), { code: "NotSupported" });
  const db = await openDatabase({ name, schema, sync });
  t.after(() => db.close());
  for (let tries = 0; (await db.history(task)).length === 0; tries += 1) {
    assert.ok(tries < 100, "it is in no document");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test("who meets another settles its tables first, whatever the time", async (t) => {
  const name = "before others";
  const apart = await device(t, name, { ...sync, tasks: local() });
  const project = await apart.insert("projects", { name: "p" });
  const task = await apart.insert("tasks", { projectId: project, title: "t" });
  const other = await device(t);
  // Nothing happens because time passes.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const db = await openDatabase({ name, schema, sync });
  t.after(() => db.close());
  linkInMemory(db, other);
  for (let tries = 0; (await other.query("tasks").collect()).length === 0; tries += 1) {
    assert.ok(tries < 10_000, "it has not come");
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await other.get(task))!.title, "t");
});
