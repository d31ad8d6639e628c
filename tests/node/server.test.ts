// Devices that sync through a stock server of automerge-repo, and with a stock client.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { WebSocket } from "ws";
import type { SocketConstructor } from "../../ts/sync/index.js";
import { until } from "../fixtures/sync.js";
import { syncServer } from "../fixtures/sync_server.js";
import { type Device, device, deviceWithTask } from "../fixtures/synced_database.js";

const webSocketConstructor = WebSocket as unknown as SocketConstructor;

const synced = (...devices: Device[]) =>
  until("the server and all devices have the same", () => devices.every(({ sync }) => sync.status.state === "synced"));

function connect(url: string, ...devices: Device[]): void {
  for (const { sync } of devices) sync.connect(url, { webSocketConstructor });
}

/** A device with a task, and another one that has joined its project. */
async function pair(t: TestContext, url: string) {
  const { db: one, project, task } = await deviceWithTask(t);
  const two = await device(t);
  connect(url, one, two);
  await synced(one);
  await two.sync.join(await one.sync.share(project));
  return { one, two, project, task };
}

test("what one device writes the other gets through the server, and the other way round", async (t) => {
  const { url } = await syncServer(t);
  const { one, two, project, task } = await pair(t, url);
  assert.deepEqual(await two.get(project), await one.get(project));
  assert.deepEqual(await two.get(task), await one.get(task));
  await two.patch(task, { title: "paint it" });
  await until("it has come", async () => (await one.get(task))!.title === "paint it");
  await one.insert("tasks", { projectId: project, title: "another" });
  await until("it has come", async () => (await two.query("tasks").count()) === 2);
  await synced(one, two);
  assert.deepEqual(
    { ...one.sync.status.snapshot },
    {
      state: "synced",
      url,
      documents: 1,
      unsynced: 0,
      awaited: [],
      failure: undefined,
    },
  );
});

test("what was written offline comes when the server is there again", async (t) => {
  const server = await syncServer(t);
  const { one, two, task } = await pair(t, server.url);
  await server.kill();
  await until("it is known", () => one.sync.status.state === "error" && two.sync.status.state === "error");
  assert.equal(one.sync.status.failure!.kind, "lost");
  assert.ok(one.sync.status.failure!.retryAt! > Date.now() - 1000);
  await one.patch(task, { title: "offline" });
  await two.patch(task, { notes: "offline, too" });
  await server.start();
  for (const db of [one, two]) {
    await until("both edits are there", async () => {
      const { title, notes } = (await db.get(task))!;
      return title === "offline" && notes === "offline, too";
    });
  }
  await synced(one, two);
});

test("how single documents stand is told, and followed", async (t) => {
  const server = await syncServer(t);
  const { one, two, project } = await pair(t, server.url);
  const status = one.sync.statusOf(project);
  assert.equal(one.sync.statusOf(project), status);
  const states: unknown[] = [];
  const other = one.sync.statusOf(await one.insert("projects", { name: "another" }));
  other.subscribe(() => states.push(other.value?.state));
  await synced(one, two);
  await until("it is told", () => states.at(-1) === "synced");
  assert.deepEqual(await status.current(), { state: "synced", message: undefined });
  await server.kill();
  await until("it is told", () => status.value?.state === "error" && states.at(-1) === "error");
  await server.start();
  await until("it is told", () => status.value?.state === "synced" && states.at(-1) === "synced");
  one.sync.disconnect();
  await until("it is told", () => status.value?.state === "offline");
  await one.sync.leave(project, { accept: "lose-unsynced" });
  await assert.rejects(status.current(), { code: "NonexistentDocument" });
  await assert.rejects(one.sync.statusOf("nothing" as never).current(), { code: "NonexistentDocument" });
  assert.throws(() => one.sync.statusOf(7 as never), { code: "InvalidArgument" });
});

test("a server that has lost everything is given all of it again", async (t) => {
  const server = await syncServer(t);
  const { one, two, project, task } = await pair(t, server.url);
  two.sync.disconnect();
  assert.equal(two.sync.status.state, "offline");
  await server.kill();
  server.lose();
  await server.start();
  await synced(one);
  const three = await device(t);
  connect(server.url, three);
  await three.sync.join(await one.sync.share(project));
  assert.deepEqual(await three.get(task), await one.get(task));
});

test("a document that nobody has yet comes when somebody brings it", async (t) => {
  const { url } = await syncServer(t);
  const { db: one, project, task } = await deviceWithTask(t);
  const two = await device(t);
  const link = await one.sync.share(project);
  connect(url, two);
  const joined = two.sync.join(`https://app.example/projects#${link}`);
  await until("it is known", () => two.sync.status.awaited[0]?.isUnavailable === true);
  // It stays so, also when the server speaks of it again, as one does that was asked before.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual(two.sync.status.awaited, [{ link, isUnavailable: true }]);
  assert.equal(two.sync.status.state, "synced");
  two.sync.disconnect();
  connect(url, two);
  await until("it is known again", () => two.sync.status.awaited[0]?.isUnavailable === true);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual(two.sync.status.awaited, [{ link, isUnavailable: true }]);
  connect(url, one);
  assert.equal(await joined, project);
  assert.deepEqual(two.sync.status.awaited, []);
  assert.deepEqual(await two.get(task), await one.get(task));
  assert.equal(await two.sync.join(link), project, "it is here");
});

test("who waits for a document goes on with it when the database is opened again, in whichever tab", async (t) => {
  const { url } = await syncServer(t);
  const { db: one, project, task } = await deviceWithTask(t);
  const link = await one.sync.share(project);
  // Another tab keeps what is in memory.
  const tab = await device(t, "two");
  const two = await device(t, "two");
  const joined = assert.rejects(two.sync.join(link), { code: "DatabaseClosed" });
  await until("it is written down", () => two.sync.status.awaited.length === 1);
  await two.close();
  await joined;
  connect(url, one, tab);
  await until("it is there", async () => (await tab.get(task)) !== null);
});

test("who asks for a document twice at once gets it twice", async (t) => {
  const { url } = await syncServer(t);
  const { db: one, project } = await deviceWithTask(t);
  const two = await device(t);
  connect(url, one, two);
  await synced(one);
  const link = await one.sync.share(project);
  assert.deepEqual(await Promise.all([two.sync.join(link), two.sync.join(link)]), [project, project]);
  assert.deepEqual(two.sync.status.awaited, []);
});

test("who does not wait for it any more does not get it", async (t) => {
  const { url } = await syncServer(t);
  const { db: one, project, task } = await deviceWithTask(t);
  const link = await one.sync.share(project);
  const two = await device(t);
  connect(url, two);
  const joined = assert.rejects(two.sync.join(link), { code: "InvalidArgument", message: /given up/ });
  await until("it is waited for", () => two.sync.status.awaited.length === 1);
  await two.sync.leave(link);
  await joined;
  connect(url, one);
  await synced(one);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await two.get(task), null);
  assert.equal(await two.sync.join(link), project);
});

test("who comes again says only what is new, also in another page", async (t) => {
  const { url } = await syncServer(t);
  let bytes = 0;
  class Counted extends WebSocket {
    override send(data: Uint8Array): void {
      bytes += data.length;
      super.send(data);
    }
  }
  const counted = Counted as unknown as SocketConstructor;
  // Another tab keeps what is in memory.
  await device(t, "counted");
  const one = await device(t, "counted");
  const project = await one.insert("projects", { name: "house" });
  const tasks = Array.from({ length: 500 }, (_, number) => ({
    projectId: project,
    title: `${number} ${Math.random()}`,
  }));
  await one.insertMany("tasks", tasks);
  one.sync.connect(url, { webSocketConstructor: counted });
  await synced(one);
  assert.ok(bytes > 3_000, `${bytes}`);
  one.sync.disconnect();
  // What was learnt is kept a moment later.
  await new Promise((resolve) => setTimeout(resolve, 200));
  await one.close();
  const again = await device(t, "counted");
  bytes = 0;
  again.sync.connect(url, { webSocketConstructor: counted });
  await synced(again);
  assert.ok(bytes < 600, `${bytes}`);
  await again.insert("tasks", { projectId: project, title: "one more" });
  await synced(again);
  assert.ok(bytes < 1500, `${bytes}`);
});

test("who asks how it stands is not called back while they ask", async (t) => {
  const { url } = await syncServer(t);
  const { db } = await deviceWithTask(t);
  connect(url, db);
  await synced(db);
  let isAsking = false;
  const calls: boolean[] = [];
  db.sync.status.subscribe(() => calls.push(isAsking));
  await db.insert("projects", { name: "garden" });
  isAsking = true;
  assert.equal(db.sync.status.state, "syncing");
  isAsking = false;
  await synced(db);
  assert.ok(calls.length > 0 && !calls.includes(true), `${calls}`);
});
