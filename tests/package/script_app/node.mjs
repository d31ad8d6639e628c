import { defineSchema, defineTable, openDatabase, v } from "holdfast";

const schema = defineSchema({ tasks: defineTable({ title: v.string() }) });

async function run() {
  const db = await openDatabase({ name: "fresh-program", schema });
  await db.insert("tasks", { title: "Pack" });
  const blob = await db.export();
  await db.import(blob, { mode: "replace" });
  const [task] = await db.query("tasks").collect();
  await db.close();
  return `${task.title}, ${blob.type}`;
}

run().then(console.log, (error) => console.log(`failed: ${error}`));
