import { defineSchema, defineTable, openDatabase, v } from "holdfast";

const schema = defineSchema({
  tasks: defineTable({ title: v.string(), done: v.boolean() }).index("by_done", ["done"]),
});

async function run(): Promise<string> {
  const db = await openDatabase({ name: "fresh-app", schema });
  const id = await db.insert("tasks", { title: "Pack", done: false });
  const task = await db.get(id);
  const open = await db
    .query("tasks")
    .withIndex("by_done", (q) => q.eq("done", false))
    .first();
  await db.destroy();
  return `${task?.title}, ${open?._id === id}`;
}

const result = document.querySelector("#result")!;
run().then(
  (text) => (result.textContent = text),
  (error: unknown) => (result.textContent = `failed: ${String(error)}`),
);
