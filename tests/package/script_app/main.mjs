import { defineSchema, defineTable, openDatabase, v } from "holdfast";

const schema = defineSchema({ tasks: defineTable({ title: v.string() }) });

async function run() {
  const db = await openDatabase({ name: "fresh-script", schema });
  await db.insert("tasks", { title: "Pack" });
  // The part for files is loaded when it is needed.
  const blob = await db.export();
  await db.import(blob, { mode: "replace" });
  const [task] = await db.query("tasks").collect();
  await db.destroy();
  return `${task.title}, ${blob.type}`;
}

const result = document.querySelector("#result");
run().then(
  (text) => (result.textContent = text),
  (error) => (result.textContent = `failed: ${error}`),
);
