// Parts of a Convex app that need a server type-check as they do with Convex.
import {
  cronJobs,
  defineApp,
  defineComponent,
  defineSchema,
  defineTable,
  httpActionGeneric,
  httpRouter,
} from "convex/server";
import { actionGeneric, makeFunctionReference, type ActionBuilder, type EnvFromAppDefinition } from "convex/server";
import type {
  AuthConfig,
  DataModelFromSchemaDefinition,
  FunctionReference,
  GenericActionCtx,
  GenericMutationCtx,
  GenericQueryCtx,
  VectorSearch,
} from "convex/server";
import { v, type GenericId } from "convex/values";
import type app from "../fixtures/convex/convex.config.js";
import { assertType, type IsExact } from "./helpers.js";

const schema = defineSchema({
  notes: defineTable({ text: v.string(), kind: v.string(), vector: v.array(v.number()), at: v.commitTs() })
    .searchIndex("by_text", { searchField: "text", filterFields: ["kind"] })
    .vectorIndex("by_vector", { vectorField: "vector", dimensions: 3, filterFields: ["kind"] }),
});
type DataModel = DataModelFromSchemaDefinition<typeof schema>;

export async function queries(ctx: GenericQueryCtx<DataModel>): Promise<void> {
  const found = await ctx.db
    .query("notes")
    .withSearchIndex("by_text", (q) => q.search("text", "words").eq("kind", "a"))
    .take(5);
  assertType<IsExact<(typeof found)[number]["text"], string>>();
  // @ts-expect-error: no such index
  ctx.db.query("notes").withSearchIndex("by_vector", (q) => q.search("text", "words"));
  // @ts-expect-error: not the index's field
  ctx.db.query("notes").withSearchIndex("by_text", (q) => q.search("kind", "words"));
  // @ts-expect-error: nothing is searched for
  ctx.db.query("notes").withSearchIndex("by_text", (q) => q);
  const { name } = await ctx.meta.getFunctionMetadata();
  assertType<IsExact<typeof name, string>>();
  // @ts-expect-error: a query has no request of its own
  await ctx.meta.getRequestMetadata();
}

export async function mutations(ctx: GenericMutationCtx<DataModel>): Promise<void> {
  await ctx.db.insert("notes", { text: "t", kind: "k", vector: [], at: ctx.db.vars.commitTs });
  const token = await ctx.auth.signJwt({ claims: { role: "a" }, expiresInSeconds: 60 });
  assertType<IsExact<typeof token, string>>();
  // @ts-expect-error: a claim that nobody may sign
  await ctx.auth.signJwt({ claims: { iss: "a" }, expiresInSeconds: 60 });
  await ctx.meta.getRequestMetadata();
  await ctx.storage.store(new Blob([]));
}

const action = actionGeneric as ActionBuilder<DataModel, "public">;
export const similar = action({
  args: { vector: v.array(v.number()) },
  handler: async (ctx, { vector }) => {
    const found = await ctx.vectorSearch("notes", "by_vector", {
      vector,
      limit: 5,
      filter: (q) => q.or(q.eq("kind", "a"), q.eq("kind", "b")),
    });
    assertType<IsExact<typeof found, { _id: GenericId<"notes">; _score: number }[]>>();
    // @ts-expect-error: no such index
    await ctx.vectorSearch("notes", "by_text", { vector });
    // @ts-expect-error: not a field to filter by
    await ctx.vectorSearch("notes", "by_vector", { vector, filter: (q) => q.eq("text", "a") });
    return found.length;
  },
});
export const search = (ctx: GenericActionCtx<DataModel>): VectorSearch<DataModel, "notes", "by_vector"> =>
  ctx.vectorSearch;

declare const job: FunctionReference<"mutation", "internal", { n: number }, null>;
const crons = cronJobs();
crons.interval("a", { minutes: 1 }, job, { n: 1 });
crons.hourly("b", job, { n: 1 });
crons.hourly("c", { minuteUTC: 1 }, job, { n: 1 });
crons.cron("d", "* * * * *", makeFunctionReference<"action">("a:b"));
// @ts-expect-error: an argument of another type
crons.interval("e", { minutes: 1 }, job, { n: "1" });
// @ts-expect-error: arguments are missing
crons.interval("f", { minutes: 1 }, job);
// @ts-expect-error: another kind of schedule
crons.daily("g", { minutes: 1 }, job, { n: 1 });
// @ts-expect-error: two at once
crons.interval("h", { minutes: 1, hours: 1 }, job, { n: 1 });
// @ts-expect-error: a query is never due
crons.interval("i", { minutes: 1 }, makeFunctionReference<"query">("a:b"));

const router = httpRouter();
const handler = httpActionGeneric(
  async (ctx, request) => new Response(String(await ctx.runMutation(job, { n: request.url.length }))),
);
router.route({ path: "/a", method: "GET", handler });
// @ts-expect-error: no such method
router.route({ path: "/a", method: "HEAD", handler });
const found = router.lookup("/a", "HEAD");
assertType<IsExact<NonNullable<typeof found>[2], string>>();

assertType<IsExact<EnvFromAppDefinition<typeof app>, { MAIL_KEY: string; MODE?: "a" | "b" | undefined }>>();
const component = defineComponent("mail", { env: { KEY: v.string() } });
defineApp().use(component, { env: { KEY: "k" } });
// @ts-expect-error: its environment is missing
defineApp().use(component);

// @ts-expect-error: where keys are is missing
export const config: AuthConfig = { providers: [{ type: "customJwt", issuer: "i", algorithm: "RS256" }] };
