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
  assert.ok(history.every((entry) => !("again" in entry)));

  const paged: HistoryEntry[] = [];
  for (;;) {
    const before = paged.at(-1);
    const page = await db.history(task, { limit: 3, ...(before && { before }) });
    paged.push(...page);
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
  const [one, two] = [await device(t), await device(t)];
  const link = linkInMemory(one, two);
  const [house, garden] = [
    await one.insert("projects", { name: "House" }),
    await one.insert("projects", { name: "Garden" }),
  ];
  const task = await one.insert("tasks", { projectId: house, title: "one" });
  await met(link);
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
    const late = history.filter((entry) => titles(entry) === "late");
    assert.equal(late.length, 1);
    assert.deepEqual([late[0]!.root, late[0]!.actor], [garden, author]);
    assert.deepEqual(
      history.map(({ kind }) => kind),
      ["updated", "arrived", "movedAway", "updated", "inserted"],
    );
  }
});

test("clocks that are apart don't bring a document's changes out of order", () => {
  const entry = (change: string, time: number, kind: HistoryEntry["kind"] = "updated"): ToldEntry => ({
    change,
    time,
    actor: "",
    kind,
    fields: [],
  });
  const parts: Part[] = [
    // Somebody whose clock is behind has written last.
    { root: "b", entries: [entry("b3", 5), entry("b2", 100), entry("b1", 90, "arrived")] },
    { root: "a", entries: [entry("a3", 90, "movedAway"), entry("a2", 20), entry("a1", 80, "inserted")] },
  ];
  assert.deepEqual(
    joined(parts).map(({ change }) => change),
    ["b3", "b2", "b1", "a3", "a2", "a1"],
  );
});
