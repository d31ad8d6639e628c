// A program with stock automerge-repo at the other end of a stock server: it reads rows and writes them.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type AutomergeUrl, type DocHandle, Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { WebSocket } from "ws";
import type { SocketConstructor } from "../../ts/sync/index.js";
import { until } from "../fixtures/sync.js";
import { syncServer } from "../fixtures/sync_server.js";
import { deviceWithTask } from "../fixtures/synced_database.js";

const webSocketConstructor = WebSocket as unknown as SocketConstructor;

/** A device with a task, a stock server, and a stock client that has the document. */
async function meeting(t: TestContext) {
  const { url } = await syncServer(t);
  const { db, project, task } = await deviceWithTask(t);
  db.sync.connect(url, { webSocketConstructor });
  await until("the server has it", () => db.sync.status.state === "synced");
  const socket = new WebSocketClientAdapter(url, 200);
  const repo = new Repo({ network: [socket] });
  t.after(() => repo.shutdown());
  const handle: DocHandle<any> = await repo.find((await db.sync.share(project)) as AutomergeUrl);
  // It would look for the server for ever.
  Object.assign(socket, { retryInterval: 0 });
  return { db, project, task, handle };
}

test("a stock client reads rows as the database has them", async (t) => {
  const { db, project, task, handle } = await meeting(t);
  const { _id, _creationTime, ...fields } = (await db.get(task))!;
  const read = () => JSON.parse(JSON.stringify(handle.doc())) as Record<string, any>;
  assert.deepEqual(read()["tasks"][task], { _creationTime, ...fields });
  assert.equal(read()["_root"], project);
  await db.patch(task, { title: "paint it" });
  await until("it has come", () => read()["tasks"][task].title === "paint it");
});

test("what a stock client writes is there as rows, and both edits of a row stay", async (t) => {
  const { db, project, task, handle } = await meeting(t);
  const live = db.live(db.query("tasks"));
  t.after(() => live.stop());
  handle.change((document) => {
    document.tasks[task].tags.push("from there");
    document.tasks[task].meta = { by: "stock" };
  });
  await db.patch(task, { notes: "the other wall" });
  await until("both are there", async () => {
    const row = (await db.get(task))!;
    return row.tags!.length === 2 && row.meta?.["by"] === "stock" && row.notes === "the other wall";
  });
  await until("it is shown", () => live.value?.[0]?.tags?.[1] === "from there");
  await until("they have come", () => handle.doc().tasks[task].notes.toString() === "the other wall");
  handle.change((document) => {
    delete document.projects[project];
  });
  await until("the project is gone", async () => (await db.get(project)) === null);
});

test("a stock client hears who is here", async (t) => {
  const { db, project, handle } = await meeting(t);
  const heard: unknown[] = [];
  handle.on("ephemeral-message", ({ message }) => heard.push(message));
  const presence = await db.presence(project);
  presence.set({ name: "Ada" });
  await until("it has come", () => heard.includes('holdfast presence {"name":"Ada"}'));
  // What others pass on is none of ours.
  handle.broadcast({ cursor: 1 });
  handle.broadcast("hello");
  await db.insert("projects", { name: "garden" });
  assert.deepEqual(presence.others, []);
});
