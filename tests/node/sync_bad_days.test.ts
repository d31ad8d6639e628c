// Synced tables on bad days: peers that send rubbish, placements that change, databases that end in the middle.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import type { Frame } from "../../ts/sync/frames.js";
import { linkInMemory, local, root, within } from "../../ts/sync/index.js";
import { met, until } from "../fixtures/sync.js";

const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({ projectId: v.id("projects"), title: v.string() }).index("by_project", ["projectId"]),
});
const sync = { projects: root(), tasks: within("projectId") };

let count = 0;
const freshName = () => `bad day ${(count += 1)}`;

async function device(t: TestContext, name = freshName()) {
  const db = await openDatabase({ name, schema, sync });
  t.after(() => db.close());
  return db;
}

/** An end of a connection that says what it likes, and keeps what it hears. */
function stranger(db: Awaited<ReturnType<typeof device>>) {
  const heard: Frame[] = [];
  const end = db.sync.attach({
    device: "stranger",
    send: (frame) => heard.push(frame),
    restart: () => undefined,
    status: () => undefined,
    idle: () => undefined,
  });
  return { heard, end };
}

test("rubbish from a peer is set aside, named and listed, and everything else goes on", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const project = await one.insert("projects", { name: "p" });
  const { heard, end } = stranger(one);
  await until("it hears of a document", () => heard.some((frame) => frame.type === "sync"));
  const { id, message } = heard.find((frame) => frame.type === "sync")!;
  const rubbish = [
    new Uint8Array(),
    Uint8Array.of(0x42),
    Uint8Array.of(0x42, 0xff, 0xff, 0xff, 0xff, 0x0f),
    new Uint8Array(1000).fill(0x85),
    message.slice(0, message.length - 1),
  ];
  for (const bytes of rubbish) {
    end.receive({ type: "sync", id: crypto.getRandomValues(new Uint8Array(16)), message: bytes });
    end.receive({ type: "sync", id: bytes, message: bytes });
  }
  end.receive({ type: "documents", ids: [new Uint8Array(3), new Uint8Array(0)] });
  end.receive({ type: "sync", id, message: Uint8Array.of(0x42, 1, 2, 3) });
  const problems = one.problems();
  await until("they are listed", () => problems.value?.some(({ kind }) => kind === "refused") ?? false);
  for (const { message, id } of problems.value!) {
    assert.match(message, /can't be taken in: ./);
    assert.match(id, /^[0-9a-f]{32}$/);
  }
  const link = linkInMemory(one, two);
  await met(link);
  assert.equal((await two.get(project))!.name, "p");
  await two.insert("tasks", { projectId: project, title: "t" });
  await met(link);
  assert.equal(await one.query("tasks").count(), 1);
  assert.deepEqual((await one.verify()).problems, []);
});

test("a document that claims somebody's project hides nothing", async (t) => {
  const [mine, theirs, other] = [await device(t), await device(t), await device(t)];
  const project = await mine.insert("projects", { name: "mine" });
  // They have seen the id.
  await theirs.insert("projects", { _id: project, name: "theirs" });
  const link = linkInMemory(mine, theirs);
  await until("both have refused", async () => {
    const lists = await Promise.all([mine, theirs].map((db) => db.problems().current()));
    return lists.every((list) => list.some(({ kind }) => kind === "refused"));
  });
  assert.equal((await mine.get(project))!.name, "mine");
  assert.equal((await theirs.get(project))!.name, "theirs");
  link.disconnect();
  await met(linkInMemory(mine, other));
  assert.equal((await other.get(project))!.name, "mine");
});

test("tables become synced with what they have, and local again", async (t) => {
  const name = freshName();
  const alone = { projects: local(), tasks: local() };
  const before = await openDatabase({ name, schema, sync: alone });
  t.after(() => before.close());
  const project = await before.insert("projects", { name: "p" });
  const rows = Array.from({ length: 1200 }, (_, n) => ({ projectId: project, title: `task ${n}` }));
  const ids = await before.insertMany("tasks", rows);
  const synced = await openDatabase({ name, schema, sync });
  t.after(() => synced.close());
  await synced.sync.settled;
  const other = await device(t);
  const link = linkInMemory(synced, other);
  await met(link);
  assert.equal(await other.query("tasks").count(), 1200);
  assert.equal((await other.get(ids[700]!))!.title, "task 700");
  link.disconnect();

  const again = await openDatabase({ name, schema, sync: alone });
  t.after(() => again.close());
  await again.sync.settled;
  assert.equal(await again.query("tasks").count(), 1200);
  assert.deepEqual((await again.verify()).problems, []);
});

test("a database that is closed or destroyed in the middle ends its side only", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const project = await one.insert("projects", { name: "p" });
  const link = linkInMemory(one, two);
  await two.close();
  await one.insert("tasks", { projectId: project, title: "t" });
  link.disconnect();
  const three = await device(t);
  await met(linkInMemory(one, three));
  assert.equal(await three.query("tasks").count(), 1);
  await three.destroy();
  await one.patch(project, { name: "q" });
  assert.equal((await one.get(project))!.name, "q");
});
