// Documents as programs make and change them in stock automerge that know little of Holdfast.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as Automerge from "@automerge/automerge";
import { keyOf } from "../../ts/sync/frames.js";

import {
  addRow,
  assertSameForNewcomers,
  assertSameRows,
  device,
  nested,
  pair,
} from "../fixtures/automerge_database.js";
import { AutomergePeer, typeAt, withTable } from "../fixtures/automerge_peer.js";
import { met, until } from "../fixtures/sync.js";

const { ImmutableString } = Automerge;

test("a document that does not say whose it is, or of somebody unknown, is refused and changes nothing", async (t) => {
  const { db, project, peer } = await pair(t);
  const refused = async (root: unknown, reason: RegExp) => {
    const other = new AutomergePeer();
    const id = crypto.getRandomValues(new Uint8Array(16));
    const document = await withTable(Automerge.init(), id, "projects");
    other.add(
      id,
      Automerge.change(Automerge.clone(document), (document: any) => {
        if (root !== undefined) document._root = root;
        addRow(document, "projects", db.newId("projects"), { name: "nobody's" });
      }),
    );
    other.connect(db);
    await until("it is refused", async () => {
      const problems = await db.problems().current();
      return problems.some(
        ({ kind, id: of, message }) => kind === "refused" && of === keyOf(id) && reason.test(message),
      );
    });
    other.disconnect();
  };
  await refused(undefined, /whose it is/);
  await refused(5, /whose it is/);
  await refused(new ImmutableString("nonsense"), /whose it is/);
  await refused(new ImmutableString(db.newId("tasks")), /does not know/);
  await refused(new ImmutableString(project), /another one already/);
  assert.equal(await db.query("projects").count(), 1);
  peer.change(project, (document) => (document.projects[project].name = "goes on"));
  await met(peer);
  assert.equal((await db.get(project))!.name, "goes on");
});

test("formatted text is text, and is still formatted after Holdfast's edit", async (t) => {
  const { db, project, task, peer, edit, row } = await pair(t);
  const path = ["tasks", task, "notes"];
  await edit((_, document) => Automerge.mark(document, path, { start: 4, end: 8, expand: "both" }, "bold", true));
  assert.equal((await row()).notes, "the wall");
  await db.mutate((ctx) => ctx.db.splice(task, "notes", 0, 3, "a"));
  await db.mutate((ctx) => ctx.db.splice(task, "notes", 6, 0, "s"));
  await met(peer);
  assert.deepEqual(Automerge.spans(peer.of(project), path), [
    { type: "text", value: "a " },
    { type: "text", value: "walls", marks: { bold: true } },
  ]);
  await edit((_, document) => Automerge.splitBlock(document, path, 1, { type: new ImmutableString("paragraph") }));
  assert.equal((await row()).notes, "a\u{fffc} walls");
  await edit((_, document) => Automerge.unmark(document, path, { start: 0, end: 4, expand: "none" }, "bold"));
  await db.patch(task, { title: "beside it" });
  await met(peer);
  assert.equal((await row()).notes, "a\u{fffc} walls");
  assert.equal(Automerge.spans(peer.of(project), path)[1]!.type, "block");
});

test("what is too deep for a row stays in the document", async (t) => {
  const { db, project, task, peer, edit, row } = await pair(t);
  await edit((task) => (task.any = nested(40)));
  await db.patch(task, { title: "beside it" });
  await met(peer);
  assert.equal((await row()).title, "beside it");
  let inner = peer.of(project).tasks[task].any;
  for (let level = 0; level < 40; level += 1) inner = inner.in;
  assert.equal(inner, "core");
});

test("numbers of stock automerge: whole ones are numbers where the schema has numbers", async (t) => {
  const { db, project, task, peer, edit, row } = await pair(t);
  // automerge in JavaScript writes whole numbers as integers.
  await edit((task) => {
    task.estimate = 5;
    task.votes = 7;
    task.large = 9n;
  });
  assert.equal(typeAt(peer.of(project), "tasks", task, "estimate"), "int");
  assert.deepEqual([(await row())?.estimate, (await row())?.votes, (await row())?.large], [5, 7, 9n]);
  const added = db.newId("tasks");
  peer.change(project, (document) => {
    document.tasks[added] = { _creationTime: Date.now(), projectId: project, title: "added" };
  });
  await met(peer);
  assert.equal((await db.get(added))?.title, "added");
  await db.patch(task, { estimate: 6, votes: 8 });
  await met(peer);
  assert.equal(Number(peer.of(project).tasks[task].votes), 8);
});

test("a row that is here keeps the time of its creation, whatever others make of it", async (t) => {
  const { db, task, edit } = await pair(t);
  const created = (await db.get(task))!._creationTime;
  await edit((task) => (task._creationTime = 2.5));
  assert.equal((await db.get(task))!._creationTime, created);
});

test("a document that JavaScript makes by an ordinary change goes on with what Holdfast writes", async (t) => {
  const db = await device(t);
  const peer = new AutomergePeer();
  const [project, task] = [db.newId("projects"), db.newId("tasks")];
  const document = Automerge.change(Automerge.init<any>(), (document) => {
    document._root = new ImmutableString(project);
    document.projects = {};
    document.tasks = {};
    addRow(document, "projects", project, { name: "made in JavaScript" });
    addRow(document, "tasks", task, { projectId: project, title: "made in JavaScript" });
  });
  peer.add(crypto.getRandomValues(new Uint8Array(16)), document);
  peer.connect(db);
  t.after(() => peer.disconnect());
  await met(peer);
  await assertSameRows(db, peer);
  await db.patch(task, { title: "patched" });
  await met(peer);
  await assertSameRows(db, peer);
  // It has to be where everybody looks for it.
  await db.insert("tasks", { projectId: project, title: "by Holdfast" });
  await met(peer);
  await assertSameRows(db, peer);
  await assertSameForNewcomers(db, peer);
});

test("the root of a document may be a string as JavaScript sets it", async (t) => {
  const db = await device(t);
  const peer = new AutomergePeer();
  const project = db.newId("projects");
  const id = crypto.getRandomValues(new Uint8Array(16));
  const document = await withTable(Automerge.init(), id, "projects");
  peer.add(
    id,
    Automerge.change(Automerge.clone(document), (document: any) => {
      document._root = project;
      addRow(document, "projects", project, { name: "made in JavaScript" });
    }),
  );
  peer.connect(db);
  t.after(() => peer.disconnect());
  await until("it is taken in or refused", async () => {
    return (await db.get(project)) !== null || (await db.problems().current()).length > 0;
  });
  assert.deepEqual(await db.problems().current(), []);
  assert.equal((await db.get(project))!.name, "made in JavaScript");
});

test("rows go with the map of their table when JavaScript replaces or deletes it", async (t) => {
  const { db, project, peer } = await pair(t);
  peer.change(project, (document) => {
    document.tasks = {};
    addRow(document, "tasks", db.newId("tasks"), { projectId: project, title: "in the new map" });
  });
  await met(peer);
  await assertSameRows(db, peer);
  await db.insert("tasks", { projectId: project, title: "by Holdfast" });
  await met(peer);
  await assertSameRows(db, peer);
  peer.change(project, (document) => delete document.tasks);
  await met(peer);
  await assertSameRows(db, peer);
  await db.insert("tasks", { projectId: project, title: "by Holdfast again" });
  await met(peer);
  await assertSameRows(db, peer);
  await assertSameForNewcomers(db, peer);
});

test("of a change that comes without those that it follows, the database asks for those", async (t) => {
  const { db, project, task, peer } = await pair(t);
  peer.disconnect();
  const [id, before] = [peer.idOf(project), peer.of(project)];
  const between = Automerge.change(Automerge.clone(before), (document: any) => (document.tasks[task].title = "one"));
  const after = Automerge.change(between, (document: any) => (document.tasks[task].title = "two"));
  const changes = [Automerge.getLastLocalChange(after)!];
  // The filter by which a peer finds out what the other one has takes a change for known now and then that is not.
  const message = Automerge.encodeSyncMessage({ heads: Automerge.getHeads(after), need: [], have: [], changes });
  const [stock, state] = Automerge.receiveSyncMessage(Automerge.clone(before), Automerge.initSyncState(), message);
  const [, answer] = Automerge.generateSyncMessage(stock, state);
  assert.deepEqual(Automerge.decodeSyncMessage(answer!).need, Automerge.getHeads(between), "as stock automerge does");

  const needs: string[][] = [];
  const end = db.sync.attach({
    device: "another",
    send: (frame) => {
      if (frame.type === "sync") needs.push(Automerge.decodeSyncMessage(frame.message).need);
    },
    restart: () => assert.fail("it has begun anew"),
    lose: () => assert.fail("nobody is there any more"),
    status: () => {},
    idle: () => {},
  });
  await until("it has said what it has", () => needs.length > 0 && end.isIdle());
  end.receive({ type: "sync", id, message });
  await until("it has answered", () => needs.length > 1 && end.isIdle());
  end.end();
  assert.deepEqual(needs.at(-1), Automerge.getHeads(between));
});

test("a row that does not fit is told of with what is wrong with it", async (t) => {
  const { db, project, peer } = await pair(t);
  const [timeless, large] = [db.newId("tasks"), db.newId("tasks")];
  peer.change(project, (document) => {
    document.tasks[timeless] = { projectId: project, title: "without a time" };
    addRow(document, "tasks", large, { projectId: project, title: "large", file: new Uint8Array(2 ** 20) });
  });
  await met(peer);
  const problems = new Map((await db.problems().current()).map(({ id, message }) => [id, message]));
  assert.deepEqual([...problems.keys()].sort(), [timeless, large].sort());
  assert.match(problems.get(timeless)!, /_creationTime/);
  assert.match(problems.get(large)!, /large/);
});

test("a row of another document that has the id of one here is told of, with what becomes of that one", async (t) => {
  const { db, project, task, peer } = await pair(t);
  const garden = await db.insert("projects", { name: "garden" });
  await db.insert("tasks", { projectId: garden, title: "dig" });
  await met(peer);
  peer.change(garden, (document) => addRow(document, "tasks", task, { projectId: garden, title: "claimed" }));
  await met(peer);
  const told = async () => {
    const problems = (await db.problems().current()).filter(({ kind }) => kind === "duplicate");
    assert.deepEqual(
      problems.map(({ id, root }) => ({ id, root })),
      [{ id: task, root: garden }],
    );
    return problems[0]!.message;
  };
  assert.match(await told(), /which is shown\./);
  await db.delete(task);
  assert.equal(await db.get(task), null);
  assert.match(await told(), /which is deleted\./);
  await db.restore(task);
  assert.match(await told(), /which is shown\./);
  await met(peer);
  peer.change(project, (document) => (document.tasks[task].title = 7));
  await met(peer);
  assert.match(await told(), /which counts, and does not fit the schema\./);
  peer.change(project, (document) => {
    document.tasks[task].title = "paint";
    document.tasks[task]._movedTo = new ImmutableString(db.newId("projects"));
  });
  await met(peer);
  // What has gone hides nothing.
  assert.equal((await db.get(task))?.title, "claimed");
  assert.deepEqual(await db.problems().current(), []);
});
