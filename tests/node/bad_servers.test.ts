// What is no server, or a bad one: a clear status, and everything here goes on.
import assert from "node:assert/strict";
import { createServer, type Server as HttpServer } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { Encoder } from "cbor-x";
import { WebSocket, WebSocketServer } from "ws";
import type { SocketConstructor, SyncFailureKind } from "../../ts/sync/index.js";
import { until } from "../fixtures/sync.js";
import { device, deviceWithTask } from "../fixtures/synced_database.js";

const webSocketConstructor = WebSocket as unknown as SocketConstructor;
const cbor = new Encoder({ tagUint8Array: false, useRecords: false });

/** A server that does something with each connection. */
async function server(t: TestContext, connected: (socket: WebSocket, address: string) => void): Promise<string> {
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => sockets.once("listening", resolve));
  sockets.on("connection", (socket, request) => connected(socket, request.url ?? ""));
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
  });
  return `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}/`;
}

const greeting = (targetId: string, fields: object = {}) =>
  cbor.encode({
    type: "peer",
    senderId: "server",
    targetId,
    peerMetadata: { storageId: "store", isEphemeral: false },
    selectedProtocolVersion: "1",
    ...fields,
  });

/** What a database says of it. */
async function failureOf(t: TestContext, url: string, kind: SyncFailureKind, options: object = {}): Promise<string> {
  const { db, task } = await deviceWithTask(t);
  db.sync.connect(url, { webSocketConstructor, ...options });
  await until(`it is ${kind}`, () => db.sync.status.failure?.kind === kind);
  const { state, failure } = db.sync.status.snapshot;
  assert.equal(state, "error");
  assert.ok(failure!.retryAt! > Date.now() - 5000);
  await db.patch(task, { title: "still here" });
  assert.equal((await db.get(task))!.title, "still here");
  return failure!.message;
}

test("nobody is there", async (t) => {
  const message = await failureOf(t, "ws://127.0.0.1:9/", "unreachable");
  assert.match(message, /^No connection to ws:\/\/127\.0\.0\.1:9\/.*browsers don't tell which\.$/);
});

test("what is there is a web page", async (t) => {
  const http: HttpServer = createServer((_, response) => response.end("<!doctype html>"));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => http.close());
  await failureOf(t, `ws://127.0.0.1:${(http.address() as AddressInfo).port}/`, "unreachable");
});

test("what is there talks of something else", async (t) => {
  const text = await server(t, (socket) => socket.send("<!doctype html>"));
  assert.match(await failureOf(t, text, "notAServer"), /is no sync server of automerge-repo: it sends text\.$/);
  const bytes = await server(t, (socket) => socket.send(new Uint8Array([1, 2, 3])));
  await failureOf(t, bytes, "notAServer");
});

test("it speaks another version", async (t) => {
  const url = await server(t, (socket) => socket.send(greeting("x", { selectedProtocolVersion: "2" })));
  assert.match(await failureOf(t, url, "version"), /another version/);
});

test("it does not want this device", async (t) => {
  const error = cbor.encode({ type: "error", message: "not for you", senderId: "server", targetId: "x" });
  assert.match(await failureOf(t, await server(t, (socket) => socket.send(error)), "refused"), /not for you/);
  const closing = await server(t, (socket) => socket.close(4401, "token expired"));
  assert.match(await failureOf(t, closing, "refused"), /token expired/);
});

test("it takes the connection and does not answer", async (t) => {
  const tcp = createTcpServer(() => undefined);
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  t.after(() => tcp.close());
  const { db, task } = await deviceWithTask(t);
  db.sync.connect(`ws://127.0.0.1:${(tcp.address() as AddressInfo).port}/`, { webSocketConstructor });
  assert.equal(db.sync.status.state, "connecting");
  // For how long is for `src/wire/connection.rs` to say, and to test.
  assert.equal((await db.get(task))!.title, "paint");
  db.sync.disconnect();
  assert.equal(db.sync.status.state, "offline");
});

test("a token is asked for each attempt, and goes with the address", async (t) => {
  const addresses: string[] = [];
  const url = await server(t, (socket, address) => {
    addresses.push(address);
    socket.close(4401, "");
  });
  let count = 0;
  const db = await device(t);
  db.sync.connect(`${url}?room=1`, { webSocketConstructor, token: async () => `t&${(count += 1)}` });
  await until("it has asked twice", () => addresses.length === 2);
  assert.deepEqual(addresses, ["/?room=1&token=t%261", "/?room=1&token=t%262"]);
  assert.doesNotMatch(db.sync.status.url!, /token/);
  const none = () => Promise.reject(new Error("signed out"));
  assert.match(await failureOf(t, url, "token", { token: none }), /^There is no token for .*: signed out\.$/);
});

test("a new token for the same server is what it is told from then on", async (t) => {
  const addresses: string[] = [];
  const url = await server(t, (socket, address) => {
    addresses.push(address);
    socket.close(4401, "");
  });
  const db = await device(t);
  db.sync.connect(url, { webSocketConstructor, token: "old" });
  await until("it is refused", () => db.sync.status.failure?.kind === "refused");
  db.sync.connect(url, { webSocketConstructor, token: "new" });
  await until("it tries again", () => addresses.length >= 2);
  assert.deepEqual(addresses.slice(0, 2), ["/?token=old", "/?token=new"]);
});

test("what is no address, or no option, is the caller's mistake", async (t) => {
  const db = await device(t);
  const connect = db.sync.connect.bind(db.sync) as (...args: unknown[]) => void;
  for (const [args, message] of [
    [["https://sync.example"], /takes the address of a server, as "wss:\/\/sync\.example"\. Received "https:/],
    [[undefined], /Received undefined/],
    [["wss://sync.example/#x"], /has no "#"/],
    [["wss://sync.example", { tokens: "x" }], /tokens/],
    [["wss://sync.example", { token: 1 }], /`token`/],
    [["wss://sync.example", { webSocketConstructor: 1 }], /`webSocketConstructor`/],
  ] as const) {
    assert.throws(() => connect(...args), { code: "InvalidArgument", message });
  }
  assert.equal(db.sync.status.state, "offline");
  await assert.rejects(db.sync.join("https://app.example/#nothing"), {
    code: "InvalidArgument",
    message: /takes a link/,
  });
  await assert.rejects(db.sync.join("automerge:111"), { code: "InvalidArgument" });
  await assert.rejects(db.sync.share("nothing" as never), { code: "NonexistentDocument" });
  await db.close();
  assert.throws(() => connect("wss://sync.example"), { code: "DatabaseClosed" });
  await assert.rejects(db.sync.join("automerge:111"), { code: "DatabaseClosed" });
});
