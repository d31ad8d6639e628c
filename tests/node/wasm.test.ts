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
    else if (request.url === "/named") answer(200, "application/wasm", "\n<!doctype html>");
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

/** Modules that are sound, and not the engine of this package. */
function wrongModules(): [string, BufferSource][] {
  const empty = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  // One type, a function without anything, that is imported: "env" "f".
  const foreign = [...empty, 1, 4, 1, 0x60, 0, 0, 2, 9, 1, 3, 0x65, 0x6e, 0x76, 1, 0x66, 0, 0];
  // The binary of another version has names of the same kind for what may be something else.
  const name = WebAssembly.Module.imports(new WebAssembly.Module(binary))[0]!.module;
  const other = binary
    .toString("latin1")
    .replaceAll(`${String.fromCharCode(name.length)}${name}\x03`, (text) =>
      text.replace(name, name.slice(0, -1) + (name.endsWith("0") ? "1" : "0")),
    );
  return [
    ["a module that imports nothing", new Uint8Array(empty)],
    ["a module that imports something else", new Uint8Array(foreign)],
    ["the binary of another version", Buffer.from(other, "latin1")],
  ];
}

test("a binary that can't be had is no fault of the engine, and the next try may succeed", async () => {
  const cases: [string, RegExp][] = [
    [`${origin}/nothing`, /answered 404/],
    [`${origin}/page`, /web page.*`wasmUrl` must be the address/],
    [`${origin}/unlabelled`, /web page.*wasmUrl/],
    [`${origin}/named`, /web page.*wasmUrl/],
    [`${origin}/half`, /only a part of one.*`wasmUrl`/],
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
  for (const [what, wrong] of wrongModules()) {
    for (const given of [wrong, new WebAssembly.Module(wrong)]) {
      const { code, message } = await failure(given);
      assert.equal(code, "EngineUnavailable", what);
      assert.match(message, /another WebAssembly module than the holdfast_bg\.wasm of this version/, what);
    }
  }
  for (const none of [5, true, {}, () => origin]) assert.equal((await failure(none)).code, "InvalidArgument");
  const db = await open(`${origin}/holdfast_bg.wasm`);
  await db.close();
});
