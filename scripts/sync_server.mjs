// npm run sync-server [-- --port N] [--data FOLDER]: the stock sync server of automerge-repo, with its data in a folder. It listens
// to this machine alone.

import { mkdirSync } from "node:fs";
import { Server as NetServer } from "node:net";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { main, Problem, readOptions, root } from "./run.mjs";
import { isFree } from "./serve.mjs";
import { ensureNpmPackages } from "./setup.mjs";

/** Where its data are, if nobody says. */
export const defaultData = join(root, "sync-data");

/** Begins it in this process, which can have one. Answers its address. */
export async function startSyncServer({ port, data }) {
  mkdirSync(data, { recursive: true });
  Object.assign(process.env, { PORT: String(port), DATA_DIR: data });
  const { Server } = await import("@automerge/automerge-repo-sync-server/src/server.js");
  // It has no option for that, and would listen to the whole network: whoever knows a document's id could write to it.
  const { listen } = NetServer.prototype;
  NetServer.prototype.listen = function (given, ...rest) {
    return given === port ? listen.call(this, port, "127.0.0.1", ...rest) : listen.call(this, given, ...rest);
  };
  const { log } = console;
  console.log = () => undefined; // What it says is said by whoever has begun it.
  try {
    await new Server().ready();
  } finally {
    console.log = log;
    NetServer.prototype.listen = listen;
  }
  const address = `ws://127.0.0.1:${port}/`;
  // It takes connections a moment before it hears what they say, and ends those 5 seconds later.
  while (!(await answers(address)));
  return address;
}

/** Whether a server answers who introduces itself, within a moment. */
async function answers(address) {
  const [{ encode }, { WebSocket }] = await Promise.all([import("cbor-x"), import("ws")]);
  const socket = new WebSocket(address);
  const hello = { type: "join", senderId: "probe", peerMetadata: {}, supportedProtocolVersions: ["1"] };
  const answered = new Promise((resolve) => {
    socket.on("open", () => socket.send(encode(hello)));
    socket.on("message", () => resolve(true));
    socket.on("error", () => resolve(false));
    setTimeout(() => resolve(false), 200);
  });
  return answered.finally(() => socket.terminate());
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(async () => {
    const options = { port: { type: "string" }, data: { type: "string" } };
    const values = readOptions(options, "npm run sync-server [-- --port N] [--data FOLDER]");
    const port = Number(values.port ?? 3030);
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw new Problem(`--port ${values.port} is no port number.`);
    if (!(await isFree(port)))
      throw new Problem(`Port ${port} is in use. Choose another: npm run sync-server -- --port N.`);
    await ensureNpmPackages();
    const data = resolve(values.data ?? defaultData);
    console.log(`\nThe sync server is at ${await startSyncServer({ port, data })}, and its data in ${data}.`);
  });
}
