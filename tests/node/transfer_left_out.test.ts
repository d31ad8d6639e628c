// Which tables an export has: those of the schema, whatever else the database keeps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "holdfast";

const both = defineSchema({
  tasks: defineTable({ title: v.string() }),
  notes: defineTable({ text: v.string() }),
});
const without = defineSchema({ tasks: defineTable({ title: v.string() }) });
const again = defineSchema({ tasks: defineTable({ title: v.string() }), notes: defineTable(v.any()) });

test("a table that the schema no longer names is kept, and exported when a schema names it again", async () => {
  const name = "left out";
  const first = await openDatabase({ name, schema: both });
  await first.insert("tasks", { title: "Pack" });
  await first.insert("notes", { text: "kept" });
  const next = await openDatabase({ name, schema: without });
  await first.close();
  const backup = await next.export();
  // Nor does its import empty them.
  const { tables, skipped } = await next.import(backup, { mode: "replaceAll" });
  assert.deepEqual({ tables, skipped }, { tables: { tasks: 1 }, skipped: [] });
  const last = await openDatabase({ name, schema: again });
  await next.close();
  assert.deepEqual(
    (await last.query("notes").collect()).map((note: Record<string, unknown>) => note["text"]),
    ["kept"],
  );
  const restored = await openDatabase({ name: "restored", schema: both });
  assert.deepEqual((await restored.import(await last.export())).tables, { notes: 1, tasks: 1 });
  assert.equal((await restored.query("notes").first())?.text, "kept");
  await Promise.all([last.close(), restored.close()]);
});
