// npm run sync-server, as a newcomer runs it.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decode, Encoder } from "cbor-x";
import { WebSocket } from "ws";
import { freePort } from "../../scripts/serve.mjs";
import { serverProcess } from "../fixtures/server_process.mjs";

test("it says where it is, speaks the protocol, keeps its data in the folder, and is for this machine alone", async (t) => {
  const [port, data] = [await freePort(), mkdtempSync(join(tmpdir(), "holdfast-data-"))];
  t.after(() => rmSync(data, { recursive: true }));
  const said = await serverProcess(t, ["--port", String(port), "--data", data]);
  assert.match(said, new RegExp(`The sync server is at ws://127\\.0\\.0\\.1:${port}/, and its data in ${data}\\.`));
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  t.after(() => socket.terminate());
  await new Promise((resolve) => socket.once("open", resolve));
  const encoder = new Encoder({ tagUint8Array: false, useRecords: false });
  const hello = { type: "join", senderId: "a", peerMetadata: {}, supportedProtocolVersions: ["1"] };
  socket.send(encoder.encode(hello));
  const answer = decode(await new Promise((resolve) => socket.once("message", resolve)));
  assert.equal(answer.type, "peer");
  assert.ok(readdirSync(data).length > 0);
  const others = Object.values(networkInterfaces()).flat();
  const outside = others.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  if (outside === undefined) return;
  const refused = new WebSocket(`ws://${outside}:${port}/`, { handshakeTimeout: 3000 });
  await assert.rejects(new Promise((resolve, reject) => refused.once("open", resolve).once("error", reject)));
});

test("a port that is taken, or none, is told", async (t) => {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), "holdfast-data-"));
  t.after(() => rmSync(data, { recursive: true }));
  await serverProcess(t, ["--port", String(port), "--data", data]);
  assert.match(
    await serverProcess(t, ["--port", String(port)]),
    /Port \d+ is in use\. Choose another: npm run sync-server/,
  );
  assert.match(await serverProcess(t, ["--port", "x"]), /--port x is no port number\./);
});
