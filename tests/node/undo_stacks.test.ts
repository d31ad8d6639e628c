// Stacks of what can be taken back: read again, shared with other tabs, and when storage fails.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { HoldfastError } from "../../ts/index.js";
import { TransactionDatabase } from "../../ts/transactions.js";
import { device, deviceWithTask } from "../fixtures/synced_database.js";

/** A device with a task, and a manager whose stack another one of the same name has, too. */
async function withEditor(t: TestContext) {
  const made = await deviceWithTask(t);
  const undo = made.db.undoManager({ name: "editor" });
  await undo.ready;
  return { ...made, undo };
}

/** Has the next call of a method inside of a mutation do something before it does its own. */
function firstly(t: TestContext, method: "get" | "patch", work: () => Promise<unknown>) {
  const prototype = TransactionDatabase.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const own = prototype[method]!;
  const after = async function (this: unknown, ...args: unknown[]) {
    await work();
    return own.apply(this, args);
  };
  t.mock.method(prototype, method, after, { times: 1 });
}

test("of a stack that is read, so much is kept as is asked for", async (t) => {
  const { db, task, undo } = await withEditor(t);
  for (const title of ["one", "two", "three"]) await db.patch(task, { title });
  undo.end();
  for (const limit of [2, 3]) {
    const again = (await device(t, db.name)).undoManager({ name: "editor", limit });
    await again.ready;
    const before = (await db.get(task))!.title;
    const answers = [await again.undo(), await again.undo(), await again.undo()];
    // The second one finds two alone: what was beyond is deleted.
    assert.deepEqual(answers, [true, true, false], `of ${limit}`);
    assert.deepEqual([before, (await db.get(task))!.title], ["three", "one"]);
    for (let back = 0; back < 2; back += 1) await again.redo();
    again.end();
  }
});

test("what was taken back before is of another past than what is written while a stack is read", async (t) => {
  const { db, task, undo } = await withEditor(t);
  await db.patch(task, { title: "one" });
  await undo.undo();
  undo.end();
  const again = db.undoManager({ name: "editor" });
  const written = db.patch(task, { notes: "another" });
  await again.ready;
  await written;
  assert.deepEqual([again.canUndo, again.canRedo], [true, false]);
  assert.equal(await again.redo(), false);
  again.end();
  const last = db.undoManager({ name: "editor" });
  await last.ready;
  assert.deepEqual([last.canUndo, last.canRedo], [true, false]);
});

test("what another tab has taken back meanwhile hides nothing", async (t) => {
  const { db, project, task, undo } = await withEditor(t);
  const tab = await device(t, db.name);
  await db.patch(task, { title: "mine" });
  await db.patch(project, { name: "home" });
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  firstly(t, "get", () => held);
  const called = [undo.undo(), undo.undo()];
  await db.patch(task, { title: "typed" });
  // The first is under way: now somebody else takes back what was typed, and writes something else.
  const other = tab.undoManager({ name: "editor" });
  await other.ready;
  assert.equal(await other.undo(), true);
  assert.equal((await tab.get(task))?.title, "mine");
  await tab.patch(task, { title: "theirs" });
  letGo();
  assert.deepEqual(await Promise.all(called), [true, false]);
  assert.deepEqual([(await db.get(project))?.name, (await db.get(task))?.title], ["house", "theirs"]);
});

test("where storage fails, or the database is closed, nothing counts as taken back", async (t) => {
  const { db, project, task, undo } = await withEditor(t);
  await db.mutate(async (ctx) => {
    await ctx.db.patch(project, { name: "home" });
    await ctx.db.patch(task, { title: "one" });
  });
  firstly(t, "patch", () => Promise.reject(new HoldfastError("StorageFailed", "on purpose")));
  await assert.rejects(undo.undo(), { code: "StorageFailed" });
  assert.deepEqual([undo.canUndo, undo.canRedo], [true, false]);
  assert.equal(await undo.undo(), true);
  assert.equal((await db.get(task))?.title, "paint");
  await undo.redo();
  firstly(t, "patch", () => db.close());
  const rows = t.mock.method(TransactionDatabase.prototype, "get");
  await assert.rejects(undo.undo(), { code: "DatabaseClosed" });
  assert.equal(rows.mock.callCount(), 1, "nor is the next row looked at");
  assert.deepEqual([undo.canUndo, undo.canRedo], [true, false]);
});
