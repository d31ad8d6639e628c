// Documents of synced tables in stock automerge, in JavaScript: what Holdfast writes is read there, and the other way round.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as Automerge from "@automerge/automerge";

import {
  addRow,
  assertSameForNewcomers,
  assertSameRows,
  bytes,
  device,
  nested,
  pair,
  savedAndLoaded,
} from "../fixtures/automerge_database.js";
import { AutomergePeer, typeAt, withTable } from "../fixtures/automerge_peer.js";
import { met } from "../fixtures/sync.js";

const { Counter, Float64, ImmutableString } = Automerge;

test("all values are in stock automerge what the format says", async (t) => {
  const { db, project, task, peer } = await pair(t);
  const full = {
    projectId: project,
    title: "naïve 😀 \u{10ffff} \u0000\n",
    notes: "a😀b",
    votes: 3,
    done: true,
    nothing: null,
    estimate: 2,
    large: 2n ** 63n - 1n,
    file: bytes(0, 255, 7),
    tags: ["", "x", "😀"],
    address: { street: "" },
    meta: { "a key with spaces": 1n, empty: {}, none: [] },
    any: [null, false, -0, NaN, Infinity, 1.5, -1n, "s", bytes(), [[]], { a: { b: [1] } }],
  };
  const id = await db.insert("tasks", full);
  const deep = await db.insert("tasks", { projectId: project, title: "", notes: "", any: nested(14) as any });
  await db.insert("settings", { theme: "dark" });
  await met(peer);

  assert.equal(peer.documents.length, 1, "what is somebody's own is nobody else's");
  const document = savedAndLoaded(peer.of(project));
  assert.deepEqual(Object.keys(document).sort(), ["_root", "projects", "tasks"]);
  assert.deepEqual(Object.keys(document.tasks).sort(), [task, id, deep].sort());
  assert.deepEqual(Object.keys(document.projects), [project]);
  const stored = (await db.get(id))!;

  const raw = (text: string) => new ImmutableString(text);
  assert.deepEqual(document._root, raw(project));
  assert.deepEqual(document.tasks[id], {
    _creationTime: stored._creationTime,
    projectId: raw(project),
    title: raw(full.title),
    notes: full.notes,
    votes: new Counter(3),
    done: true,
    nothing: null,
    estimate: 2,
    large: full.large,
    file: new Uint8Array([0, 255, 7]),
    tags: ["", "x", "😀"].map(raw),
    address: { street: raw("") },
    meta: { "a key with spaces": 1, empty: {}, none: [] },
    any: [null, false, -0, NaN, Infinity, 1.5, -1, raw("s"), new Uint8Array(), [[]], { a: { b: [1] } }],
  });
  const types = {
    _creationTime: "f64",
    title: "str",
    notes: "text",
    votes: "counter",
    done: "boolean",
    nothing: "null",
    estimate: "f64",
    large: "int",
    file: "bytes",
    tags: "list",
    address: "map",
  };
  for (const [name, type] of Object.entries(types)) assert.equal(typeAt(document, "tasks", id, name), type, name);
  assert.equal(typeAt(document, "tasks", id, "meta", "a key with spaces"), "int");
  assert.equal(typeAt(document, "tasks", id, "any", 2), "f64");
  assert.equal(typeAt(document, "tasks", deep, "notes"), "text");
  assert.ok(!("large" in document.tasks[deep]), "what is not there is not there");
  let inner = document.tasks[deep].any;
  for (let level = 0; level < 14; level += 1) inner = inner.in;
  assert.deepEqual(inner, raw("core"));

  await assertSameRows(db, peer);
  await assertSameForNewcomers(db, peer);
});

test("what Holdfast changes is changed in stock automerge", async (t) => {
  const { db, project, task, peer } = await pair(t);
  const garden = await db.insert("projects", { name: "garden" });
  await db.patch(task, { title: "two", notes: "the big 😀 wall", votes: 4, tags: ["b", "c", "b"], meta: { n: 1 } });
  await met(peer);
  await assertSameRows(db, peer);
  const { tasks } = peer.of(project);
  assert.equal(tasks[task].notes, "the big 😀 wall");
  assert.equal(tasks[task].votes.value, 4);
  assert.deepEqual(tasks[task].tags.map(String), ["b", "c", "b"]);

  // Not whole: no counter any more. And whole again.
  await db.patch(task, { votes: 0.5, notes: undefined });
  await met(peer);
  assert.equal(typeAt(peer.of(project), "tasks", task, "votes"), "f64");
  assert.equal(peer.of(project).tasks[task].notes, undefined);
  await db.patch(task, { votes: 2, notes: "again" });
  await met(peer);
  assert.equal(typeAt(peer.of(project), "tasks", task, "votes"), "counter");
  await assertSameRows(db, peer);

  await db.patch(task, { projectId: garden });
  await met(peer);
  assert.equal(peer.documents.length, 2);
  assert.deepEqual(peer.of(project).tasks[task]._movedTo, new ImmutableString(garden));
  assert.deepEqual(peer.of(garden).tasks[task]._origin, new ImmutableString(project));
  await assertSameRows(db, peer);

  await db.delete(task);
  await met(peer);
  const deleted = peer.of(garden).tasks[task];
  assert.equal(typeof deleted._deleted, "number");
  assert.equal(deleted.notes, "again");
  await assertSameRows(db, peer);
  await db.restore(task);
  await met(peer);
  await assertSameRows(db, peer);
  for (const document of peer.documents) savedAndLoaded(document);
  await assertSameForNewcomers(db, peer);
});

test("a string that JavaScript sets is a string in the row, and Holdfast edits it", async (t) => {
  const { db, project, task, peer, edit, row } = await pair(t);
  await edit((task) => {
    task.title = "a text";
    task.notes = "new 😀 notes";
    task.tags = ["p", "q"];
    task.meta.color = "red";
    task.address = { street: "Main" };
  });
  assert.equal(typeAt(peer.of(project), "tasks", task, "title"), "text");
  await assertSameRows(db, peer);
  assert.deepEqual((await row()).tags, ["p", "q"]);
  const found = await db
    .query("tasks")
    .withIndex("by_title", (q) => q.eq("title", "a text"))
    .collect();
  assert.equal(found.length, 1);

  await db.patch(task, { title: "by Holdfast", tags: ["p", "r"], meta: { color: "green" }, address: { street: "M" } });
  await db.mutate((ctx) => ctx.db.splice(task, "notes", 4, 2, "nice"));
  await met(peer);
  assert.equal(String(peer.of(project).tasks[task].title), "by Holdfast");
  assert.equal(peer.of(project).tasks[task].notes, "new nice notes");
  await assertSameRows(db, peer);

  await edit((task) => (task.title = new ImmutableString("immutable")));
  assert.equal((await row()).title, "immutable");
  await edit((task) => (task.notes = new ImmutableString("immutable, too")));
  assert.equal((await row()).notes, "immutable, too");
  await db.mutate((ctx) => ctx.db.splice(task, "notes", 0, 9, "a text"));
  await met(peer);
  assert.equal(typeAt(peer.of(project), "tasks", task, "notes"), "text");
  assert.equal(peer.of(project).tasks[task].notes, "a text, too");
  await assertSameRows(db, peer);
});

test("letters, counters, items and nested values that JavaScript changes", async (t) => {
  const { db, project, task, peer, edit, row } = await pair(t);
  const path = ["tasks", task, "notes"];
  await edit((_, document) => Automerge.splice(document, path, 4, 0, "😀big "));
  assert.equal((await row()).notes, "the 😀big wall");
  await edit((_, document) => Automerge.splice(document, path, 6, 4));
  assert.equal((await row()).notes, "the 😀wall");
  await edit((_, document) => Automerge.updateText(document, path, "a 😀😀 wall"));
  assert.equal((await row()).notes, "a 😀😀 wall");
  await edit((task) => task.votes.increment(4));
  await edit((task) => task.votes.decrement(2));
  assert.equal((await row()).votes, 3);
  await edit((task) => task.tags.push("c", "d"));
  await edit((task) => task.tags.unshift(new ImmutableString("z")));
  await edit((task) => task.tags.splice(1, 2, "y"));
  await edit((task) => (task.tags[0] = "x"));
  assert.deepEqual((await row()).tags, ["x", "y", "c", "d"]);
  await edit((task) => delete task.meta.color);
  await edit((task) => (task.meta.size.high = new Float64(2)));
  await edit((task) => (task.meta.list = [1.5, [null, true, new Date(5)], { large: 5n }]));
  const meta = { size: { high: 2, wide: 1.5 }, list: [1.5, [null, true, 5], { large: 5n }] };
  assert.deepEqual((await row()).meta, meta);
  await edit((task) => (task.file = new Uint8Array([1, 2])));
  await edit((task) => delete task.notes);
  assert.deepEqual((await row()).file, bytes(1, 2));
  assert.ok(!("notes" in (await row())));
  await assertSameRows(db, peer);
  // And Holdfast after that.
  await db.patch(task, { tags: ["y", "d", "e"], meta: { ...meta, size: { high: 3 } }, notes: "n", votes: 10 });
  await met(peer);
  await assertSameRows(db, peer);
  assert.equal(peer.of(project).tasks[task].votes.value, 10);
  await assertSameForNewcomers(db, peer);
});

test("rows that JavaScript adds, replaces and deletes", async (t) => {
  const { db, project, task, peer, row } = await pair(t);
  const [added, other] = [db.newId("tasks"), db.newId("tasks")];
  peer.change(project, (document) => {
    addRow(document, "tasks", added, { projectId: project, title: "added" });
    document.tasks[other] = { _creationTime: 1.5, projectId: new ImmutableString(project), title: "other", votes: 2.5 };
  });
  await met(peer);
  assert.equal((await db.get(added))!.title, "added");
  assert.equal((await db.get(other))!.votes, 2.5);
  await assertSameRows(db, peer);
  await db.patch(added, { title: "known", notes: "and noted", votes: 1 });
  await met(peer);
  assert.equal(peer.of(project).tasks[added].notes, "and noted");

  // The whole row is another map.
  peer.change(project, (document) => {
    const _creationTime = new Float64(document.tasks[task]._creationTime);
    addRow(document, "tasks", task, { _creationTime, projectId: project, title: "replaced" });
  });
  await met(peer);
  assert.deepEqual(Object.keys(await row()).sort(), ["_creationTime", "_id", "projectId", "title"]);
  await db.patch(task, { notes: "in the new map" });
  await met(peer);
  await assertSameRows(db, peer);

  peer.change(project, (document) => delete document.tasks[task]);
  await met(peer);
  assert.equal(await db.get(task), null);
  await assert.rejects(db.patch(task, { title: "x" }), /nonexistent document/);
  await assertSameRows(db, peer);

  // Deleted here and changed there, and the other way round.
  peer.disconnect();
  peer.change(project, (document) => delete document.tasks[added]);
  await db.patch(added, { title: "not seen any more" });
  await db.delete(other);
  peer.change(project, (document) => (document.tasks[other].title = "kept with the deleted"));
  peer.connect(db);
  await met(peer);
  assert.equal(await db.get(added), null);
  assert.equal(await db.get(other), null);
  await db.restore(other);
  assert.equal((await db.get(other))!.title, "kept with the deleted");
  // An id that is free again.
  await db.insert("tasks", { _id: task, projectId: project, title: "back" });
  await met(peer);
  assert.equal(String(peer.of(project).tasks[task].title), "back");
  await assertSameRows(db, peer);
  await assertSameForNewcomers(db, peer);
});

test("what JavaScript marks as deleted is deleted, and can be restored", async (t) => {
  const { db, task, peer, edit, row } = await pair(t);
  await edit((task) => (task._deleted = new Float64(Date.now())));
  assert.equal(await db.get(task), null);
  await assertSameRows(db, peer);
  await db.restore(task);
  await met(peer);
  assert.equal((await row()).title, "paint");
  await edit((task) => (task._deleted = Date.now()));
  assert.equal(await db.get(task), null);
  await edit((task) => delete task._deleted);
  assert.equal((await row()).title, "paint");
  await assertSameRows(db, peer);
});

test("both write at the same time: one value is shown everywhere, and the other one is a conflict", async (t) => {
  const { db, project, task, peer, row } = await pair(t);
  for (const round of [1, 2, 3]) {
    peer.disconnect();
    const [here, there] = [`here ${round}`, `there ${round}`];
    await db.patch(task, { title: here, meta: { color: here, size: { wide: 1.5 } }, tags: ["a", "b", here] });
    await db.mutate((ctx) => ctx.db.increment(task, "votes", 2));
    await db.mutate((ctx) => ctx.db.splice(task, "notes", 0, 0, "<"));
    peer.change(project, (document) => {
      const row = document.tasks[task];
      // As a text and as a register.
      row.title = round === 2 ? new ImmutableString(there) : there;
      row.meta.color = there;
      row.tags.push(there);
      row.votes.increment(1);
      Automerge.splice(document, ["tasks", task, "notes"], row.notes.length, 0, ">");
    });
    peer.connect(db);
    await met(peer);
    await assertSameRows(db, peer);
    const { title, meta, tags, votes, notes } = await row();
    assert.ok(title === here || title === there);
    const color = meta!.color as string;
    assert.deepEqual(await db.conflicts(task), [
      { path: ["meta", "color"], others: [color === here ? there : here] },
      { path: ["title"], others: [title === here ? there : here] },
    ]);
    const conflicts = Automerge.getConflicts(peer.of(project).tasks[task], "title")!;
    assert.deepEqual(Object.values(conflicts).map(String).sort(), [here, there]);
    assert.deepEqual([...tags!].sort(), ["a", "b", here, there].sort());
    assert.equal(votes, 1 + 3 * round);
    assert.equal(notes, `${"<".repeat(round)}the wall${">".repeat(round)}`);
    // Who writes next has decided, on either side.
    if (round === 2) await db.patch(task, { title: "decided", tags: ["a", "b"], meta: { ...meta, color: "decided" } });
    else {
      peer.change(project, (document) => {
        const row = document.tasks[task];
        row.title = row.meta.color = "decided";
        row.tags.splice(2, 2);
      });
    }
    await met(peer);
    assert.deepEqual(await db.conflicts(task), []);
    await assertSameRows(db, peer);
  }
});

test("a row that both begin at the same time is one row", async (t) => {
  const { db, project, peer } = await pair(t);
  const id = db.newId("tasks");
  peer.disconnect();
  await db.insert("tasks", { _id: id, projectId: project, title: "here", notes: "from here", votes: 1 });
  peer.change(project, (document) => {
    addRow(document, "tasks", id, { projectId: project, title: "there", estimate: 1.5, tags: ["t"] });
  });
  peer.connect(db);
  await met(peer);
  const row = (await db.get(id))!;
  assert.deepEqual(
    [row.notes, row.votes, row.estimate, row.tags],
    ["from here", 1, 1.5, ["t"]],
    "it has what either of them has written",
  );
  await db.patch(id, { title: "one", estimate: 2.5, votes: 2, tags: ["t", "u"], notes: "from both" });
  await met(peer);
  const { title, estimate, votes, tags, notes } = (await db.get(id))!;
  assert.deepEqual([title, estimate, votes, tags, notes], ["one", 2.5, 2, ["t", "u"], "from both"]);
  savedAndLoaded(peer.of(project));
});

test("a row that does not fit the schema is told of, and returns when JavaScript mends it", async (t) => {
  const { db, task, peer, edit, row } = await pair(t);
  const problems = async () => (await db.problems().current()).map(({ kind, table, id }) => ({ kind, table, id }));
  const misfit = [{ kind: "misfit" as const, table: "tasks", id: task }];
  await edit((task) => (task.done = "perhaps"));
  assert.equal(await db.get(task), null);
  assert.deepEqual(await problems(), misfit);
  const { fields, message } = (await db.problems().current())[0]!;
  assert.equal(fields.done, "perhaps");
  assert.match(message, /done/);
  await edit((task) => (task.done = true));
  assert.equal((await row()).done, true);
  assert.deepEqual(await problems(), []);
  await assertSameRows(db, peer);
  for (const [breaks, mends] of [
    [(task: any) => delete task.title, (task: any) => (task.title = "back")],
    [(task: any, other: any) => (task.projectId = other), (task: any, project: any) => (task.projectId = project)],
    [(task: any) => task.tags.push(null), (task: any) => task.tags.pop()],
    [(task: any) => (task.address = []), (task: any) => (task.address = { street: "s" })],
  ] as const) {
    const own = (await row()).projectId;
    const other = db.newId("projects");
    await edit((task) => breaks(task, other));
    assert.deepEqual(await problems(), misfit, String(breaks));
    await edit((task) => mends(task, own));
    assert.deepEqual(await problems(), [], String(mends));
    await row().then(({ projectId }) => assert.equal(projectId, own));
  }
  await db.patch(task, { title: "still editable", address: { street: "t" }, tags: ["x"] });
  await met(peer);
});

test("what is wrong with a row is told of what is wrong, and not of whole numbers and fields that nobody here knows", async (t) => {
  const { db, project, task, edit } = await pair(t);
  const elsewhere = await db.insert("projects", { name: "elsewhere" });
  await edit((task) => {
    Object.assign(task, { estimate: 5, sizes: [1], any: 7, large: 9, another: "one" });
    task.sizes.push(3);
  });
  assert.deepEqual((await db.get(task))!.sizes, [1, 3], "they are taken for what they are");
  for (const [name, value, reason] of [
    ["title", 7, /Path: \.title\nValue: 7\b/],
    ["title", undefined, /missing the required field `title`/],
    ["estimate", "x", /Path: \.estimate\nValue: "x"/],
    ["sizes", ["y"], /Path: \.sizes\[0\]\nValue: "y"/],
    ["projectId", "nobody", /Path: \.projectId\n/],
    ["projectId", elsewhere, /another document than the one that it lies in/],
  ] as const) {
    let before: unknown;
    await edit((task) => {
      before = name === "sizes" ? [1, 3] : task[name];
      if (value === undefined) delete task[name];
      else task[name] = value;
    });
    const [problem, ...others] = await db.problems().current();
    assert.deepEqual(others, []);
    assert.match(problem!.message, reason);
    const { estimate, sizes, any, large } = problem!.fields;
    const expected = { estimate: 5, sizes: [1, 3], any: 7n, large: 9n, [name]: value };
    if (name === "title" || name === "projectId") delete expected[name];
    assert.deepEqual({ estimate, sizes, any, large }, expected, `${name}: as they would be shown`);
    await edit((task) => (task[name] = before));
    assert.deepEqual(await db.problems().current(), []);
  }
  assert.equal((await db.get(task))!.projectId, project);
});

test("what no schema knows is not shown, and survives what Holdfast does beside it", async (t) => {
  const { db, project, task, peer, edit, row } = await pair(t);
  await edit((task, document) => {
    task.color = "red";
    task._private = "p";
    task["$price"] = 5;
    task["größe"] = 3;
    task.list = [{ a: 1 }];
    document.labels = { l1: { name: "label" } };
    document.note = "of the document";
    document.tasks.nonsense = { title: "no id" };
    document.tasks[project] = { title: "the id of another table" };
  });
  const { _id, _creationTime, ...fields } = await row();
  assert.deepEqual(Object.keys(fields).sort(), ["meta", "notes", "projectId", "tags", "title", "votes"]);
  assert.equal(await db.query("tasks").count(), 1);
  assert.deepEqual(await db.problems().current(), []);
  await db.patch(task, { title: "t", notes: "n", tags: undefined });
  await db.replace(task, { projectId: project, title: "whole", votes: 5 });
  await db.delete(task);
  await db.restore(task);
  await met(peer);
  const document = savedAndLoaded(peer.of(project));
  const { color, _private, $price, größe, list } = document.tasks[task];
  assert.deepEqual([color, _private, $price, größe, list], ["red", "p", 5, 3, [{ a: 1 }]]);
  assert.deepEqual([document.labels, document.note], [{ l1: { name: "label" } }, "of the document"]);
  assert.equal(document.tasks.nonsense.title, "no id");
  assert.equal((await row()).title, "whole");
});

test("a document that JavaScript makes by the book is taken in, and both go on with it", async (t) => {
  const db = await device(t);
  const peer = new AutomergePeer();
  const [project, task] = [db.newId("projects"), db.newId("tasks")];
  const id = crypto.getRandomValues(new Uint8Array(16));
  // The map of tasks is not there yet: whoever writes the first one makes it.
  peer.add(id, Automerge.clone(await withTable(Automerge.init(), id, "projects", project)));
  peer.change(project, (document) => addRow(document, "projects", project, { name: "made in JavaScript" }));
  peer.connect(db);
  t.after(() => peer.disconnect());
  await met(peer);
  assert.equal((await db.get(project))!.name, "made in JavaScript");
  await assertSameRows(db, peer);

  // Both make the map of tasks at the same time: it is one.
  peer.disconnect();
  await db.insert("tasks", { projectId: project, title: "here", notes: "text" });
  const document = await withTable(peer.of(project), id, "tasks");
  peer.replace(project, () => document);
  peer.change(project, (document) => addRow(document, "tasks", task, { projectId: project, title: "there" }));
  peer.connect(db);
  await met(peer);
  assert.equal(await db.query("tasks").count(), 2);
  assert.equal(Automerge.getConflicts(peer.of(project), "tasks"), undefined);
  await assertSameRows(db, peer);
  await db.patch(task, { title: "patched", votes: 1 });
  await db.patch(project, { name: "renamed" });
  await met(peer);
  peer.change(project, (document) => document.tasks[task].votes.increment(2));
  await met(peer);
  assert.equal((await db.get(task))!.votes, 3);
  await assertSameRows(db, peer);
  await assertSameForNewcomers(db, peer);
  savedAndLoaded(peer.of(project));
});
