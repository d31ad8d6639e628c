// Devices that differ, and much that is synced, through a stock server of automerge-repo.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { root, type SocketConstructor, text, within } from "../../ts/sync/index.js";
import { until } from "../fixtures/sync.js";
import { syncServer } from "../fixtures/sync_server.js";
import { type Device, device, deviceWithTask, schema } from "../fixtures/synced_database.js";

const webSocketConstructor = WebSocket as unknown as SocketConstructor;

type Syncing = Pick<Device, "sync">;

const synced = (...devices: Syncing[]) =>
  until("the server and all devices have the same", () => devices.every(({ sync }) => sync.status.state === "synced"));

function connect(url: string, ...devices: Syncing[]): void {
  for (const { sync } of devices) sync.connect(url, { webSocketConstructor });
}

/** A device with a newer version of the app: a field more of tasks, and a table more. */
async function newer(t: TestContext) {
  const db = await openDatabase({
    name: "newer",
    schema: defineSchema({
      projects: defineTable({ name: v.string() }),
      tasks: defineTable({
        projectId: v.id("projects"),
        title: v.string(),
        notes: v.optional(v.string()),
        votes: v.optional(v.number()),
        due: v.optional(v.string()),
      }).index("by_project", ["projectId"]),
      comments: defineTable({ taskId: v.id("tasks"), projectId: v.id("projects"), text: v.string() }),
    }),
    sync: {
      projects: root(),
      tasks: within("projectId", { notes: text() }),
      comments: within("projectId"),
    },
  });
  t.after(() => db.close());
  return db;
}

test("two versions of an app sync, and what the older one does not know survives its edits", async (t) => {
  const { url } = await syncServer(t);
  const [old, young] = [await device(t), await newer(t)];
  connect(url, old, young);
  const projectId = await young.insert("projects", { name: "House" });
  const task = await young.insert("tasks", { projectId, title: "paint", due: "today" });
  const comment = await young.insert("comments", { taskId: task, projectId, text: "red?" });
  await old.sync.join(await young.sync.share(projectId));
  const { _id, _creationTime, ...fields } = (await old.query("tasks").first())!;
  assert.deepEqual([_id, fields], [task, { projectId, title: "paint" }]);
  await old.patch(task as never, { title: "paint it", notes: "the wall" } as never);
  await old.patch(projectId as never, { name: "Old house" } as never);
  await until("it has come", async () => (await young.get(projectId))!.name === "Old house");
  await synced(old, young);
  const { _id: _, _creationTime: __, ...all } = (await young.get(task))!;
  assert.deepEqual(all, { projectId, title: "paint it", notes: "the wall", due: "today" });
  assert.equal((await young.get(comment))!.text, "red?");
  // What is deleted and comes back has all of it, too.
  await old.delete(task as never);
  await until("it has come", async () => (await young.get(task)) === null);
  await old.restore(task as never);
  await until("it has come", async () => (await young.get(task))?.due === "today");
});

test("devices whose clocks are years apart sync all the same", async (t) => {
  const { url } = await syncServer(t);
  const real = Date.now;
  const year = 365 * 24 * 3600 * 1000;
  const at = async <T>(years: number, write: () => Promise<T>): Promise<T> => {
    const clock = t.mock.method(Date, "now", () => real() + years * year);
    try {
      return await write();
    } finally {
      clock.mock.restore();
    }
  };
  const { db: one, project, task } = await at(30, () => deviceWithTask(t));
  const two = await device(t);
  connect(url, one, two);
  await two.sync.join(await one.sync.share(project));
  const late = await at(-30, () => two.insert("tasks", { projectId: project, title: "from long ago" }));
  await at(-30, () => two.patch(task, { title: "the later one" }));
  await until("it has come", async () => (await one.get(task))!.title === "the later one");
  await at(30, () => one.patch(late, { title: "from the future" }));
  await until("it has come", async () => (await two.get(late))!.title === "from the future");
  await synced(one, two);
  assert.deepEqual(
    await two.query("tasks").withIndex("by_creation_time").collect(),
    await one.query("tasks").withIndex("by_creation_time").collect(),
  );
  const times = (await one.history(late)).map(({ time }) => Math.round((time - real()) / year));
  assert.deepEqual(times, [30, -30]);
});

test("a backup that is restored on one device is what all have then", async (t) => {
  const { url } = await syncServer(t);
  const { db: one, project, task } = await deviceWithTask(t);
  const two = await device(t);
  connect(url, one, two);
  await two.sync.join(await one.sync.share(project));
  const file = await one.export();
  await two.patch(task, { title: "spoiled" });
  const extra = await two.insert("tasks", { projectId: project, title: "too much" });
  await until("it has come", async () => (await one.get(extra)) !== null);
  await one.delete(task);
  await one.import(file, { mode: "replace" });
  await until("the other one follows", async () => (await two.get(extra)) === null);
  await until("and has it again", async () => (await two.get(task)) !== null);
  await synced(one, two);
  const rows = await one.query("tasks").collect();
  assert.deepEqual(await two.query("tasks").collect(), rows);
  assert.notEqual(rows[0]!.title, "spoiled");
  assert.equal(rows.length, 1);
});

test("a thousand documents and one of ten thousand rows are synced, and greeted again at once", async (t) => {
  const { url } = await syncServer(t);
  const sync = { projects: root(), tasks: within("projectId", { notes: text() }) };
  const open = async (name: string) => {
    const db = await openDatabase({ name, schema, sync });
    t.after(() => db.close());
    return db;
  };
  const one = await open("much");
  const projects = await one.insertMany(
    "projects",
    Array.from({ length: 1_000 }, (_, number) => ({ name: `project ${number}` })),
  );
  const large = projects[0]!;
  await one.insertMany(
    "tasks",
    Array.from({ length: 10_000 }, (_, number) => ({ projectId: large, title: `task ${number}` })),
  );
  connect(url, one);
  const patiently = async (holds: () => boolean) => {
    for (let tries = 0; tries < 12 && !holds(); tries += 1) await until("it goes on", holds).catch(() => undefined);
    assert.ok(holds());
  };
  await patiently(() => one.sync.status.state === "synced");
  assert.equal(one.sync.status.documents, 1_000);
  const two = await open("empty");
  connect(url, two);
  const wanted = [large, ...projects.slice(1, 50)];
  for (const id of await Promise.all(wanted.map(async (id) => two.sync.join(await one.sync.share(id))))) {
    assert.ok(wanted.includes(id as typeof large));
  }
  assert.equal(await two.query("tasks").count(), 10_000);
  one.sync.disconnect();
  connect(url, one);
  await patiently(() => one.sync.status.state === "synced" && two.sync.status.state === "synced");
  assert.equal(two.sync.status.documents, 50);
});
