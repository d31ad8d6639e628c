// Synced tables on bad days: peers that send rubbish, placements that change, databases that end in the middle.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import type { Frame } from "../../ts/sync/frames.js";
import { counter, linkInMemory, local, root, text, within } from "../../ts/sync/index.js";
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
    lose: () => undefined,
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

test("what repeats itself syncs, however little space it takes", async (t) => {
  const repeating = defineSchema({
    notes: defineTable({ text: v.string(), bytes: v.bytes(), count: v.number() }),
  });
  const placed = { notes: root({ text: text(), count: counter() }) };
  const [one, two] = await Promise.all(
    [freshName(), freshName()].map((name) => openDatabase({ name, schema: repeating, sync: placed })),
  );
  t.after(() => Promise.all([one!.close(), two!.close()]));
  const note = await one!.insert("notes", {
    text: " ".repeat(200_000),
    bytes: new ArrayBuffer(300_000),
    count: 0,
  });
  const other = await one!.insert("notes", { text: "y".repeat(100_000), bytes: new ArrayBuffer(0), count: 0 });
  // Columns of equal changes are a few bytes.
  const counted = await one!.insert("notes", { text: "", bytes: new ArrayBuffer(0), count: 0 });
  const increments = Array.from({ length: 7_000 }, () => one!.mutate((ctx) => ctx.db.increment(counted, "count")));
  await Promise.all(increments);
  await met(linkInMemory(one!, two!));
  assert.equal((await two!.get(counted))!.count, 7_000);
  for (const id of [note, other]) assert.deepEqual(await two!.get(id), await one!.get(id));
  assert.deepEqual(await two!.problems().current(), []);
});

test("what an app throws when it is called back harms nobody else", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const reported: unknown[] = [];
  const before = globalThis.reportError;
  globalThis.reportError = (error: unknown) => void reported.push(error);
  t.after(() => void (globalThis.reportError = before));
  const link = linkInMemory(one, two);
  link.subscribe(() => {
    throw new Error("in the app");
  });
  const project = await one.insert("projects", { name: "p" });
  await met(link);
  await until("it has come", async () => (await two.get(project)) !== null);
  link.disconnect();
  link.connect();
  await met(link);
  assert.ok(reported.length > 0);
  assert.throws(() => link.subscribe(null as never), { code: "InvalidArgument" });
  assert.throws(() => one.undoManager().subscribe(null as never), { code: "InvalidArgument" });
});

test("a device whose messages end the worker is not heard again of that document, and others go on", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const link = linkInMemory(one, two);
  const project = await one.insert("projects", { name: "p" });
  await met(link);
  const ended: string[] = [];
  // Whatever may once be found to end the worker: it is given something that it can't even be called with.
  let end: ReturnType<typeof one.sync.attach> | undefined;
  const connect = () => {
    end = one.sync.attach({
      device: "poisoner",
      send: (frame) => {
        if (frame.type === "sync") end!.receive({ ...frame, message: null as never });
      },
      restart: () => {
        ended.push("restart");
        end!.end();
        queueMicrotask(connect);
      },
      lose: () => void ended.push("lose"),
      status: () => undefined,
      idle: () => undefined,
    });
  };
  connect();
  await until("the worker has failed", () => ended.length > 0);
  await two.patch(project, { name: "after" });
  await until("others go on", async () => (await one.get(project))!.name === "after" && link.isSynced);
  assert.deepEqual(ended, ["restart"]);
  assert.ok((await one.problems().current()).some(({ kind }) => kind === "refused"));
  end!.end();
});

test("a worker that always fails leaves links that say so, and a database that goes on", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const link = linkInMemory(one, two);
  const project = await one.insert("projects", { name: "p" });
  await met(link);
  for (let n = 0; n < 8 && link.isConnected; n += 1) {
    const end = one.sync.attach({
      device: `poisoner ${n}`,
      send: () => undefined,
      restart: () => undefined,
      lose: () => undefined,
      status: () => undefined,
      idle: () => undefined,
    });
    end.receive({ type: "sync", id: new Uint8Array(16).fill(n), message: null as never });
    await new Promise((resolve) => setTimeout(resolve, 100));
    end.end();
  }
  await until("nobody is connected", () => !link.isConnected);
  await one.patch(project, { name: "alone" });
  assert.equal((await one.get(project))!.name, "alone");
});

test("a database that is closed is told of, and asked nothing", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const project = await one.insert("projects", { name: "p" });
  const link = linkInMemory(one, two);
  await met(link);
  const entry = (await one.history(project))[0]!;
  const undo = one.undoManager();
  await undo.ready;
  const closed = { code: "DatabaseClosed" };
  const asked = [one.history(project), one.revert(project, entry)];
  const outcomes = Promise.allSettled(asked);
  await one.close();
  for (const outcome of await outcomes) {
    if (outcome.status === "rejected") assert.equal((outcome.reason as { code: string }).code, "DatabaseClosed");
    else assert.notDeepEqual(outcome.value, [], "it has a history");
  }
  assert.throws(() => linkInMemory(one, two), closed);
  await assert.rejects(undo.undo(), closed);
  await assert.rejects(undo.redo(), closed);
  assert.deepEqual([link.isConnected, link.isSynced], [false, false]);
});

test("what is added is a whole number", async (t) => {
  const schema = defineSchema({ votes: defineTable({ n: v.number(), text: v.string() }) });
  const db = await openDatabase({ name: freshName(), schema, sync: { votes: root({ n: counter() }) } });
  t.after(() => db.close());
  const id = await db.insert("votes", { n: 1, text: "x" });
  for (const by of [NaN, Infinity, 0.5, 1e300, "1", null]) {
    const added = db.mutate((ctx) => ctx.db.increment(id, "n", by as number));
    await assert.rejects(added, { code: "InvalidArgument", message: /whole numbers to "n"/ });
  }
  await assert.rejects(
    db.mutate((ctx) => ctx.db.increment(id, "text" as never)),
    { message: '`ctx.db.increment` changes a number. "text" is no number: "x". (in table "votes")' },
  );
  for (const [method, kind] of [
    ["increment", "number"],
    ["splice", "string"],
  ] as const) {
    const changed = db.mutate((ctx) => ctx.db[method](id, "nots" as never, 0, 0));
    const message = `\`ctx.db.${method}\` changes a ${kind}. "nots" is not there: set it first. (in table "votes")`;
    await assert.rejects(changed, { code: "InvalidArgument", message });
  }
  const spliced = db.mutate((ctx) => ctx.db.splice(id, "text", 0, 0, 5 as never));
  await assert.rejects(spliced, { code: "InvalidArgument", message: /inserts a string into "text". Received 5/ });
  assert.equal((await db.get(id))!.n, 1);
});

test("what is no id is said of the method that was called", async (t) => {
  const db = await device(t);
  const change = { root: "x", change: "0".repeat(64) } as unknown as Awaited<ReturnType<typeof db.history>>[number];
  for (const [method, call] of Object.entries({
    get: () => db.get("rubbish" as never),
    conflicts: () => db.conflicts("rubbish" as never),
    history: () => db.history("rubbish" as never),
    restore: () => db.restore("rubbish" as never),
    revert: () => db.revert("rubbish" as never, change),
  })) {
    const message = `Invalid argument \`id\` for \`db.${method}\`: Unable to decode ID: "rubbish" is not a document id.`;
    await assert.rejects(call(), { code: "InvalidId", message });
  }
});

test("who writes without a pause does not keep out what others have written", async (t) => {
  const [one, two] = [await device(t), await device(t)];
  const link = linkInMemory(one, two);
  const projectId = await one.insert("projects", { name: "p" });
  const own = await one.insert("tasks", { projectId, title: "" });
  await met(link);
  link.disconnect();
  await two.insertMany(
    "tasks",
    Array.from({ length: 1_000 }, (_, number) => ({ projectId, title: `${number}` })),
  );
  for (let number = 0; number < 20; number += 1) await two.insert("tasks", { projectId, title: "one more" });
  link.connect();
  let writes = 0;
  do {
    for (let more = 0; more < 50; more += 1) await one.patch(own, { title: `${(writes += 1)}` });
    assert.ok(writes < 20_000, "the rows never come");
  } while ((await one.query("tasks").collect()).length < 1_021);
  await met(link);
  for (const db of [one, two]) {
    assert.equal((await db.get(own))!.title, `${writes}`);
    assert.deepEqual((await db.verify()).problems, []);
  }
});

test("a narrower schema hides what does not fit it, and a wider one shows it again", async () => {
  const name = freshName();
  const narrow = defineSchema({
    projects: defineTable({ name: v.string() }),
    tasks: defineTable({ projectId: v.id("projects"), title: v.literal("good") }).index("by_project", ["projectId"]),
  });
  const wide = await openDatabase({ name, schema, sync });
  const projectId = await wide.insert("projects", { name: "p" });
  const good = await wide.insert("tasks", { projectId, title: "good" });
  const bad = await wide.insert("tasks", { projectId, title: "bad" });
  // What lies in memory stays as long as anybody has it open.
  const held = [wide];
  for (let round = 0; round < 2; round += 1) {
    const db = await openDatabase({ name, schema: narrow, sync });
    assert.deepEqual(
      (await db.query("tasks").collect()).map(({ _id }) => _id),
      [good],
    );
    const [problem, ...others] = await db.problems().current();
    assert.deepEqual([problem?.kind, problem?.id, others], ["misfit", bad, []]);
    assert.match(problem!.message, /title/);
    await assert.rejects(db.insert("tasks", { projectId, title: "bad" as "good" }), { code: "SchemaEnforcementError" });
    assert.deepEqual((await db.verify()).problems, []);
    const again = await openDatabase({ name, schema, sync });
    held.push(again);
    await db.close();
    await again.sync.settled;
    assert.equal((await again.get(bad))?.title, "bad");
    assert.deepEqual(await again.problems().current(), []);
  }
  for (const db of held) await db.close();
  // What lies on this device alone has to fit.
  const alone = await openDatabase({ name, schema });
  const ownProject = await alone.insert("projects", { name: "p" });
  await alone.insert("tasks", { projectId: ownProject, title: "bad" });
  await assert.rejects(openDatabase({ name, schema: narrow }), { code: "SchemaDoesNotFit" });
  await alone.close();
});
