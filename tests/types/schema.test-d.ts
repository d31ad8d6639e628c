// What a schema means to the type checker.
import { defineSchema, defineTable, v } from "../../ts/index.js";
import type {
  DataModelFromSchemaDefinition,
  Doc,
  FieldTypeFromFieldPath,
  GenericId,
  Id,
  Infer,
  NamedIndex,
  WithoutSystemFields,
} from "../../ts/index.js";
import type { schema } from "../fixtures/schema.js";
import { assertType, type IsAny, type IsExact } from "./helpers.js";

type DataModel = DataModelFromSchemaDefinition<typeof schema>;
type Task = Doc<typeof schema, "tasks">;

assertType<
  IsExact<
    Task,
    {
      _id: GenericId<"tasks">;
      _creationTime: number;
      assigneeId?: GenericId<"users">;
      description?: string;
      dueDate?: number;
      completedAt?: number;
      projectId: GenericId<"projects">;
      title: string;
      status: "todo" | "in_progress" | "done";
      priority: "low" | "medium" | "high";
      createdAt: number;
      updatedAt: number;
    }
  >
>();
assertType<IsExact<Id<"tasks">, GenericId<"tasks">>>();
assertType<IsExact<keyof DataModel, "users" | "subscriptions" | "projects" | "tasks" | "project_members">>();
assertType<IsExact<WithoutSystemFields<Task>["title"], string>>();
assertType<IsExact<Extract<keyof WithoutSystemFields<Task>, "_id" | "_creationTime">, never>>();
assertType<
  IsExact<NamedIndex<DataModel["tasks"], "by_project_and_status">, ["projectId", "status", "priority", "_creationTime"]>
>();
assertType<IsExact<NamedIndex<DataModel["tasks"], "by_id">, ["_id"]>>();
assertType<IsExact<FieldTypeFromFieldPath<DataModel["projects"]["document"], "settings.isPublic">, boolean>>();
assertType<IsExact<FieldTypeFromFieldPath<DataModel["projects"]["document"], "settings.nothing">, undefined>>();
assertType<IsExact<FieldTypeFromFieldPath<Task, "dueDate">, number | undefined>>();

// An id of one table is none of another, and a plain string is none.
declare const projectId: Id<"projects">;
const asString: string = projectId;
// @ts-expect-error
const asUser: Id<"users"> = projectId;
// @ts-expect-error
const fromString: Id<"projects"> = "a string";
void [asString, asUser, fromString];

// Every validator and the type it stands for.
const everything = v.object({
  id: v.id("tasks"),
  nothing: v.null(),
  number: v.number(),
  float64: v.float64(),
  int64: v.int64(),
  boolean: v.boolean(),
  string: v.string(),
  bytes: v.bytes(),
  literal: v.literal("a"),
  array: v.array(v.union(v.string(), v.int64())),
  record: v.record(v.id("users"), v.array(v.number())),
  nullable: v.nullable(v.string()),
  optional: v.optional(v.object({ inner: v.optional(v.boolean()) })),
  chained: v.string().optional(),
});
assertType<
  IsExact<
    Infer<typeof everything>,
    {
      optional?: { inner?: boolean };
      chained?: string;
      id: GenericId<"tasks">;
      nothing: null;
      number: number;
      float64: number;
      int64: bigint;
      boolean: boolean;
      string: string;
      bytes: ArrayBuffer;
      literal: "a";
      array: (string | bigint)[];
      record: Record<GenericId<"users">, number[]>;
      nullable: string | null;
    }
  >
>();
// `any` is what one asks for, and nothing else is.
assertType<IsAny<Infer<ReturnType<typeof v.any>>>>();
assertType<IsExact<IsAny<Task>, false>>();
assertType<IsExact<IsAny<Task[keyof Task]>, false>>();
assertType<IsExact<IsAny<Infer<typeof everything>>, false>>();

const picked = everything.pick("id", "optional");
assertType<IsExact<Infer<typeof picked>, { optional?: { inner?: boolean }; id: GenericId<"tasks"> }>>();
const omitted = v.object({ a: v.string(), b: v.number() }).omit("a");
assertType<IsExact<Infer<typeof omitted>, { b: number }>>();
const partial = v.object({ a: v.string() }).partial();
assertType<IsExact<Infer<typeof partial>, { a?: string }>>();
const extended = v.object({ a: v.string() }).extend({ b: v.optional(v.number()) });
assertType<IsExact<Infer<typeof extended>, { a: string; b?: number }>>();

// A table of a union: indexes on the fields of any member.
const unions = defineSchema({
  events: defineTable(
    v.union(
      v.object({ kind: v.literal("note"), text: v.string() }),
      v.object({ kind: v.literal("done"), at: v.number(), by: v.object({ user: v.id("users") }) }),
    ),
  )
    .index("by_kind", ["kind", "text"])
    .index("by_user", ["by.user"]),
});
type UnionEvent = Doc<typeof unions, "events">;
assertType<IsExact<UnionEvent["kind"], "note" | "done">>();
const check = (event: UnionEvent): string | number => (event.kind === "note" ? event.text : event.at);
void check;

const readable = unions.doc("events");
assertType<IsExact<Infer<typeof readable>["_id"], GenericId<"events">>>();
// @ts-expect-error
unions.id("nowhere");

// A staged index can't be queried.
const staged = defineSchema({
  t: defineTable({ a: v.string() })
    .index("ready", { fields: ["a"] })
    .index("later", { fields: ["a"], staged: true })
    .searchIndex("search", { searchField: "a", filterFields: ["a"] })
    .vectorIndex("vector", { vectorField: "a", dimensions: 3 })
    .staged({ b: v.optional(v.number()), a: undefined }),
});
assertType<
  IsExact<keyof DataModelFromSchemaDefinition<typeof staged>["t"]["indexes"], "ready" | "by_id" | "by_creation_time">
>();

// Must not compile.
// @ts-expect-error: no such field
defineTable({ a: v.string() }).index("x", ["b"]);
// @ts-expect-error: no such field inside
defineTable({ a: v.object({ b: v.string() }) }).index("x", ["a.c"]);
defineTable({ a: v.object({ b: v.string() }) }).index("x", ["a.b", "_creationTime"]);
// @ts-expect-error: an index of nothing
defineTable({ a: v.string() }).index("x", []);
// @ts-expect-error: `_id` ends every index anyway
defineTable({ a: v.string() }).index("x", ["_id"]);
// @ts-expect-error: a table of strings
defineTable(v.string());
// @ts-expect-error: elements can't be missing
v.array(v.optional(v.string()));
// @ts-expect-error: members can't be missing
v.union(v.optional(v.string()));
// @ts-expect-error: values can't be missing
() => v.record(v.string(), v.optional(v.string()));
// @ts-expect-error: keys are strings
v.record(v.number(), v.string());
// @ts-expect-error: no such literal
() => v.literal(null);
// @ts-expect-error: a table's name
() => v.id(1);
// @ts-expect-error: not a validator
() => v.object({ a: "string" });

// Not strict: tables that the schema doesn't name exist, with documents of any kind.
const loose = defineSchema({ a: defineTable({ b: v.string() }) }, { strictTableNameTypes: false });
type Loose = DataModelFromSchemaDefinition<typeof loose>;
assertType<IsExact<string extends keyof Loose ? true : false, true>>();
