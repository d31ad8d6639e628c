// What only a server can do: it can be written down, is checked as Convex checks it, and says so when it is called.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test, type TestContext } from "node:test";
import * as server from "../../ts/convex/server.js";
import { CommitTsPlaceholder, v } from "../../ts/convex/values.js";
import { defineSchema, defineTable, HoldfastError, mutation, openDatabase, query } from "../../ts/index.js";
import { freshName } from "../fixtures/database.js";

const convex = createRequire(import.meta.url)("convex/server") as typeof server;

const schema = defineSchema({
  notes: defineTable({ text: v.string(), at: v.optional(v.commitTs()) }).searchIndex("by_text", {
    searchField: "text",
  }),
});

async function open(t: TestContext) {
  const db = await openDatabase({ name: freshName(), storage: "memory", schema });
  t.after(() => db.close());
  return db;
}

/** What both packages say to it; the same, or `what` they answer. */
function same(action: (package_: typeof server) => unknown): unknown {
  const said = (package_: typeof server) => {
    try {
      return JSON.stringify(action(package_)) ?? "undefined";
    } catch (error) {
      return `Error: ${(error as Error).message}`;
    }
  };
  const ours = said(server);
  assert.equal(ours, said(convex));
  return ours;
}

const isRefused = (error: unknown) => {
  assert.ok(error instanceof HoldfastError, String(error));
  assert.equal(error.code, "NotSupported");
  assert.match(error.message, /needs a Convex server: Holdfast runs queries and mutations on the device\.$/);
  return true;
};

test("what needs a server is refused when it is called", async (t) => {
  const db = await open(t);
  const components = server.componentsGeneric();
  const uses: ((ctx: server.GenericMutationCtx<any>) => unknown)[] = [
    (ctx) => ctx.runMutation(components["rateLimiter"]!["lib"]!["limit"]! as never, {}),
    (ctx) => ctx.runQuery("function://abc" as never),
    (ctx) => ctx.db.query("notes").withSearchIndex("by_text" as never, (q) => q.search("text", "t")),
    (ctx) => ctx.db.vars.commitTs,
    (ctx) => ctx.auth.signJwt({ expiresInSeconds: 5 }),
    (ctx) => ctx.meta.getFunctionMetadata(),
    (ctx) => ctx.meta.getTransactionMetrics(),
    (ctx) => ctx.meta.getDeploymentMetadata(),
    (ctx) => ctx.meta.getRequestMetadata(),
    (ctx) => ctx.meta.getSnapshotTs(),
    (ctx) => ctx.storage.get("x"),
    (ctx) => ctx.storage.store(new Blob([])),
    (ctx) => ctx.scheduler.cancel("x" as never),
    () => server.createFunctionHandle(server.makeFunctionReference("a:b")),
    () => server.getServiceToken("ai-gateway"),
    () => server.getServiceUrl("ai-gateway"),
    () => server.log.audit({ ip: server.log.vars.ip }),
    () => server.httpRouter().runRequest("{}", "/"),
  ];
  for (const use of uses) await assert.rejects(db.run(mutation(async (ctx) => void (await use(ctx)))), isRefused);
  await assert.rejects(db.run(query((ctx) => ctx.meta.getFunctionMetadata())), isRefused);
  assert.match(
    await db.run(mutation((ctx) => ctx.runMutation(components["a"]!["b"]!["c"]! as never, {}))).catch(String),
    /The function "a.b.c" of a component needs/,
  );
});

test("the system's tables by `table`", async (t) => {
  const db = await open(t);
  const count = await db.read(async (ctx) => {
    const system = ctx.db.system as unknown as server.GenericDatabaseReaderWithTable<never>["system"];
    assert.equal(await system.table("_storage").get("x" as never), null);
    return (await system.table("_storage").query().collect()).length;
  });
  assert.equal(count, 0);
});

test("a commit's time can be printed and not be used", () => {
  const placeholder = new CommitTsPlaceholder();
  assert.equal(`${placeholder}`, "[unresolved commit timestamp]");
  assert.throws(() => Number(placeholder), isRefused);
  assert.throws(() => JSON.stringify(placeholder), isRefused);
});

test("routes are checked, listed and looked up as Convex does", () => {
  const handler = server.httpActionGeneric(async () => new Response());
  const route = (...specs: object[]) =>
    same(({ httpRouter }) => {
      const router = httpRouter();
      for (const spec of specs) router.route({ method: "GET", handler, ...spec } as server.RouteSpec);
      return router.getRoutes().map((each) => each.slice(0, 2));
    });
  for (const wrong of [
    { path: "a" },
    { path: "/a", pathPrefix: "/a/" },
    {},
    { pathPrefix: "a/" },
    { pathPrefix: "/a" },
    { path: "/.files" },
    { path: "/.files/a" },
    { pathPrefix: "/.files/" },
    { path: "/a", handler: undefined },
    { path: "/a", method: undefined },
  ]) {
    assert.match(String(route(wrong)), /^Error: /, JSON.stringify(wrong));
  }
  assert.match(String(route({ path: "/a" }, { path: "/a" })), /already in use/);
  assert.match(String(route({ pathPrefix: "/a/" }, { pathPrefix: "/a/" })), /already defined/);
  route({ path: "/b" }, { path: "/a", method: "POST" }, { path: "/a" }, { pathPrefix: "/c/", method: "PUT" });
  for (const [path, method] of [
    ["/a", "GET"],
    ["/a", "HEAD"],
    ["/a/b/c", "GET"],
    ["/a/c", "GET"],
    ["/a/c", "POST"],
    ["/d", "GET"],
  ] as const) {
    same(({ httpRouter }) => {
      const router = httpRouter();
      router.route({ path: "/a", method: "GET", handler });
      router.route({ pathPrefix: "/a/", method: "GET", handler });
      router.route({ pathPrefix: "/a/b/", method: "GET", handler });
      return router.lookup(path, method)?.slice(1);
    });
  }
});

test("cron jobs are checked and noted as Convex does", () => {
  const reference = server.makeFunctionReference<"mutation", { n: number }>("a:b");
  type Jobs = ReturnType<typeof server.cronJobs>;
  const noted = (note: (crons: Jobs) => void) =>
    same(({ cronJobs }) => {
      const crons = cronJobs();
      note(crons);
      return crons.crons;
    });
  noted((crons) => crons.interval("a", { minutes: 5 }, reference, { n: 1 }));
  noted((crons) => crons.hourly("a", reference, { n: 1 }));
  noted((crons) => crons.hourly("a", { minuteUTC: 5 }, reference, { n: 1 }));
  noted((crons) => crons.daily("a", { hourUTC: 5 }, reference, { n: 1 }));
  noted((crons) => crons.weekly("a", { dayOfWeek: "monday", hourUTC: 5, minuteUTC: 1 }, reference, { n: 1 }));
  noted((crons) => crons.monthly("a", { day: 31, hourUTC: 5 }, reference, { n: 1 }));
  noted((crons) => crons.cron("a", "* * * * *", reference, { n: 1 }));
  const wrong: ((crons: Jobs) => void)[] = [
    (crons) => [1, 2].map(() => crons.cron("a", "* * * * *", reference, { n: 1 })),
    (crons) => crons.cron("é", "* * * * *", reference, { n: 1 }),
    (crons) => crons.interval("a", {} as never, reference, { n: 1 }),
    (crons) => crons.interval("a", { minutes: 1, hours: 1 } as never, reference, { n: 1 }),
    (crons) => crons.interval("a", { minutes: 0 }, reference, { n: 1 }),
    (crons) => crons.hourly("a", { minuteUTC: 60 }, reference, { n: 1 }),
    (crons) => crons.daily("a", { hourUTC: 24 }, reference, { n: 1 }),
    (crons) => crons.weekly("a", { dayOfWeek: "mon" as never, hourUTC: 5 }, reference, { n: 1 }),
    (crons) => crons.monthly("a", { day: 32, hourUTC: 5 }, reference, { n: 1 }),
  ];
  for (const note of wrong) assert.match(String(noted(note)), /^Error: /);
});

test("apps and components are defined", () => {
  const component = server.defineComponent("counter", { env: { KEY: v.string() } });
  const app = server.defineApp({ env: { KEY: v.string(), MODE: v.optional(v.string()) } });
  const installed = app.use(component, { env: { KEY: app.env.KEY } });
  assert.equal(
    JSON.stringify(server.getFunctionAddress(installed.exports.lib.add)),
    '{"reference":"_reference/childComponent/counter/lib/add"}',
  );
  same(({ defineApp }) => defineApp({ httpPrefix: "a" }));
  same(({ defineApp }) => defineApp({ env: { A: 5 as never } }));
  assert.throws(() => (app.env as Record<string, unknown>)["OTHER"], /Env var "OTHER" is not declared/);
});

test("addresses and names of functions are Convex's", () => {
  for (const reference of [
    (s: typeof server) => s.anyApi["a"]!["b"],
    (s: typeof server) => s.makeFunctionReference("a:b"),
    () => "a:b",
    () => "function://x",
    (s: typeof server) => s.componentsGeneric()["a"]!["b"],
    (s: typeof server) => s.currentSystemUdfInComponent("id"),
  ]) {
    same((package_) => package_.getFunctionAddress(reference(package_) as never));
  }
  for (const foreign of ["function://x", server.componentsGeneric()["a"]!["b"], server.componentsGeneric()]) {
    assert.throws(() => server.getFunctionName(foreign as never), { code: "InvalidArgument" });
  }
});
