// Taking back what mutations have written, beside what others have.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { HoldfastError } from "../../ts/index.js";
import { linkInMemory } from "../../ts/sync/index.js";
import { GONE, uncounted, without } from "../../ts/sync/three_way.js";
import { met, until } from "../fixtures/sync.js";
import { device, deviceWithTask } from "../fixtures/synced_database.js";

async function withTask(t: TestContext) {
  const device = await deviceWithTask(t);
  const undo = device.db.undoManager();
  await undo.ready;
  return { ...device, undo };
}

const plain = (row: object | null) => {
  if (row === null) return null;
  const isOwn = ([name]: [string, unknown]) => !["_id", "_creationTime", "projectId"].includes(name);
  return Object.fromEntries(Object.entries(row).filter(isOwn));
};

test("a mutation is taken back as a whole, and done again", async (t) => {
  const { db, project, task, undo } = await withTask(t);
  assert.deepEqual([undo.canUndo, undo.canRedo], [false, false], "what was before is not its");
  assert.equal(await undo.undo(), false);
  let told = 0;
  undo.subscribe(() => (told += 1));
  const [before, other] = [plain(await db.get(task)), "another"];
  const made = await db.mutate(async (ctx) => {
    await ctx.db.patch(task, { title: "paint it", tags: ["a", "b"], meta: { color: "red" } });
    await ctx.db.increment(task, "votes", 4);
    await ctx.db.delete(project);
    return ctx.db.insert("drafts", { text: other });
  });
  const after = plain(await db.get(task));
  assert.deepEqual([undo.canUndo, undo.canRedo, told], [true, false, 1]);

  assert.equal(await undo.undo(), true);
  assert.deepEqual(plain(await db.get(task)), before);
  assert.deepEqual(plain(await db.get(project)), { name: "house" });
  assert.notEqual(await db.get(made), null, "what is not synced stays");
  assert.deepEqual([undo.canUndo, undo.canRedo, told], [false, true, 2]);

  assert.equal(await undo.redo(), true);
  assert.deepEqual(plain(await db.get(task)), after);
  assert.equal(await db.get(project), null);
  assert.deepEqual([undo.canUndo, undo.canRedo], [true, false]);
  assert.equal(await undo.undo(), true);
  assert.deepEqual(plain(await db.get(task)), before);
  assert.deepEqual((await db.verify()).problems, []);
});

test("mutations are taken back one by one, the last one first, and a new one ends what could be done again", async (t) => {
  const { db, task, undo } = await withTask(t);
  // Nobody waits for the first ones.
  const all = ["one", "two", "three"].map((title) => db.patch(task, { title }));
  assert.equal(await undo.undo(), true);
  await Promise.all(all);
  assert.equal((await db.get(task))?.title, "two");
  await undo.undo();
  assert.equal((await db.get(task))?.title, "one");
  await undo.redo();
  await db.patch(task, { title: "four" });
  assert.equal(undo.canRedo, false);
  assert.equal(await undo.redo(), false);
  for (const title of ["two", "one", "paint"]) {
    assert.equal(await undo.undo(), true);
    assert.equal((await db.get(task))?.title, title);
  }
  assert.equal(await undo.undo(), false);
});

test("what is inserted goes, what is deleted comes back with what others have changed of it", async (t) => {
  const { db, project, task, undo } = await withTask(t);
  const two = await device(t);
  const link = linkInMemory(db, two);
  await met(link);
  const made = await db.insert("tasks", { projectId: project, title: "new" });
  await undo.undo();
  assert.equal(await db.get(made), null);
  await undo.redo();
  assert.equal((await db.get(made))?.title, "new");

  link.disconnect();
  await db.delete(task);
  await two.patch(task, { title: "changed meanwhile" });
  link.connect();
  await until("both know", async () => (await two.get(task)) === null || (await db.get(task)) !== null);
  await met(link);
  await undo.undo();
  await met(link);
  for (const one of [db, two]) assert.equal((await one.get(task))?.title, "changed meanwhile");
});

test("what others have written stays", async (t) => {
  const { db, task, undo } = await withTask(t);
  const two = await device(t);
  linkInMemory(db, two);
  const same = () =>
    until("both have the same", async () => isDeepStrictEqual(await db.get(task), await two.get(task)));
  await same();
  await db.mutate(async (ctx) => {
    await ctx.db.patch(task, { title: "mine", notes: "all of the wall", tags: ["a", "b"], meta: { a: 1, b: 1 } });
    await ctx.db.increment(task, "votes", 5);
  });
  await same();
  await two.mutate(async (ctx) => {
    const meta = { a: 1, b: 2, c: 3 };
    await ctx.db.patch(task, { title: "theirs", notes: "all of the wall, twice", tags: ["x", "a", "b"], meta });
    await ctx.db.increment(task, "votes", 10);
  });
  await same();
  assert.equal(await undo.undo(), true);
  await same();
  const expected = { title: "theirs", notes: "the wall, twice", votes: 11, tags: ["x", "a"], meta: { b: 2, c: 3 } };
  for (const one of [db, two]) assert.deepEqual(plain(await one.get(task)), expected);

  // Of this nothing is left.
  await db.patch(task, { title: "mine again" });
  await same();
  await two.patch(task, { title: "theirs again" });
  await same();
  await db.patch(task, { votes: 1 });
  await undo.undo();
  assert.equal((await db.get(task))?.votes, 11);
  assert.equal(await undo.undo(), false);
  assert.equal((await db.get(task))?.title, "theirs again");
});

test("the next manager of its name knows all, also what was taken back", async (t) => {
  const { db, project } = await withTask(t);
  const undo = db.undoManager({ name: "editor" });
  await undo.ready;
  for (const to of ["two", "three", "four"]) await db.patch(project, { name: to });
  await undo.undo();
  undo.end();

  const other = db.undoManager({ name: "other" });
  const again = db.undoManager({ name: "editor" });
  await Promise.all([other.ready, again.ready]);
  assert.deepEqual([other.canUndo, again.canUndo, again.canRedo], [false, true, true]);
  await again.redo();
  assert.equal((await db.get(project))?.name, "four");
  for (const to of ["three", "two", "house"]) {
    assert.equal(await again.undo(), true);
    assert.equal((await db.get(project))?.name, to);
  }
  assert.equal(await again.undo(), false);
  await again.clear();
  assert.deepEqual([again.canUndo, again.canRedo], [false, false]);
  again.end();
  const last = db.undoManager({ name: "editor" });
  await last.ready;
  assert.deepEqual([last.canUndo, last.canRedo], [false, false]);
  assert.deepEqual((await db.verify()).problems, []);
});

test("a stack that nobody touches for a week is deleted", async (t) => {
  const { db, task, undo } = await withTask(t);
  await undo.clear();
  undo.end();
  const canUndo = async (name: string) => {
    const manager = db.undoManager({ name });
    await manager.ready;
    const { canUndo } = manager;
    manager.end();
    return canUndo;
  };
  const first = db.undoManager({ name: "first" });
  await first.ready;
  await db.patch(task, { title: "paint it" });
  first.end();
  const now = Date.now.bind(Date);
  const DAY_MS = 24 * 3600_000;
  for (const [days, isKept] of [
    [6, true],
    [8, false],
  ] as const) {
    const clock = t.mock.method(Date, "now", () => now() + days * DAY_MS);
    assert.equal(await canUndo(`another after ${days} days`), false);
    clock.mock.restore();
    assert.equal(await canUndo("first"), isKept, `after ${days} days`);
  }
});

test("a scope leaves the rest alone, and there is a limit", async (t) => {
  const { db, project, task, undo } = await withTask(t);
  undo.end();
  const elsewhere = await db.insert("projects", { name: "garden" });
  const tasks = db.undoManager({ scope: "tasks" });
  await db.mutate(async (ctx) => {
    await ctx.db.patch(task, { title: "both" });
    await ctx.db.patch(elsewhere, { name: "yard" });
  });
  await tasks.undo();
  assert.equal((await db.get(task))?.title, "paint");
  assert.equal((await db.get(elsewhere))?.name, "yard");
  tasks.end();
  const house = db.undoManager({ scope: [project] });
  await house.ready;
  assert.equal(house.canUndo || house.canRedo, false, "another scope is another stack");
  await db.patch(elsewhere, { name: "garden" });
  await db.patch(project, { name: "home" });
  await db.patch(task, { projectId: elsewhere });
  await house.undo();
  assert.equal((await db.get(task))?.projectId, project, "it lay there before");
  await house.undo();
  assert.equal((await db.get(project))?.name, "house");
  assert.equal((await db.get(elsewhere))?.name, "garden");
  house.end();

  const two = db.undoManager({ limit: 2, name: "two" });
  await Promise.all(["1", "2", "3"].map((name) => db.patch(project, { name })));
  assert.deepEqual([await two.undo(), await two.undo(), await two.undo()], [true, true, false]);
  assert.equal((await db.get(project))?.name, "1");
  two.end();
  const one = db.undoManager({ limit: 1, name: "two" });
  await one.ready;
  await one.redo();
  await one.redo();
  assert.deepEqual([await one.undo(), (await db.get(project))?.name], [true, "2"]);
});

test("what one manager takes back no other takes back again", async (t) => {
  const { db, task, undo } = await withTask(t);
  const same = db.undoManager();
  const other = db.undoManager({ name: "other" });
  await Promise.all([same.ready, other.ready]);
  await db.mutate((ctx) => ctx.db.increment(task, "votes", 5));
  assert.equal(await undo.undo(), true);
  assert.equal(await same.undo(), false, "it is the same");
  assert.equal((await db.get(task))?.votes, 1);
  // To the other one that is a mutation like others.
  await other.undo();
  assert.equal((await db.get(task))?.votes, 6);
  await other.undo();
  assert.equal((await db.get(task))?.votes, 1);
  same.end();
  await db.patch(task, { title: "still noted" });
  assert.equal(await undo.undo(), true);
  undo.end();
  await db.patch(task, { title: "not noted" });
  await undo.undo();
  assert.equal((await db.get(task))?.title, "not noted");
});

test("a project that is deleted with its tasks comes back with them", async (t) => {
  const { db, project, task, undo } = await withTask(t);
  await db.mutate(async (ctx) => {
    await ctx.db.delete(project);
    await ctx.db.delete(task);
  });
  assert.equal(await undo.undo(), true);
  assert.deepEqual([(await db.get(project))?.name, (await db.get(task))?.title], ["house", "paint"]);
  assert.equal(await undo.redo(), true);
  assert.deepEqual([await db.get(project), await db.get(task)], [null, null]);
});

test("what is within a project that was deleted is taken back all the same", async (t) => {
  const { db, project, task, undo } = await withTask(t);
  const garden = await db.insert("projects", { name: "garden" });
  await db.delete(project);
  await undo.clear();
  await db.delete(task);
  assert.equal(await undo.undo(), true);
  assert.equal((await db.get(task))?.title, "paint");
  assert.equal(await db.get(project), null, "that is another mutation");
  assert.deepEqual([await undo.redo(), await db.get(task)], [true, null]);
  assert.equal(await undo.undo(), true);
  // A move out of it, too, with what was written along with it.
  await db.patch(task, { projectId: garden, title: "moved" });
  assert.equal(await undo.undo(), true);
  assert.deepEqual([(await db.get(task))?.title, (await db.get(task))?.projectId], ["paint", project]);
  assert.equal(await undo.redo(), true);
  assert.deepEqual([(await db.get(task))?.title, (await db.get(task))?.projectId], ["moved", garden]);
  assert.deepEqual((await db.verify()).problems, []);
});

test("what can't be taken back does not stand in the way of the rest", async (t) => {
  const { db, task, undo } = await withTask(t);
  const large = "x".repeat(600_000);
  await db.patch(task, { meta: { large } });
  await db.patch(task, { title: "small", meta: { small: 1 } });
  // Another tab has made so much of it that what was there has no place.
  const tab = await device(t, db.name);
  await tab.patch(task, { notes: large });
  assert.equal(await undo.undo(), true);
  assert.deepEqual([(await db.get(task))?.title, (await db.get(task))?.meta], ["paint", { small: 1 }]);
  assert.equal(await undo.redo(), true);
  assert.equal((await db.get(task))?.title, "small");
});

test("what is written after undo was called stays", async (t) => {
  const { db, task, undo } = await withTask(t);
  const first = db.patch(task, { title: "first" });
  const undone = undo.undo();
  const typed = db.patch(task, { notes: "typed after" });
  await Promise.all([first, undone, typed]);
  assert.deepEqual([(await db.get(task))?.title, (await db.get(task))?.notes], ["paint", "typed after"]);
  // What is asked for one after the other is done so.
  await undo.clear();
  await db.patch(task, { title: "second" });
  await Promise.all([undo.undo(), undo.redo(), undo.undo(), undo.redo()]);
  assert.equal((await db.get(task))?.title, "second");
});

test("undo and a write in one tick come to what they do one after the other", async (t) => {
  type Write = (device: Awaited<ReturnType<typeof withTask>>) => Promise<unknown>;
  const writes: Record<string, Write> = {
    "the same field": ({ db, task }) => db.patch(task, { title: "typed" }),
    "another one": ({ db, task }) => db.patch(task, { tags: ["typed"] }),
    "both, and another row": ({ db, task, project }) =>
      db.mutate(async (ctx) => {
        await ctx.db.patch(task, { title: "typed", tags: ["typed"] });
        await ctx.db.patch(project, { name: "typed" });
      }),
    "one after the other": ({ db, task }) =>
      Promise.all([db.patch(task, { tags: ["typed"] }), db.patch(task, { title: "typed" })]),
    "the row goes": ({ db, task }) => db.delete(task),
    "it goes with its project": ({ db, task, project }) =>
      db.mutate(async (ctx) => {
        await ctx.db.patch(task, { title: "typed" });
        await ctx.db.delete(task);
        await ctx.db.delete(project);
      }),
  };
  const before = { title: "paint", notes: "the wall", votes: 1, tags: ["a"] };
  const trace = async (write: Write, isInOneTick: boolean, undos: number) => {
    const device = await withTask(t);
    const { db, task, project, undo } = device;
    await db.patch(project, { name: "home" });
    for (const title of ["one", "two", "three"]) await db.patch(task, { title });
    await db.patch(task, { title: "four", tags: ["b"], meta: { size: 1n, none: -0 } });
    const states: unknown[] = [];
    const note = async (isDone: boolean) =>
      void states.push([isDone, plain(await db.get(task)), plain(await db.get(project))]);
    const called = [...Array(undos).keys()].map(() => undo.undo());
    if (!isInOneTick) await Promise.all(called);
    const written = write(device);
    const answers = await Promise.all(called);
    await written;
    await note(answers.every((isDone) => isDone));
    while (undo.canUndo) await note(await undo.undo());
    assert.deepEqual((await db.verify()).problems, []);
    return states;
  };
  for (const [name, write] of Object.entries(writes)) {
    for (const undos of [1, 2]) {
      const [expected, states] = [await trace(write, false, undos), await trace(write, true, undos)];
      assert.deepEqual(states, expected, `${name}, after ${undos}`);
      assert.deepEqual(states.at(-1), [true, before, { name: "house" }], `${name}: nothing is lost`);
    }
  }
});

test("what was put together with a write behind it is so when the page is loaded again", async (t) => {
  const { db, task, undo } = await withTask(t);
  const undos = () => db.undoManager({ name: "editor" });
  undo.end();
  const editor = undos();
  await editor.ready;
  for (const title of ["one", "two"]) await db.patch(task, { title });
  const called = editor.undo();
  await db.patch(task, { title: "typed" });
  assert.equal(await called, true);
  editor.end();
  const again = undos();
  await again.ready;
  const titles: unknown[] = [];
  while (await again.undo()) titles.push((await db.get(task))?.title);
  assert.deepEqual(titles, ["one", "paint"]);
  await again.redo();
  await again.redo();
  assert.equal((await db.get(task))?.title, "typed");
});

test("what others have written over before does not go back along with a write of one's own", async (t) => {
  const { db, project, task, undo } = await withTask(t);
  const two = await device(t);
  await met(linkInMemory(db, two));
  await db.patch(project, { name: "home" });
  await db.patch(task, { title: "mine" });
  await until("it is there", async () => (await two.get(task))?.title === "mine");
  await two.patch(task, { title: "theirs" });
  await until("it is here", async () => (await db.get(task))?.title === "theirs");
  const called = undo.undo();
  await db.patch(task, { title: "typed" });
  assert.equal(await called, true);
  assert.equal((await db.get(project))?.name, "house", "the one before was meant");
  assert.equal(await undo.undo(), true);
  assert.equal((await db.get(task))?.title, "theirs");
  assert.equal(await undo.undo(), false);
});

test("forgetting spares what is written after it", async (t) => {
  const { db, task, undo } = await withTask(t);
  const before = db.patch(task, { title: "before" });
  const cleared = undo.clear();
  const after = db.patch(task, { title: "after" });
  await Promise.all([before, cleared, after]);
  assert.equal(await undo.undo(), true);
  assert.equal((await db.get(task))?.title, "before");
  assert.equal(await undo.undo(), false);
});

test("a mutation that runs out of time ends no more than itself", async (t) => {
  const { db, task, undo } = await withTask(t);
  await db.patch(task, { title: "one" });
  await undo.undo();
  let runs = 0;
  const slow = db.mutate(
    async (ctx) => {
      const row = await ctx.db.get(task);
      await ctx.db.patch(task, { notes: row!.notes + "!" });
      if ((runs += 1) > 1) await new Promise(() => undefined);
      await db.patch(task, { votes: 9 });
    },
    { timeoutMs: 1500 },
  );
  await assert.rejects(slow, (error: HoldfastError) => error.code === "MutationTimeout");
  assert.equal(runs, 2);
  assert.deepEqual([undo.canUndo, undo.canRedo], [true, false]);
});

test("a mutation that is too large to be noted ends the stack", async (t) => {
  const { db, project, task, undo } = await withTask(t);
  await db.patch(task, { title: "one" });
  await db.patch(task, { notes: "x".repeat(700_000) });
  assert.deepEqual([undo.canUndo, undo.canRedo], [true, false]);
  await db.patch(task, { notes: "y".repeat(700_000) });
  assert.deepEqual([undo.canUndo, undo.canRedo], [false, false]);
  await db.patch(project, { name: "two" });
  await undo.undo();
  assert.deepEqual([(await db.get(project))?.name, await undo.undo()], ["house", false]);
});

test("failed mutations are not taken back, and an ended manager notes nothing", async (t) => {
  const { db, task, undo } = await withTask(t);
  const failing = db.mutate(async (ctx) => {
    await ctx.db.patch(task, { title: "no" });
    throw new Error("on purpose");
  });
  await assert.rejects(failing, /on purpose/);
  assert.equal(undo.canUndo, false);
  undo.end();
  await db.patch(task, { title: "unseen" });
  assert.equal(undo.canUndo, false);
});

test("wrong options are told", async (t) => {
  const db = await device(t);
  const wrong = (options: object) => {
    assert.throws(
      () => db.undoManager(options),
      (error: HoldfastError) => error.code === "InvalidArgument",
      JSON.stringify(options),
    );
  };
  for (const options of [
    { scope: "drafts" },
    { scope: 3 },
    { scope: [""] },
    { scope: db.newId("tasks") },
    { limit: 0 },
    { name: 1 },
    { depth: 1 },
  ])
    wrong(options);
});

test("three ways", () => {
  const cases: [unknown, unknown, unknown, unknown][] = [
    [1, 2, 2, 1],
    [1, 2, 3, GONE],
    [undefined, "x", "x", undefined],
    ["x", undefined, undefined, "x"],
    ["x", undefined, "y", GONE],
    ["abc", "abXc", "0abXc", "0abc"],
    ["abc", "abXc", "abXcd", "abcd"],
    ["abc", "aXc", "aYc", GONE],
    ["abc", "ac", "abc", GONE],
    [["x"], [], ["x"], GONE],
    ["😀", "😀😁", "😂😀😁", "😂😀"],
    // Halves of these pairs are the same: put together they would be a letter that nobody has written.
    ["😀", "😂", "\u{1fa02}", GONE],
    [[1], [1, 2], [0, 1, 2], [0, 1]],
    [[{ a: 1 }], [{ a: 2 }], [{ a: 2 }, 3], [{ a: 1 }, 3]],
    [
      { a: 1, b: 1 },
      { a: 2, b: 1 },
      { a: 2, b: 5, c: 1 },
      { a: 1, b: 5, c: 1 },
    ],
    [{ a: 1 }, {}, { b: 1 }, { b: 1, a: 1 }],
    [{ a: 1 }, { a: 2 }, { a: 3 }, GONE],
    [{ a: 1 }, { a: 2 }, 7, GONE],
    [undefined, { a: 1, b: 1 }, { a: 1, b: 2, c: 3 }, { b: 2, c: 3 }],
    [0, -0, -0, 0],
  ];
  for (const [before, after, current, expected] of cases) {
    assert.deepEqual(without(before, after, current, true), expected, JSON.stringify([before, after, current]));
  }
  assert.equal(without("2024-01-01", "2024-02-01", "2024-02-15"), GONE, "no text is what nobody has written");
  assert.equal(uncounted(1, 6, 16), 11);
  assert.equal(uncounted(undefined, 6, 6), undefined);
  assert.equal(uncounted(undefined, 6, 7), GONE);
});

test("taking back from within a mutation that runs again ends, and limits are those of whoever wants most", async (t) => {
  const db = await device(t);
  const id = await db.insert("projects", { name: "p" });
  const undo = db.undoManager({ limit: 1, name: "x" });
  await undo.ready;
  await db.patch(id, { name: "q" });
  let runs = 0;
  await db.mutate(async (ctx) => {
    runs += 1;
    const { name } = (await ctx.db.get(id))!;
    await ctx.db.patch(id, { name: `${name}!` });
    if (runs < 3) await undo.undo();
  });
  assert.ok(runs > 1, "it was in its own way");
  assert.equal((await db.get(id))!.name.at(-1), "!");
  const same = db.undoManager({ limit: 3, name: "x", scope: [] });
  assert.equal(same, undo);
  for (const name of ["a", "b", "c"]) await db.patch(id, { name });
  assert.deepEqual([await undo.undo(), await undo.undo(), await undo.undo()], [true, true, true]);
  assert.equal(db.undoManager({ scope: ["projects", "projects"] }), db.undoManager({ scope: "projects" }));
});
