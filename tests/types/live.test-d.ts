// Live queries and hooks, and what must not compile.
import type { Database, DataModelFromSchemaDefinition, Doc, Id, Live } from "../../ts/index.js";
import { query, v } from "../../ts/index.js";
import { livePages } from "../../ts/pages.js";
import { useLive, useMutation, useQuery, useSuspenseQuery } from "../../ts/react/index.js";
import type { schema } from "../fixtures/schema.js";
import { assertType, type IsExact } from "./helpers.js";

type Task = Doc<typeof schema, "tasks">;
declare const db: Database<DataModelFromSchemaDefinition<typeof schema>>;

const tasksOf = query({
  args: { projectId: v.id("projects"), status: v.union(v.literal("todo"), v.literal("done")) },
  returns: v.number(),
  handler: () => 1,
});
const lengthOf = query({ args: { text: v.string() }, returns: v.number(), handler: (_, { text }) => text.length });

export function lives(): void {
  const all = db.live(db.query("tasks").order("desc"));
  assertType<IsExact<typeof all, Live<Task[]>>>();
  assertType<IsExact<typeof all.value, Task[] | undefined>>();
  const some = db.live(db.query("tasks"), { take: 2 });
  assertType<IsExact<typeof some, Live<Task[]>>>();
  const first = db.live(db.query("tasks"), "first");
  assertType<IsExact<typeof first, Live<Task | null>>>();
  const count = db.live(db.query("tasks"), "count");
  assertType<IsExact<typeof count, Live<number>>>();
  const own = db.live(async (ctx) => (await ctx.db.query("tasks").first())?.title);
  assertType<IsExact<typeof own, Live<string | undefined>>>();
  const length = db.live(lengthOf, { text: "a" });
  assertType<IsExact<typeof length, Live<number>>>();
  // @ts-expect-error: an argument of another type
  db.live(lengthOf, { text: 1 });
  // @ts-expect-error: no argument
  db.live(lengthOf);
  // @ts-expect-error: no such way
  db.live(db.query("tasks"), "last");
  // @ts-expect-error: a promise is no query
  db.live(db.query("tasks").collect());
  const now = db.now.query(db.query("tasks"), "unique");
  assertType<IsExact<typeof now, Task | null>>();
  const pages = livePages(db, db.query("tasks"), { initialNumItems: 3 });
  assertType<IsExact<typeof pages.results, Task[]>>();
  // @ts-expect-error: read-only
  db.durability.snapshot.state = "saved";
}

declare const projectId: Id<"projects">;
declare const text: string;

/** Arguments are what the function says, not what is given. */
export function argumentsOfHooks(): void {
  useQuery(tasksOf, { projectId, status: "todo" });
  useLive(tasksOf, { projectId, status: "done" });
  // @ts-expect-error: a text is no id
  useQuery(tasksOf, { projectId: text, status: "todo" });
  // @ts-expect-error: a text is no id
  useLive(tasksOf, { projectId: "abc", status: "todo" });
  // @ts-expect-error: a text is no id
  useSuspenseQuery(tasksOf, { projectId: text, status: "todo" });
  // @ts-expect-error: no such literal
  useQuery(tasksOf, { projectId, status: "bogus" });
  // @ts-expect-error: a text is no id
  db.live(tasksOf, { projectId: text, status: "todo" });
}

export function hooks(): void {
  const tasks = useQuery(db.query("tasks"));
  assertType<IsExact<typeof tasks, Task[] | undefined>>();
  const length = useQuery(lengthOf, { text: "a" });
  assertType<IsExact<typeof length, number | undefined>>();
  useQuery(lengthOf, "skip");
  // @ts-expect-error: an argument of another type
  useQuery(lengthOf, { text: 1 });
  const waited = useSuspenseQuery(db.query("tasks"), "count");
  assertType<IsExact<typeof waited, number>>();
  const { value, status } = useLive(db.query("tasks"), "first");
  assertType<IsExact<typeof value, Task | null | undefined>>();
  assertType<IsExact<typeof status, "loading" | "ready" | "updating" | "error">>();
  // @ts-expect-error: a query is no mutation
  useMutation(lengthOf);
}
