// The declarations of the `convex` package itself, where an app has not put ours in their place.
import { mutationGeneric, queryGeneric, type MutationBuilder } from "real-convex/server";
import {
  defineSchema,
  defineTable,
  type DataModelFromSchemaDefinition,
  type FunctionReference,
} from "real-convex/server";
import { v, type GenericId as ConvexId } from "real-convex/values";
import { openDatabase, type Database, type GenericId } from "../../ts/index.js";
import { assertType, type IsAny, type IsExact } from "./helpers.js";

const schema = defineSchema({
  notes: defineTable({ text: v.string(), likes: v.optional(v.number()) }).index("by_text", ["text"]),
  people: defineTable(v.union(v.object({ kind: v.literal("a"), a: v.number() }), v.object({ kind: v.literal("b") }))),
});
type DataModel = DataModelFromSchemaDefinition<typeof schema>;

const typedMutation = mutationGeneric as MutationBuilder<DataModel, "public">;
const add = typedMutation({
  args: { text: v.string() },
  handler: (ctx, { text }) => ctx.db.insert("notes", { text }),
});
const texts = queryGeneric({ args: {}, handler: () => ["a"] });

declare const id: ConvexId<"notes">;
declare const reference: FunctionReference<"query", "public", { a: number }, string>;

export async function ofSchema(): Promise<void> {
  const db = await openDatabase({ name: "n", schema });
  const note = (await db.get(id))!;
  assertType<IsExact<typeof note, { _id: GenericId<"notes">; _creationTime: number; likes?: number; text: string }>>();
  const [first] = await db.query("people").collect();
  assertType<IsExact<NonNullable<typeof first>["kind"], "a" | "b">>();
  await db.insert("notes", { text: "t" });
  await db
    .query("notes")
    .withIndex("by_text", (q) => q.eq("text", "t"))
    .collect();
  // @ts-expect-error: no such table
  db.query("nope");
  // @ts-expect-error: a field of another type
  await db.insert("notes", { text: 5 });
  // @ts-expect-error: no such field
  await db.patch(id, { nothing: 5 });

  await db.run(add, { text: "t" });
  await db.run(texts);
  const answer = await db.run(texts, {});
  assertType<IsAny<typeof answer>>();
  const typed = await db.run(reference, { a: 1 });
  assertType<IsExact<typeof typed, string>>();
  // @ts-expect-error: an argument of another type
  await db.run(reference, { a: "1" });
}

// Whoever has the data model says it, and knows the indexes, too.
export async function ofDataModel(): Promise<void> {
  const db: Database<DataModel> = await openDatabase({ name: "n", schema });
  await db
    .query("notes")
    .withIndex("by_text", (q) => q.eq("text", "t"))
    .collect();
  // @ts-expect-error: no such index
  db.query("notes").withIndex("by_nothing");
}
