// What has become of a row that was in several documents.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { joined, type Part, type ToldEntry } from "../../ts/sync/history.js";
import { type HistoryEntry, linkInMemory, root, within } from "../../ts/sync/index.js";
import { met } from "../fixtures/sync.js";

const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({ projectId: v.id("projects"), title: v.string(), votes: v.optional(v.number()) }),
});
const sync = { projects: root(), tasks: within("projectId") };

let count = 0;

async function device(t: TestContext) {
  const db = await openDatabase({ name: `history ${(count += 1)}`, schema, sync });
  t.after(() => db.close());
  return db;
}

/** Two devices that have met, with a task in the first of two projects. */
async function devicesWithTask(t: TestContext) {
  const [one, two] = [await device(t), await device(t)];
  const link = linkInMemory(one, two);
  const [house, garden] = [
    await one.insert("projects", { name: "House" }),
    await one.insert("projects", { name: "Garden" }),
  ];
  const task = await one.insert("tasks", { projectId: house, title: "one" });
  await met(link);
  return { one, two, link, garden, task };
}

const titles = ({ fields }: HistoryEntry) => fields.find(({ name }) => name === "title")?.after;

test("a row that has moved keeps its history, page by page, and goes back", async (t) => {
  const db = await device(t);
  const [house, garden] = [
    await db.insert("projects", { name: "House" }),
    await db.insert("projects", { name: "Garden" }),
  ];
  const task = await db.insert("tasks", { projectId: house, title: "one" });
  await db.patch(task, { title: "two" });
  await db.patch(task, { projectId: garden });
  await db.patch(task, { title: "three" });
  await db.patch(task, { projectId: house });
  await db.patch(task, { title: "four" });
  const history = await db.history(task);
  assert.deepEqual(
    history.map(({ kind, root }) => [kind, root === house ? "House" : "Garden"]),
    [
      ["updated", "House"],
      ["arrived", "House"],
      ["movedAway", "Garden"],
      ["updated", "Garden"],
      ["arrived", "Garden"],
      ["movedAway", "House"],
      ["updated", "House"],
      ["inserted", "House"],
    ],
  );
  assert.deepEqual(
    [0, 3, 6].map((at) => titles(history[at]!)),
    ["four", "three", "two"],
  );

  const paged: HistoryEntry[] = [];
  for (;;) {
    const before = paged.at(-1);
    const page = await db.history(task, { limit: 3, ...(before && { before }) });
    paged.push(...page);
    assert.ok(page.length <= 3);
    if (page.length < 3) break;
  }
  assert.deepEqual(paged, history);

  // A state of before a move is one in the project of that time.
  await db.revert(task, history[3]!);
  const { title, projectId } = (await db.get(task))!;
  assert.deepEqual([title, projectId], ["three", garden]);
  await db.revert(task, history.at(-1)!);
  assert.deepEqual([(await db.get(task))!.title, (await db.get(task))!.projectId], ["one", house]);
});

test("an edit that was made again where a row went is one change, in the name of whoever wrote it", async (t) => {
  const { one, two, link, garden, task } = await devicesWithTask(t);
  await two.patch(task, { votes: 1 });
  await met(link);
  const author = (await one.history(task))[0]!.actor;
  link.disconnect();
  await one.patch(task, { projectId: garden });
  await two.patch(task, { title: "late" });
  link.connect();
  await met(link);
  for (const db of [one, two]) {
    assert.equal((await db.get(task))!.title, "late");
    const history = await db.history(task);
    assert.ok(history.every((entry) => !("again" in entry) && !("other" in entry)));
    const late = history.filter((entry) => titles(entry) === "late");
    assert.equal(late.length, 1);
    assert.deepEqual([late[0]!.root, late[0]!.actor], [garden, author]);
    assert.deepEqual(
      history.map(({ kind }) => kind),
      ["updated", "arrived", "movedAway", "updated", "inserted"],
    );
  }
});

test("a page that ends at a change that is made again meanwhile goes on behind it", async (t) => {
  const { one, two, link, garden, task } = await devicesWithTask(t);
  link.disconnect();
  await one.patch(task, { projectId: garden });
  await two.patch(task, { title: "late" });
  const [before] = await two.history(task, { limit: 1 });
  assert.equal(titles(before!), "late");
  link.connect();
  await met(link);
  assert.deepEqual(
    (await two.history(task, { before: before! })).map(({ kind }) => kind),
    ["arrived", "movedAway", "inserted"],
  );
  await assert.rejects(two.history(task, { before: { ...before!, change: "nonsense" } }), /before/);
});

test("a row in three projects within a second has one order, and late edits are listed once", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const link = linkInMemory(one, two);
  const projects = await one.insertMany(
    "projects",
    ["A", "B", "C"].map((name) => ({ name })),
  );
  for (let round = 0; round < 8; round += 1) {
    const task = await one.insert("tasks", { projectId: projects[0]!, title: "one" });
    await met(link);
    link.disconnect();
    await two.patch(task, { title: "late" });
    await one.patch(task, { projectId: projects[1]! });
    await one.patch(task, { projectId: projects[2]! });
    link.connect();
    await met(link);
    for (const db of [one, two]) {
      assert.deepEqual(
        (await db.history(task)).map(({ kind, root }) => `${kind} ${"ABC"[projects.indexOf(root as never)]}`),
        ["updated C", "arrived C", "movedAway B", "arrived B", "movedAway A", "inserted A"],
      );
    }
    const [late] = await one.history(task);
    assert.equal(titles(late!), "late");
    await one.revert(task, (await one.history(task)).at(-1)!);
    assert.deepEqual((await one.get(task))!.projectId, projects[0]);
  }
});

test("on a device that only listens, edits of a row that goes to and fro are listed where they were written", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const link = linkInMemory(one, two);
  const projects = await one.insertMany(
    "projects",
    ["P", "Q", "R"].map((name) => ({ name })),
  );
  const ways = [
    [1, 2, 1, 0, 2, 1],
    [1, 2, 0, 2, 1, 0],
    [2, 1, 2, 0, 1, 2, 0, 1],
  ];
  // Of which document it hears first is not the same each time.
  for (const way of Array.from({ length: 10 }).flatMap(() => ways)) {
    const task = await one.insert("tasks", { projectId: projects[0]!, title: "0" });
    await met(link);
    const written: string[] = [];
    for (const to of way) {
      await one.patch(task, { projectId: projects[to]! });
      for (let edits = 0; edits < 2; edits += 1) {
        written.push(`${written.length + 1} in ${to}`);
        await one.patch(task, { title: `${written.length}` });
      }
    }
    await met(link);
    for (const db of [one, two]) {
      const updates = (await db.history(task, { limit: 100 })).filter(({ kind }) => kind === "updated");
      const listed = updates.map((entry) => `${titles(entry)} in ${projects.indexOf(entry.root as never)}`);
      assert.deepEqual(listed.reverse(), written, `on ${db === one ? "the writer" : "the listener"}`);
    }
    assert.deepEqual(await two.history(task), await one.history(task));
  }
});

test("a move is not where it can be gone back to, and a deleted task comes back without its project", async (t) => {
  const db = await device(t);
  const [house, garden] = await db.insertMany(
    "projects",
    ["House", "Garden"].map((name) => ({ name })),
  );
  const task = await db.insert("tasks", { projectId: house!, title: "one" });
  await db.patch(task, { projectId: garden!, title: "two" });
  const [arrived, away] = await db.history(task);
  assert.equal(away!.kind, "movedAway");
  await assert.rejects(db.revert(task, away!), /arrived/);
  await assert.rejects(db.revert(task, { ...away!, kind: "updated" }), { code: "NonexistentDocument" });
  await db.patch(task, { title: "three" });
  await db.revert(task, arrived!);
  assert.equal((await db.get(task))!.title, "two");
  await db.delete(task);
  await db.delete(garden!);
  assert.deepEqual(
    (await db.deleted("tasks").current()).map(({ id }) => id),
    [task],
  );
  await db.restore(task);
  assert.equal((await db.get(task))!.title, "two");
  assert.deepEqual((await db.verify()).problems, []);
});

const told = (change: string, time: number, more: Partial<ToldEntry> = {}): ToldEntry => ({
  change,
  time,
  actor: change,
  kind: "updated",
  fields: [],
  ...more,
});

test("clocks that are apart don't bring changes out of order", () => {
  const parts: Part[] = [
    // Somebody whose clock is behind has written last, and somebody whose clock is ahead before the move.
    { root: "b", entries: [told("b3", 5), told("b2", 100), told("b1", 90, { kind: "arrived", other: "a" })] },
    {
      root: "a",
      entries: [
        told("a3", 90, { kind: "movedAway", other: "b" }),
        told("a2", 500),
        told("a1", 80, { kind: "inserted" }),
      ],
    },
  ];
  assert.deepEqual(
    joined(parts).entries.map(({ change }) => change),
    ["b3", "b2", "b1", "a3", "a2", "a1"],
  );
});

test("of several arrivals within a second each is that of its own departure", () => {
  // From a to b, to c, and to b again.
  const parts: Part[] = [
    {
      root: "b",
      entries: [
        told("b5", 90),
        told("b4", 90, { kind: "arrived", other: "a", from: "c" }),
        told("b3", 90, { kind: "movedAway", other: "c" }),
        told("b2", 90),
        told("b1", 90, { kind: "arrived", other: "a", from: "a" }),
      ],
    },
    {
      root: "c",
      entries: [
        told("c3", 90, { kind: "movedAway", other: "b" }),
        told("c2", 90),
        told("c1", 90, { kind: "arrived", other: "a", from: "b" }),
      ],
    },
    {
      root: "a",
      entries: [told("a2", 90, { kind: "movedAway", other: "b" }), told("a1", 90, { kind: "inserted" })],
    },
  ];
  const inOrder = ["b5", "b4", "c3", "c2", "c1", "b3", "b2", "b1", "a2", "a1"];
  assert.deepEqual(
    joined(parts).entries.map(({ change }) => change),
    inOrder,
  );
});

test("only an edit of another document is hidden by what claims to make it again", () => {
  const away = told("a2", 90, { kind: "movedAway", other: "b" });
  const arrived = told("b1", 90, { kind: "arrived", other: "a" });
  const listed = (a: ToldEntry[], b: ToldEntry[]) =>
    joined([
      { root: "b", entries: b },
      { root: "a", entries: a },
    ]).entries;
  const made = told("a1", 80, { kind: "inserted" });
  // Of a change of the same document, of none that was an edit, of one that wrote to other fields, and as it should be.
  const same = listed([away, made], [told("b3", 95, { again: "b2" }), told("b2", 93), arrived]);
  assert.deepEqual(
    same.map(({ change }) => change),
    ["b3", "b2", "b1", "a2", "a1"],
  );
  const insertion = listed([away, made], [told("b3", 95, { again: "a1" }), arrived]);
  assert.deepEqual(
    insertion.map(({ change }) => change),
    ["b3", "b1", "a2", "a1"],
  );
  const others = [told("b3", 95, { again: "a3", fields: [{ name: "title" }] }), arrived];
  assert.equal(listed([told("a3", 85), away, made], others).length, 5);
  const late = listed([told("a3", 85), away, made], [told("b3", 95, { again: "a3" }), arrived]);
  assert.deepEqual(
    late.map(({ change, actor }) => [change, actor]),
    [
      ["b3", "a3"],
      ["b1", "b1"],
      ["a2", "a2"],
      ["a1", "a1"],
    ],
  );
});

test("an entry of another row is none of this one, even in the same document", async (t) => {
  const db = await device(t);
  const house = await db.insert("projects", { name: "House" });
  const task = await db.insert("tasks", { projectId: house, title: "one" });
  const other = await db.insert("tasks", { projectId: house, title: "other" });
  await db.patch(task, { title: "two" });
  await db.patch(other, { title: "another" });
  for (const entry of [...(await db.history(other)), ...(await db.history(house))]) {
    await assert.rejects(db.revert(task, entry), { code: "NonexistentDocument", message: /no such change/ });
  }
  assert.equal((await db.get(task))!.title, "two");
  assert.equal((await db.history(task)).length, 2);
});
