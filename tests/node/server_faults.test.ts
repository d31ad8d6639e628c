// A server that sends what makes the docs worker fail: of that document nothing is heard any more, and others go on.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { Docs } from "../../pkg/holdfast_docs.js";
import { type HoldfastError, openDatabase } from "../../ts/index.js";
import { keyOf } from "../../ts/sync/frames.js";
import { root, type SocketConstructor, text, within } from "../../ts/sync/index.js";
import { until } from "../fixtures/sync.js";
import { syncServer } from "../fixtures/sync_server.js";
import { device, schema } from "../fixtures/synced_database.js";

const webSocketConstructor = WebSocket as unknown as SocketConstructor;

/** Has the docs worker fail of what a server sends of a document, as a defect of automerge does. Counts how often. */
function failOf(t: TestContext, id: Uint8Array): { falls: number } {
  const count = { falls: 0 };
  // Of one that refuses the document nothing reaches automerge.
  const refusing = new WeakSet<Docs>();
  const refuse = methodOf("refuse");
  t.mock.method(Docs.prototype, "refuse", function (this: Docs, peer: number, about: Uint8Array) {
    if (keyOf(about) === keyOf(id)) refusing.add(this);
    refuse.call(this, peer, about);
  });
  const socketReceived = methodOf("socketReceived");
  t.mock.method(
    Docs.prototype,
    "socketReceived",
    function (this: Docs, peer: number, message: Uint8Array, now: number) {
      const about = Docs.documentOf(message);
      if (about && keyOf(about) === keyOf(id) && !refusing.has(this)) {
        count.falls += 1;
        throw new WebAssembly.RuntimeError("unreachable");
      }
      socketReceived.call(this, peer, message, now);
    },
  );
  return count;
}

/** A device that notes its problems. */
async function failing(t: TestContext, name: string, problems: HoldfastError[]) {
  const sync = { projects: root(), tasks: within("projectId", { notes: text() }) };
  const db = await openDatabase({ name, schema, sync, onProblem: (error) => problems.push(error) });
  t.after(() => db.close());
  return db;
}

const methodOf = (name: string) =>
  Object.getOwnPropertyDescriptor(Docs.prototype, name)!.value as (this: Docs, ...args: unknown[]) => void;

test("a document of which the docs worker fails is set aside, and the others are synced", async (t) => {
  const { url } = await syncServer(t);
  const one = await device(t);
  const [bad, good] = [await one.insert("projects", { name: "bad" }), await one.insert("projects", { name: "good" })];
  const links = [await one.sync.share(bad), await one.sync.share(good)] as const;
  const [, harmful] = (await one.sync.documents.listed()).find(([, , rootId]) => rootId === bad)!;
  one.sync.connect(url, { webSocketConstructor });
  await until("the server has them", () => one.sync.status.state === "synced");
  await one.close();

  const problems: HoldfastError[] = [];
  const two = await failing(t, "fails", problems);
  const count = failOf(t, harmful);
  two.sync.connect(url, { webSocketConstructor });
  two.sync.join(links[0]).catch(() => undefined);
  assert.equal(await two.sync.join(links[1]), good);
  await until("it has failed", () => count.falls > 0);
  await until("it goes on", () => two.sync.status.state === "synced");
  await two.patch(good, { name: "better" });
  await until("it is synced again", () => two.sync.status.state === "synced");
  assert.equal(count.falls, 1);
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["EngineFault"],
  );
  const listed = await two.problems().current();
  assert.deepEqual(
    listed.map(({ kind, id }) => ({ kind, id })),
    [{ kind: "refused", id: keyOf(harmful) }],
  );
  assert.match(listed[0]!.message, /the docs worker has failed of it: unreachable/);
});

test("a document that is here and set aside says so, and another one that it is synced", async (t) => {
  const { url } = await syncServer(t);
  const [one, two] = [await failing(t, "writes", []), await failing(t, "reads", [])];
  const [bad, good] = [await one.insert("projects", { name: "bad" }), await one.insert("projects", { name: "good" })];
  for (const db of [one, two]) db.sync.connect(url, { webSocketConstructor });
  for (const id of [bad, good]) await two.sync.join(await one.sync.share(id));
  const [ofBad, ofGood] = [two.sync.statusOf(bad), two.sync.statusOf(good)];
  await until("both are synced", () => ofBad.value?.state === "synced" && ofGood.value?.state === "synced");
  const [, harmful] = (await one.sync.documents.listed()).find(([, , rootId]) => rootId === bad)!;
  failOf(t, harmful);
  await one.patch(bad, { name: "worse" });
  await until("it is set aside", () => ofBad.value?.state === "setAside");
  assert.match(ofBad.value!.message!, /the docs worker has failed of it/);
  await until("the other is synced", () => ofGood.value?.state === "synced");
  assert.equal(two.sync.status.state, "syncing");
});
