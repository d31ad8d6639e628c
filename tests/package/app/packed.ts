import { defineSchema, defineTable, openDatabase, v } from "holdfast";

const schema = defineSchema({ tasks: defineTable({ title: v.string() }) });

/** A task that has been in a file, and what that was. */
export async function packed(name: string): Promise<string> {
  const db = await openDatabase({ name, schema });
  await db.insert("tasks", { title: "Pack" });
  const blob = await db.export();
  await db.import(blob, { mode: "replace" });
  const task = await db.query("tasks").first();
  await db.destroy();
  return `${task?.title}, ${blob.type}`;
}
