/** The mutations of this page. Each is saved as a whole or not at all. */
import { mutationGeneric, v } from "holdfast";

// One for every table: which fields a document may have, its table's validator says.

export const insert = mutationGeneric({
  args: { table: v.string(), fields: v.any() },
  handler: (ctx, { table, fields }) => ctx.db.insert(table, fields as Record<string, unknown>),
});

export const patch = mutationGeneric({
  // Arguments can't be `undefined`, which is how `patch` is told to take a field away.
  args: { table: v.string(), id: v.string(), fields: v.any(), without: v.array(v.string()) },
  handler: async (ctx, { table, id, fields, without }) => {
    const removed = Object.fromEntries(without.map((name) => [name, undefined]));
    await ctx.db.patch(table, id as never, { ...removed, ...(fields as object) });
  },
});

export const remove = mutationGeneric({
  args: { table: v.string(), id: v.string() },
  handler: (ctx, { table, id }) => ctx.db.delete(table, id as never),
});
