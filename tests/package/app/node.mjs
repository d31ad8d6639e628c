import { defineSchema, defineTable, openDatabase, v } from "holdfast";

const schema = defineSchema({ tasks: defineTable({ title: v.string() }) });
const db = await openDatabase({ name: "fresh-script", schema, storage: "memory" });
const id = await db.insert("tasks", { title: "Pack" });
console.log((await db.get(id)).title);
await db.close();
