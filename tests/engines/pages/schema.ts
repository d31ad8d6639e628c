/** What the checks store, in pages and in workers. */
import { defineSchema, defineTable, v } from "holdfast";

export const schema = defineSchema({
  tasks: defineTable({ title: v.string(), n: v.number(), text: v.optional(v.string()) })
    .index("by_n", ["n"])
    .index("by_title_and_n", ["title", "n"]),
  values: defineTable({ value: v.any() }).index("by_value", ["value"]),
});
