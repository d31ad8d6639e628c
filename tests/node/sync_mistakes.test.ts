// What is said to whoever asks too much of synced tables, and of what others have sent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { linkInMemory, root, text, within } from "../../ts/sync/index.js";
import { met, until } from "../fixtures/sync.js";
import { device, deviceWithTask } from "../fixtures/synced_database.js";

/** Something is refused, in words that begin so. */
const refuses = (call: Promise<unknown>, code: string, begin: string) =>
  assert.rejects(call, (error: Error & { code?: string }) => {
    assert.deepEqual([error.code, error.message.slice(0, begin.length)], [code, begin]);
    return true;
  });

test("a row of a table that is not synced has no past: whoever asks for it hears so", async (t) => {
  const { db, project, task } = await deviceWithTask(t);
  const draft = await db.insert("drafts", { text: "mine" });
  const gone = await db.insert("drafts", { text: "gone" });
  await db.delete(gone);
  const [entry] = await db.history(task);
  const refusal = { code: "NotSupported", message: /^Table "drafts" is not synced: / };
  for (const id of [draft, gone, db.newId("drafts")]) {
    await assert.rejects(db.history(id), refusal);
    await assert.rejects(db.conflicts(id), refusal);
    await assert.rejects(db.conflicts("drafts", id), refusal);
    await assert.rejects(db.restore(id), refusal);
    await assert.rejects(db.revert(id, entry!), refusal);
  }
  assert.throws(() => db.deleted("drafts"), refusal);
  const unknown = db.newId("tasks");
  assert.deepEqual([await db.history(unknown), await db.conflicts(unknown)], [[], []]);
  assert.deepEqual(await db.conflicts(project), []);
});

test("what is closed says so, and options are objects without a class", async (t) => {
  const { db, task } = await deviceWithTask(t);
  const other = await device(t);
  const link = linkInMemory(db, other);
  await met(link);
  const undo = db.undoManager();
  await undo.ready;
  for (const options of [new Date(), new Map(), new (class Options {})()]) {
    const refusal = { code: "InvalidArgument", message: /^The options of `history` must be an object\. / };
    await assert.rejects(db.history(task, options), refusal);
  }
  await other.close();
  assert.throws(() => link.connect(), { code: "DatabaseClosed" });
  link.disconnect();
  assert.throws(() => link.connect(), { code: "DatabaseClosed" });
  await db.close();
  for (const method of ["undo", "redo", "clear"] as const) {
    await assert.rejects(undo[method](), { code: "DatabaseClosed" }, method);
  }
});

test("what a message of a peer begins with is said if it is none", async (t) => {
  const db = await device(t);
  const end = db.sync.attach({
    device: "stranger",
    send: () => undefined,
    restart: () => undefined,
    lose: () => undefined,
    status: () => undefined,
    idle: () => undefined,
  });
  end.receive({ type: "sync", id: crypto.getRandomValues(new Uint8Array(16)), message: Uint8Array.of(201, 1, 2) });
  const problems = db.problems();
  await until("it is listed", () => problems.value?.length === 1);
  const message = "What a peer sends of a document can't be taken in: no message begins with the byte 201";
  assert.equal(problems.value![0]!.message, message);
});

test("a row that is kept and not shown says why, and that nobody has deleted it", async (t) => {
  const name = `mistakes ${Math.random()}`;
  const tables = (title: "good" | undefined) =>
    defineSchema({
      projects: defineTable({ name: v.string() }),
      tasks: defineTable({ projectId: v.id("projects"), title: title === undefined ? v.string() : v.literal(title) }),
    });
  const sync = { projects: root(), tasks: within("projectId") };
  const wide = await openDatabase({ name, schema: tables(undefined), sync });
  t.after(() => wide.close());
  const projectId = await wide.insert("projects", { name: "p" });
  const task = await wide.insert("tasks", { projectId, title: "bad" });
  const [entry] = await wide.history(task);
  const narrow = await openDatabase({ name, schema: tables("good"), sync });
  t.after(() => narrow.close());
  const [problem] = await narrow.problems().current();
  const why = `Document with ID "${task}" in table "tasks" does not match the schema: `;
  assert.ok(problem!.message.startsWith(why), problem!.message);
  const message = `The document ${task} is not deleted, but kept and not shown. ${problem!.message}`;
  await refuses(narrow.revert(task, entry!), "InvalidArgument", message);
  await refuses(narrow.restore(task), "InvalidArgument", message);
  // An insert with its id is an edit of it. Who opens a schema last says for all what is shown.
  await narrow.insert("tasks", { _id: task, projectId, title: "good" });
  assert.equal((await wide.get(task))!.title, "good");
  assert.deepEqual(
    (await narrow.history(task)).map(({ kind, fields }) => [kind, fields.map(({ name }) => name)]),
    [
      ["updated", ["title"]],
      ["inserted", ["projectId", "title"]],
    ],
  );
  await assert.rejects(wide.insert("tasks", { projectId, title: "bad" }), { code: "SchemaChanged" });
  const last = await openDatabase({ name, schema: tables(undefined), sync });
  t.after(() => last.close());
  await last.patch(task, { title: "bad" });
  assert.equal((await narrow.get(task))!.title, "bad");
});

test("a row that is shown is not deleted, whoever else has one of its id", async (t) => {
  const { db: mine, project } = await deviceWithTask(t);
  const theirs = await device(t);
  const task = mine.newId("tasks");
  await mine.insert("tasks", { _id: task, projectId: project, title: "mine" });
  const garden = await theirs.insert("projects", { name: "theirs" });
  await theirs.insert("tasks", { _id: task, projectId: garden, title: "theirs" });
  await met(linkInMemory(mine, theirs));
  const [shown, other] = [(await mine.get(task))!, (await theirs.get(task))!];
  assert.deepEqual([shown.title, other.title], ["mine", "theirs"]);
  for (const db of [mine, theirs]) {
    const [problem, ...others] = await db.problems().current();
    assert.deepEqual([problem?.kind, problem?.id, others], ["duplicate", task, []]);
    await refuses(db.restore(task), "InvalidArgument", `The document ${task} is not deleted.`);
  }
});

test("a row that lies in no document is refused in words that say which there is none of", async (t) => {
  const { db } = await deviceWithTask(t);
  const projectId = db.newId("projects");
  const field = 'The field "projectId" of a document of table "tasks" must ';
  const message = `${field}name an existing document of table "projects", together with which it is synced.`;
  await refuses(db.insert("tasks", { projectId, title: "lost" }), "InvalidValue", message);
});

test("letters are not put behind the end of a text", async (t) => {
  const schema = defineSchema({ notes: defineTable({ text: v.string() }) });
  const db = await openDatabase({ name: `splice ${Math.random()}`, schema, sync: { notes: root({ text: text() }) } });
  t.after(() => db.close());
  const id = await db.insert("notes", { text: "abc" });
  const splice = (index: number, count: number) => db.mutate((ctx) => ctx.db.splice(id, "text", index, count, "x"));
  const past = '`ctx.db.splice` was to begin at letter 100 of "text", which is past its end: it has 3.';
  const beyond = '`ctx.db.splice` was to take 2 letters from 2 on out of "text", which has 3.';
  for (const [index, count, message] of [
    [100, 0, past],
    [2, 2, beyond],
    [-1, 0, beyond.replace("2 letters from 2", "0 letters from -1")],
  ] as const) {
    await refuses(splice(index, count), "InvalidArgument", message.slice(0, -1));
  }
  await splice(3, 0);
  assert.equal((await db.get(id))!.text, "abcx");
});
