// Leaving a project: it goes from this device with all that lies in it, and nothing else does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import type { HoldfastError } from "../../ts/index.js";
import { linkInMemory, type SocketConstructor } from "../../ts/sync/index.js";
import { met, until } from "../fixtures/sync.js";
import { syncServer } from "../fixtures/sync_server.js";
import { type Device, device, deviceWithTask } from "../fixtures/synced_database.js";

const webSocketConstructor = WebSocket as unknown as SocketConstructor;
const LOSE = { accept: "lose-unsynced" } as const;

const titles = async (db: Device) => (await db.query("tasks").collect()).map(({ title }) => title).sort();

test("a project goes with what lies in it, and others keep it", async (t) => {
  const { db: one, project, task } = await deviceWithTask(t);
  const two = await device(t);
  const link = linkInMemory(one, two);
  const other = await one.insert("projects", { name: "garden" });
  const [mow, moved, deleted] = [
    await one.insert("tasks", { projectId: other, title: "mow" }),
    await one.insert("tasks", { projectId: project, title: "moved" }),
    await one.insert("tasks", { projectId: project, title: "deleted" }),
  ];
  await one.insertMany(
    "tasks",
    Array.from({ length: 300 }, (_, n) => ({ projectId: project, title: `task ${n}` })),
  );
  await met(link);
  await two.patch(moved, { projectId: other });
  await two.delete(deleted);
  await met(link);
  link.disconnect();
  const live = one.live(one.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project)));
  t.after(() => live.stop());
  await until("it is there", () => live.value?.length === 301);

  await one.sync.leave(project, LOSE);
  assert.equal(await one.get(project), null);
  assert.equal(await one.get(task), null);
  assert.deepEqual(await titles(one), ["moved", "mow"]);
  assert.equal((await one.get(moved))!.projectId, other);
  assert.deepEqual(live.value, []);
  assert.deepEqual(await one.deleted("tasks").current(), []);
  assert.deepEqual(await one.problems().current(), []);
  assert.deepEqual((await one.verify()).problems, []);
  await assert.rejects(one.patch(task, { title: "gone" }), { code: "NonexistentDocument" });
  await assert.rejects(one.sync.leave(project, LOSE), { code: "NonexistentDocument", message: /knows no document/ });
  await assert.rejects(one.sync.leave("automerge:none", LOSE), { code: "InvalidArgument", message: /takes a link/ });
  await one.patch(mow, { title: "mow it" });

  // Who has it still gives it back, with the deletion.
  assert.equal(await two.query("tasks").count(), 303);
  link.connect();
  await met(link);
  assert.equal((await one.get(task))!.title, "paint");
  assert.equal(await one.query("tasks").count(), 303);
  assert.equal((await one.get(moved))!.projectId, other);
  assert.equal(await one.get(deleted), null);
  assert.deepEqual((await one.verify()).problems, []);
  assert.equal((await two.get(mow))!.title, "mow it");
});

test("what the server may not have is not lost unless that is accepted", async (t) => {
  const server = await syncServer(t);
  const { db: one, project, task } = await deviceWithTask(t);
  await assert.rejects(one.sync.leave(project), { code: "NotSynced", message: /it is offline/, retryable: true });
  one.sync.connect(server.url, { webSocketConstructor });
  await until("it is synced", () => one.sync.status.state === "synced");
  const link = await one.sync.share(project);
  await one.sync.leave(link);
  assert.equal(await one.get(task), null);
  await until("nothing is left", () => one.sync.status.documents === 0);
  // Nothing that was on its way brings it back.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await one.get(project), null);
  assert.equal(await one.sync.join(link), project);
  assert.equal((await one.get(task))!.title, "paint");
  await one.patch(task, { title: "again" });
  await until("it is synced", () => one.sync.status.state === "synced");
  assert.deepEqual((await one.verify()).problems, []);
});

test("who leaves what another tab leaves has left it, too, or hears that it is gone", async (t) => {
  const { db: one, project, task } = await deviceWithTask(t);
  const two = await device(t, one.name);
  await until("it is there", async () => (await two.get(task)) !== null);
  const outcomes = await Promise.allSettled([one, two].map(({ sync }) => sync.leave(project, LOSE)));
  assert.ok(outcomes.some(({ status }) => status === "fulfilled"));
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") assert.equal((outcome.reason as HoldfastError).code, "NonexistentDocument");
  }
  for (const db of [one, two]) assert.equal(await db.get(project), null);
  assert.deepEqual((await one.verify()).problems, []);
});

test("a project that is left in one tab is left in all, while they write", async (t) => {
  const { db: one, project, task } = await deviceWithTask(t);
  const two = await device(t, one.name);
  await until("it is there", async () => (await two.get(task)) !== null);
  let isOver = false;
  const writing = (async () => {
    for (let count = 0; !isOver; count += 1) {
      try {
        await two.insert("tasks", { projectId: project, title: `${count}` });
      } catch (error) {
        return error as { code: string };
      }
    }
    return undefined;
  })();
  await one.sync.leave(project, LOSE);
  const error = await Promise.race([writing, new Promise<undefined>((resolve) => setTimeout(resolve, 2000))]);
  isOver = true;
  assert.equal(error?.code, "InvalidValue");
  assert.deepEqual(await two.query("tasks").collect(), []);
  assert.deepEqual((await two.verify()).problems, []);
});
