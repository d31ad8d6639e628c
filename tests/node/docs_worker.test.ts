// A docs worker that fails, or that can't be had: here one that does in this process what a browser's does elsewhere.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, type HoldfastError, openDatabase, v } from "../../ts/index.js";
import { loadDocs, type RunningDocs } from "../../ts/sync/docs.js";
import type { HubCall } from "../../ts/sync/frames.js";
import type { WorkerAnswer } from "../../ts/sync/hub.js";
import { inlinedDocs } from "../../ts/sync/inlined_docs.js";
import { linkInMemory, root } from "../../ts/sync/index.js";
import { met, until } from "../fixtures/sync.js";

const schema = defineSchema({ projects: defineTable({ name: v.string() }) });

/** All workers that were begun. */
const workers: PretendedWorker[] = [];
/** Why there is no binary. */
let missing: string | undefined;

class PretendedWorker {
  onmessage: ((event: { data: WorkerAnswer }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;
  readonly #docs: Promise<RunningDocs>;

  constructor() {
    workers.push(this);
    this.#docs = missing === undefined ? loadDocs(inlinedDocs) : Promise.reject(new Error(missing));
  }

  postMessage(call: HubCall): void {
    const answer = (data: WorkerAnswer) => setTimeout(() => this.onmessage?.({ data }));
    this.#docs.then(
      (docs) => answer({ outputs: docs.tell(call) }),
      (error: Error) => answer({ missing: error.message }),
    );
  }

  terminate(): void {
    this.onmessage = null;
  }
}

async function device(t: TestContext, name: string) {
  const problems: HoldfastError[] = [];
  const db = await openDatabase({
    name,
    schema,
    sync: { projects: root() },
    onProblem: (error) => problems.push(error),
  });
  t.after(() => db.close());
  return { db, problems };
}

test.before(() => Object.assign(globalThis, { Worker: PretendedWorker }));
test.after(() => void delete (globalThis as { Worker?: unknown }).Worker);

test("a worker that fails while it has nothing to do is begun anew, and the link goes on", async (t) => {
  const [one, two] = [await device(t, "one"), await device(t, "two")];
  const link = linkInMemory(one.db, two.db);
  await one.db.insert("projects", { name: "before" });
  await met(link);
  const before = workers.length;
  workers.at(-1)!.onerror!({ message: "Uncaught RangeError: out of memory" });
  await until("another one is begun", () => workers.length > before);
  const id = await one.db.insert("projects", { name: "after" });
  await met(link);
  assert.equal((await two.db.get(id))?.name, "after");
  const told = [...one.problems, ...two.problems].map(({ code, message }) => `${code}: ${message}`);
  assert.deepEqual(told, [
    "EngineFault: The docs worker has failed (Uncaught RangeError: out of memory). What is saved is safe; it begins anew.",
  ]);
});

test("one that fails again and again is given up, and so is said", async (t) => {
  const [one, two] = [await device(t, "often one"), await device(t, "often two")];
  const link = linkInMemory(one.db, two.db);
  await met(link);
  for (let falls = 0; falls < 6; falls += 1) {
    await until("it is there", () => link.isSynced);
    workers.at(-1)!.onerror!({ message: "again" });
  }
  await until("it is given up", () => !link.isConnected);
  const told = [...one.problems, ...two.problems].map(({ message }) => message);
  assert.equal(told.filter((message) => message.endsWith("it begins anew.")).length, 5);
  assert.match(told.at(-1)!, /again and again \(again\)\. .*`connect\(\)` tries again\.$/);
  link.connect();
  await met(link);
});

test("one whose binary is missing is told of once, with what to do, and tried again when somebody connects", async (t) => {
  const [one, two] = [await device(t, "missing one"), await device(t, "missing two")];
  const id = await one.db.insert("projects", { name: "p" });
  missing = "the server answered 404.";
  const link = linkInMemory(one.db, two.db);
  await until("it is known", () => !link.isConnected);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const told = [...one.problems, ...two.problems];
  assert.equal(told.length, 1);
  assert.match(
    told[0]!.message,
    /^The docs worker can't be loaded, so nothing is merged: the server answered 404\. What/,
  );
  assert.match(told[0]!.message, /`docs_worker\.js` and `holdfast_docs_bg\.wasm`; `connect\(\)` tries again\.$/);
  await assert.rejects(one.db.history(id), { message: told[0]!.message });
  missing = undefined;
  link.connect();
  await met(link);
  assert.equal((await two.db.get(id))?.name, "p");
  assert.equal((await one.db.history(id)).length, 1);
});
