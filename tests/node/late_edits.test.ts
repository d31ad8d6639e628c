// Rows that move to another document while somebody who does not know it edits them where they were.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import * as Automerge from "@automerge/automerge";
import { Docs } from "../../pkg/holdfast_docs.js";
import { linkInMemory } from "../../ts/sync/index.js";
import {
  addRow,
  assertSameForNewcomers,
  assertSameRows,
  pair as pairWithAutomerge,
} from "../fixtures/automerge_database.js";
import { AutomergePeer, withTable } from "../fixtures/automerge_peer.js";
import { met, until } from "../fixtures/sync.js";
import { device, deviceWithTask } from "../fixtures/synced_database.js";

/** Devices that all talk with the first one, a task, and a second project. */
async function devices(t: TestContext, count: number) {
  const { db: one, project, task } = await deviceWithTask(t, { tags: ["a", "b"], meta: { color: "white", coats: 1 } });
  const garden = await one.insert("projects", { name: "garden" });
  const others = await Promise.all(Array.from({ length: count - 1 }, () => device(t)));
  const links = others.map((other) => linkInMemory(one, other));
  const all = () => until("all have the same", () => links.every((link) => link.isSynced));
  await all();
  return { one, others, links, all, project, garden, task };
}

test("what is written to a task while another device moves it goes with it", async (t) => {
  const { one, others, links, all, garden, task } = await devices(t, 2);
  const [two] = others as [typeof one];
  links[0]!.disconnect();
  await one.patch(task, { projectId: garden, title: "moved" });
  await one.mutate(({ db }) => db.increment(task, "votes", 4));
  await one.mutate(({ db }) => db.splice(task, "notes", 8, 0, ", red"));
  await one.patch(task, { tags: ["a", "b", "c"] });
  await two.patch(task, { title: "late", tags: ["z", "a"], meta: { color: "white", coats: 2 } });
  await two.mutate(({ db }) => db.increment(task, "votes", 2));
  await two.mutate(({ db }) => db.splice(task, "notes", 0, 3, "a"));
  await two.mutate(({ db }) => db.splice(task, "notes", 6, 0, "s"));
  links[0]!.connect();
  await all();
  const { _id, _creationTime, title, ...fields } = (await one.get(task))!;
  assert.deepEqual(fields, {
    projectId: garden,
    notes: "a walls, red",
    votes: 7,
    tags: ["z", "a", "c"],
    meta: { color: "white", coats: 2 },
  });
  assert.deepEqual(await two.get(task), { _id, _creationTime, title, ...fields });
  // Both have written it: one wins, the other is told of.
  assert.ok(title === "late" || title === "moved");
  // What is written now is written to what all have.
  await two.patch(task, { title: "after", notes: "a walls" });
  await all();
  assert.deepEqual(await one.get(task), await two.get(task));
  assert.equal((await one.get(task))!.notes, "a walls");
});

test("late edits of several devices, which follow each other, are all made once", async (t) => {
  const { one, others, links, all, garden, task } = await devices(t, 3);
  const [two, three] = others as [typeof one, typeof one];
  const beside = linkInMemory(two, three);
  await met(beside);
  for (const link of links) link.disconnect();
  await one.patch(task, { projectId: garden });
  await two.mutate(({ db }) => db.splice(task, "notes", 0, 0, "2"));
  await two.mutate(({ db }) => db.increment(task, "votes", 10));
  await met(beside);
  await three.mutate(({ db }) => db.splice(task, "notes", 1, 0, "3"));
  beside.disconnect();
  await three.mutate(({ db }) => db.increment(task, "votes", 100));
  await two.mutate(({ db }) => db.splice(task, "notes", 9, 0, "4"));
  await two.mutate(({ db }) => db.increment(task, "votes", 1_000));
  links[1]!.connect();
  await until("the first and the third have the same", () => links[1]!.isSynced);
  assert.equal((await one.get(task))!.votes, 111);
  links[0]!.connect();
  beside.connect();
  await all();
  await met(beside);
  for (const db of [one, two, three]) {
    const { projectId, notes, votes } = (await db.get(task))!;
    assert.deepEqual({ projectId, notes, votes }, { projectId: garden, notes: "23the wall4", votes: 1_111 });
  }
});

test("a task that is moved twice takes along what is written where it was first", async (t) => {
  const { one, others, links, all, garden, task } = await devices(t, 2);
  const [two] = others as [typeof one];
  const cellar = await one.insert("projects", { name: "cellar" });
  await all();
  links[0]!.disconnect();
  await one.patch(task, { projectId: garden });
  await one.patch(task, { projectId: cellar });
  await two.patch(task, { title: "late" });
  links[0]!.connect();
  await all();
  for (const db of [one, two]) {
    const { projectId, title } = (await db.get(task))!;
    assert.deepEqual({ projectId, title }, { projectId: cellar, title: "late" });
  }
});

test("hundreds of letters that were written one by one go along", async (t) => {
  const { one, others, links, all, garden, task } = await devices(t, 2);
  const [two] = others as [typeof one];
  links[0]!.disconnect();
  await one.patch(task, { projectId: garden });
  const letters = "that everybody sees from the street ".repeat(8);
  for (const [place, letter] of [...letters].entries()) {
    await two.mutate(({ db }) => db.splice(task, "notes", 8 + place, 0, letter));
  }
  links[0]!.connect();
  await all();
  assert.equal((await one.get(task))!.notes, `the wall${letters}`);
  assert.equal((await two.get(task))!.notes, `the wall${letters}`);
});

test("a task that is deleted where it has gone comes back with what was written late", async (t) => {
  const { one, others, links, all, garden, task } = await devices(t, 2);
  const [two] = others as [typeof one];
  links[0]!.disconnect();
  await one.patch(task, { projectId: garden });
  await one.delete(task);
  await two.patch(task, { title: "late" });
  links[0]!.connect();
  await all();
  assert.equal(await two.get(task), null);
  await two.restore(task);
  await all();
  assert.equal((await one.get(task))!.title, "late");
});

test("many tasks that move at once take along what was written to some of them", async (t) => {
  const { one, others, links, all, project, garden } = await devices(t, 2);
  const [two] = others as [typeof one];
  const tasks = await one.insertMany(
    "tasks",
    Array.from({ length: 300 }, (_, number) => ({ projectId: project, title: `${number}` })),
  );
  await all();
  links[0]!.disconnect();
  for (const task of tasks) await one.patch(task, { projectId: garden });
  for (const task of tasks.slice(100, 200)) await two.patch(task, { title: "late" });
  links[0]!.connect();
  await all();
  for (const db of [one, two]) {
    const moved = await Promise.all(tasks.map((task) => db.get(task)));
    assert.ok(moved.every((task) => task!.projectId === garden));
    assert.equal(moved.filter((task) => task!.title === "late").length, 100);
  }
});

test("stock automerge's late edits go along, too, but not where the task lies", async (t) => {
  const { db, project, task, peer } = await pairWithAutomerge(t);
  const garden = await db.insert("projects", { name: "garden" });
  peer.disconnect();
  await db.patch(task, { projectId: garden });
  const cellar = await db.insert("projects", { name: "cellar" });
  peer.change(project, (document) => {
    document.tasks[task].title = "late";
    document.tasks[task].projectId = new Automerge.ImmutableString(cellar);
    document.tasks[task].tags.push("c");
    document.tasks[task].votes.increment(3);
    delete document.tasks[task].meta.color;
  });
  peer.connect(db);
  await met(peer);
  const { projectId, title, tags, votes, meta } = (await db.get(task))!;
  assert.deepEqual(
    { projectId, title, tags, votes },
    { projectId: garden, title: "late", tags: ["a", "b", "c"], votes: 4 },
  );
  assert.deepEqual(meta, { size: { wide: 1.5 } });
  await assertSameRows(db, peer);
  await assertSameForNewcomers(db, peer);
});

for (const isFrom of ["elsewhere", "here"]) {
  test(`who says that a row, made ${isFrom}, has moved from where it never was changes nothing`, async (t) => {
    const { db, project, task } = await pairWithAutomerge(t);
    const before = await db.get(task);
    const other = new AutomergePeer();
    const id = crypto.getRandomValues(new Uint8Array(16));
    const foreign = db.newId("projects");
    const text = (id: string) => new Automerge.ImmutableString(id);
    const origin = isFrom === "here" ? { _origin: text(project) } : {};
    const began = Automerge.change(await withTable(Automerge.init(), id, "projects", foreign), (document: any) => {
      addRow(document, "projects", foreign, { name: "theirs" });
      document.tasks = {};
      addRow(document, "tasks", task, { ...origin, projectId: text(foreign), title: "before" });
    });
    const moved = Automerge.change(Automerge.clone(began), (document: any) => {
      document.tasks[task]._movedTo = text(project);
    });
    const edited = Automerge.change(Automerge.clone(began), (document: any) => {
      document.tasks[task].title = "theirs";
    });
    other.add(id, Automerge.merge(moved, edited));
    other.connect(db);
    await met(other);
    assert.equal((await db.get(foreign))!.name, "theirs");
    assert.deepEqual(await db.get(task), before);
    other.disconnect();
  });
}

/** A task that two devices have moved to two projects, and somebody who edits the copy that is not shown. */
async function withCopy(t: TestContext) {
  const { one, others, links, all, garden, task } = await devices(t, 2);
  const cellar = await one.insert("projects", { name: "cellar" });
  await all();
  links[0]!.disconnect();
  await one.patch(task, { projectId: garden });
  await others[0]!.patch(task, { projectId: cellar });
  links[0]!.connect();
  await all();
  const peer = new AutomergePeer();
  t.after(() => peer.disconnect());
  peer.connect(one);
  await met(peer);
  links[0]!.disconnect();
  const [{ kind, root } = assert.fail("no copy")] = await one.problems().current();
  assert.equal(kind, "duplicate");
  const edit = () =>
    peer.change(root, (document) => {
      document.tasks[task].title = "late";
      document.tasks[task].votes.increment(3);
    });
  return { one, task, peer, edit };
}

test("what is written to a copy that is not shown is made again where the row counts, as soon as it is there", async (t) => {
  const { one, task, peer, edit } = await withCopy(t);
  edit();
  await until("it is made again", async () => (await one.get(task))!.votes === 4);
  await met(peer);
  assert.equal((await one.get(task))!.title, "late");
});

test("what was not made again when all ended is when it goes on", async (t) => {
  const { one, task, peer, edit } = await withCopy(t);
  // As if the page were gone before its docs worker has heard of it.
  const { mock } = t.mock.method(Docs.prototype, "beside", () => undefined);
  edit();
  await met(peer);
  assert.ok(mock.callCount() > 0);
  assert.equal((await one.get(task))!.votes, 1);
  peer.disconnect();
  const again = await device(t, one.name);
  await one.close();
  mock.restore();
  // Whoever asks for a history begins a docs worker.
  await again.history(task);
  await until("it is made again", async () => (await again.get(task))!.votes === 4);
  assert.equal((await again.get(task))!.title, "late");
});
