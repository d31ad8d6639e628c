import { defineSchema, defineTable, openDatabase, v } from "holdfast";
import { linkInMemory, root } from "holdfast/sync";

const schema = defineSchema({
  tasks: defineTable({ title: v.string(), done: v.boolean() }).index("by_done", ["done"]),
});

async function run(): Promise<string> {
  const db = await openDatabase({ name: "fresh-app", schema });
  const id = await db.insert("tasks", { title: "Pack", done: false });
  // The part for files is loaded when it is needed.
  const blob = await db.export();
  await db.delete(id);
  await db.import(blob, { mode: "replaceAll" });
  const task = await db.get(id);
  const open = await db
    .query("tasks")
    .withIndex("by_done", (q) => q.eq("done", false))
    .first();
  await db.destroy();
  return `${task?.title}, ${open?._id === id}, ${blob.type}`;
}

/** What a worker says, which has a database of its own. */
function said(): Promise<string> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
    worker.onerror = ({ message }) => resolve(`failed: ${message}`);
  });
}

/** Two databases that meet, by the docs worker. */
async function met(): Promise<string> {
  const sync = { tasks: root() };
  const one = await openDatabase({ name: "fresh-one", schema, sync });
  const two = await openDatabase({ name: "fresh-two", schema, sync });
  const id = await one.insert("tasks", { title: "Meet", done: false });
  const link = linkInMemory(one, two);
  while (!link.isSynced) await new Promise((resolve) => setTimeout(resolve, 5));
  const task = await two.get(id);
  await one.destroy();
  await two.destroy();
  const files = performance.getEntriesByType("resource").map(({ name }) => name);
  const isInWorker = files.every((file) => !file.includes("holdfast_docs"));
  return `${task?.title}, ${isInWorker}`;
}

const result = document.querySelector("#result")!;
Promise.all([run(), said(), met()]).then(
  ([page, worker, met]) => (result.textContent = `${page}; worker: ${worker}; synced: ${met}`),
  (error: unknown) => (result.textContent = `failed: ${String(error)}`),
);
