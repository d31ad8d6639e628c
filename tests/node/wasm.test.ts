// The engine's binary: where it may come from, and what is said when it can't be had.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { defineSchema, HoldfastError, openDatabase } from "../../ts/index.js";

const binary = readFileSync(join(process.cwd(), "pkg", "holdfast_bg.wasm"));
let server: Server;
let origin: string;

before(async () => {
  server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string | Buffer) =>
      response.writeHead(status, { "content-type": type }).end(body);
    if (request.url === "/holdfast_bg.wasm") answer(200, "application/wasm", binary);
    else if (request.url === "/page") answer(200, "text/html; charset=utf-8", "<!doctype html>");
    else if (request.url === "/unlabelled") answer(200, "application/octet-stream", "<!doctype html>");
    else if (request.url === "/half") answer(200, "application/wasm", binary.subarray(0, 1000));
    else answer(404, "text/plain", "no");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => server.close());

const open = (wasmUrl: unknown) =>
  openDatabase({ name: "wasm", schema: defineSchema({}), storage: "memory", wasmUrl: wasmUrl as string });

async function failure(wasmUrl: unknown): Promise<HoldfastError> {
  const error = await open(wasmUrl).then(
    () => assert.fail("it has opened"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  return error;
}

test("a binary that can't be had is no fault of the engine, and the next try may succeed", async () => {
  const cases: [string, RegExp][] = [
    [`${origin}/nothing`, /answered 404/],
    [`${origin}/page`, /web page.*`wasmUrl` must be the address/],
    [`${origin}/unlabelled`, /web page.*wasmUrl/],
    [`${origin}/half`, /could not be loaded/],
    ["http://127.0.0.1:1/holdfast_bg.wasm", /offline.*connect-src/],
    ["file:///nowhere/holdfast_bg.wasm", /ENOENT/],
  ];
  for (const [address, message] of cases) {
    const error = await failure(address);
    assert.deepEqual([error.code, error.retryable], ["EngineUnavailable", true], address);
    assert.match(error.message, message);
    assert.ok(error.message.includes(address), error.message);
    assert.ok(error.cause);
  }
  assert.equal((await failure(new Uint8Array(8))).code, "EngineUnavailable");
  for (const none of [5, true, {}, () => origin]) assert.equal((await failure(none)).code, "InvalidArgument");
  const db = await open(`${origin}/holdfast_bg.wasm`);
  await db.close();
});
