// Who is here: told through a server to those who look at the same project, and forgotten by itself.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { decode, encode } from "cbor-x";
import { WebSocket } from "ws";
import type { SocketConstructor } from "../../ts/sync/index.js";
import { until } from "../fixtures/sync.js";
import { syncServer } from "../fixtures/sync_server.js";
import { device, deviceWithTask } from "../fixtures/synced_database.js";

const webSocketConstructor = WebSocket as unknown as SocketConstructor;

/** Two devices that look at one project. */
async function looking(t: TestContext) {
  const { url } = await syncServer(t);
  const { db: one, project, task } = await deviceWithTask(t);
  const two = await device(t);
  for (const { sync } of [one, two]) sync.connect(url, { webSocketConstructor });
  await two.sync.join(await one.sync.share(project));
  await until("both are there", () => [one, two].every(({ sync }) => sync.status.state === "synced"));
  return { one, two, project, task };
}

test("who says what they do is seen by others at the same project, also by those who come later", async (t) => {
  const { one, two, project, task } = await looking(t);
  const ada = await one.presence(project);
  ada.set({ name: "Ada", task });
  const bob = await two.presence(project);
  let calls = 0;
  bob.subscribe(() => (calls += 1));
  await until("Ada is seen", () => bob.others.length === 1);
  assert.deepEqual(
    bob.others.map(({ state }) => state),
    [{ name: "Ada", task }],
  );
  assert.deepEqual(ada.others, [], "Bob has said nothing");
  const before = bob.others;
  ada.set({ name: "Ada", task });
  bob.set({ name: "Bob" });
  await until("Bob is seen", () => ada.others.length === 1);
  assert.equal(bob.others, before, "nothing has changed");
  assert.equal(calls, 1);
  ada.set({ name: "Ada" });
  await until("it is another one", () => bob.others !== before);
  assert.deepEqual(bob.others[0]!.state, { name: "Ada" });
  ada.stop();
  await until("Ada has gone", () => bob.others.length === 0);
  ada.set({ name: "nobody" });
  assert.deepEqual(bob.others, []);
});

test("who is not heard of any more is gone after a while", async (t) => {
  const { one, two, project } = await looking(t);
  const ada = await one.presence(project);
  const bob = await two.presence(project);
  ada.set("here");
  await until("Ada is seen", () => bob.others.length === 1);
  await one.close();
  const now = performance.now.bind(performance);
  t.mock.method(performance, "now", () => now() + 26_000);
  await until("Ada has gone", () => bob.others.length === 0);
});

test("of another project nobody is seen, and what can't be said is the caller's mistake", async (t) => {
  const { one, two, project, task } = await looking(t);
  const other = await two.insert("projects", { name: "garden" });
  const [ada, bob] = [await one.presence(project), await two.presence(other)];
  const witness = await two.presence(project);
  ada.set("here");
  await until("it has come", () => witness.others.length === 1);
  assert.deepEqual(bob.others, []);
  assert.throws(() => ada.set("x".repeat(2000)), { code: "InvalidArgument", message: /at most 1000 letters/ });
  assert.throws(() => ada.set(1n), { code: "InvalidArgument", message: /plain value/ });
  await assert.rejects(one.presence(task), { code: "NonexistentDocument", message: /`presence` takes/ });
  await two.close();
  assert.deepEqual(bob.others, []);
});

test("who comes before the server is there, or again, is seen as soon as it is", async (t) => {
  const { one, two, project } = await looking(t);
  const url = one.sync.status.url!;
  const ada = await one.presence(project);
  ada.set("ada");
  two.sync.disconnect();
  await until("it is offline", () => two.sync.status.state === "offline");
  const bob = await two.presence(project);
  bob.set("bob");
  two.sync.connect(url, { webSocketConstructor });
  const begun = performance.now();
  await until("they see each other", () => ada.others.length === 1 && bob.others.length === 1);
  // Each says again who is here, too, but only every ten seconds.
  assert.ok(performance.now() - begun < 5_000);
});

test("what a stranger says to all ends nobody's connection", async (t) => {
  const { one, two, project } = await looking(t);
  const documentId = (await one.sync.share(project)).slice("automerge:".length);
  const failures: unknown[] = [];
  for (const { sync } of [one, two]) {
    sync.status.subscribe(() => {
      if (sync.status.failure !== undefined) failures.push(sync.status.failure);
    });
  }
  const seen = await two.presence(project);
  const stranger = new WebSocket(one.sync.status.url!);
  t.after(() => stranger.terminate());
  const hello = { type: "join", senderId: "stranger", peerMetadata: {}, supportedProtocolVersions: ["1"] };
  stranger.on("open", () => stranger.send(encode(hello)));
  const server = await new Promise<string>((resolve) => {
    stranger.on("message", (data: Buffer) => {
      const { type, senderId } = decode(data) as { type: string; senderId: string };
      if (type === "peer") resolve(senderId);
    });
  });
  const long = "x".repeat(300);
  for (const bad of [{ sessionId: long }, { count: -1 }, { count: 1e300 }, { count: "1" }, { data: long }]) {
    const frame = {
      senderId: "stranger",
      targetId: server,
      documentId,
      sessionId: "s",
      count: 1,
      data: new Uint8Array(1),
    };
    stranger.send(encode({ type: "ephemeral", ...frame, ...bad }));
  }
  // What comes after those comes through.
  (await one.presence(project)).set("here");
  await until("it is heard", () => seen.others.length === 1);
  assert.deepEqual(failures, []);
});
