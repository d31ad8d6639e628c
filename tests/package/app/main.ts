import { defineSchema, defineTable, openDatabase, v } from "holdfast";

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

const result = document.querySelector("#result")!;
Promise.all([run(), said()]).then(
  ([page, worker]) => (result.textContent = `${page}; worker: ${worker}`),
  (error: unknown) => (result.textContent = `failed: ${String(error)}`),
);
