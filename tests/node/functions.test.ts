// Functions of a Convex app, unchanged: found by reference, validated, run in transactions, called by each other.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConvexError,
  getFunctionName,
  HoldfastError,
  makeFunctionReference,
  mutation,
  openDatabase,
  query,
  v,
} from "../../ts/index.js";
import { api, internal } from "../fixtures/convex/_generated/api.js";
import schema from "../fixtures/convex/schema.js";
import * as tasks from "../fixtures/convex/tasks.js";
import { ada, modules, openApp } from "../fixtures/convex_app.js";
import { codeOf, freshName, sleep } from "../fixtures/database.js";

/** Runs what the types would not let through. */
const run = (db: { run(meant: never, args: never): Promise<unknown> }, meant: unknown, args: unknown = {}) =>
  db.run(meant as never, args as never);

async function failure(promise: Promise<unknown>): Promise<HoldfastError> {
  const error: unknown = await promise.then(
    () => assert.fail("it did not fail"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  return error;
}

test("queries and mutations run by reference", async (t) => {
  const db = await openApp(t);
  const projectId = await db.run(api.projects.create, { name: "Engine" });
  const id = await db.run(api.tasks.create, { projectId, title: "write" });
  await db.run(api.tasks.create, { projectId, title: "read" });
  assert.equal(await db.run(api.tasks.finish, { id }), null, "nothing arrives as null");
  const done = await db.run(api.tasks.list, { projectId, status: "done" });
  assert.deepEqual(
    done.map((task) => [task._id, task.title, task.status]),
    [[id, "write", "done"]],
  );
  assert.deepEqual(await db.run(api.tasks.titles, {}), ["write", "read"]);
  assert.deepEqual(await db.run(api.tasks.titles), ["write", "read"]);
  assert.deepEqual(await db.run(api.projects.default), ["Engine"]);
  assert.equal(await db.run(internal.tasks.count, { projectId }), 2);
  assert.equal(await db.run(api.lib.numbers.double, { value: 21n }), 42n);
  const first = await db.run(api.tasks.page, { paginationOpts: { numItems: 1, cursor: null, id: 7 } });
  assert.deepEqual([first.page[0]?.title, first.isDone], ["read", false]);
  const rest = await db.run(api.tasks.page, { paginationOpts: { numItems: 5, cursor: first.continueCursor } });
  assert.deepEqual([rest.page[0]?.title, rest.isDone], ["write", true]);
});

test("functions run without a reference, and by their names", async (t) => {
  const db = await openApp(t, { functions: {} });
  const project = await db.insert("users", { betterAuthId: "a", email: "e", createdAt: 0 }).then((ownerId) =>
    db.insert("projects", {
      name: "p",
      ownerId,
      status: "draft",
      settings: { isPublic: true, tags: [] },
      createdAt: 0,
      updatedAt: 0,
    }),
  );
  const id = await db.run(tasks.create, { projectId: project, title: "direct" });
  assert.equal((await db.get(id))?.title, "direct");
  const other = await openApp(t);
  assert.deepEqual(await other.run(makeFunctionReference<"query">("tasks:titles"), {}), []);
  assert.deepEqual(await run(other, "tasks.js:titles"), []);
  assert.deepEqual(await run(other, "projects"), []);
});

test("names of functions", () => {
  assert.equal(getFunctionName(api.tasks.list), "tasks:list");
  assert.equal(getFunctionName(api.lib.numbers.double), "lib/numbers:double");
  assert.equal(getFunctionName(api.projects.default), "projects");
  assert.throws(() => getFunctionName(api.tasks as never), /form `api.moduleName.functionName`. Found: `api.tasks`/);
  assert.throws(() => getFunctionName({} as never), { code: "InvalidArgument" });
});

test("what can't be found is named", async (t) => {
  const db = await openApp(t);
  const anyApi = api as unknown as Record<string, Record<string, unknown>>;
  const unknown = await failure(run(db, anyApi["tasks"]!["lst"]));
  assert.equal(unknown.code, "FunctionNotFound");
  assert.match(unknown.message, /^Could not find function 'tasks:lst'. The module has: count, create, /);
  assert.deepEqual(unknown.details, { function: "tasks:lst" });
  const module = await failure(run(db, anyApi["task"]!["list"]));
  assert.match(
    module.message,
    /There is no module "task". Modules: crons, http, lib\/numbers, projects, schema, tasks./,
  );
  assert.equal(await codeOf(run(db, anyApi["crons"]!["default"])), "FunctionNotFound");
  assert.equal(await codeOf(run(db, "lib/numbers:helper")), "FunctionNotFound");
  assert.equal(await codeOf(run(db, "tasks:constructor")), "FunctionNotFound");
  for (const nonsense of [undefined, null, 5, {}, [], () => 1]) {
    assert.equal(await codeOf(run(db, nonsense)), "InvalidArgument");
  }
  const none = await openApp(t, { functions: {} });
  assert.match((await failure(none.run(api.tasks.titles, {}))).message, /Give `openDatabase` the app's modules/);
  const broken = await openApp(t, { functions: { "./tasks.ts": () => Promise.reject(new Error("404")) } });
  const failed = await failure(broken.run(api.tasks.titles, {}));
  assert.deepEqual([failed.code, failed.retryable], ["FunctionNotFound", true]);
});

test("modules are found wherever the app's folder is", async (t) => {
  const { titles } = tasks;
  for (const path of ["tasks.ts", "./tasks.js", "/src/convex/tasks.mts", "../convex/tasks.tsx"]) {
    const db = await openApp(t, { functions: { [path]: { titles } } });
    assert.deepEqual(await db.run(api.tasks.titles, {}), [], path);
  }
  const nested = await openApp(t, {
    functions: { "../../app/convex/deep/a.ts": { titles }, "../../app/convex/deep/b.ts": {} },
  });
  assert.deepEqual(await run(nested, "deep/a:titles"), []);
  const generated = await openApp(t, {
    functions: { "../backend/x/tasks.ts": { titles }, "../backend/_generated/api.js": {} },
  });
  assert.deepEqual(await run(generated, "x/tasks:titles"), []);
});

test("arguments are validated and copied", async (t) => {
  const db = await openApp(t);
  const projectId = await db.run(api.projects.create, { name: "p" });
  const wrong = (args: unknown) => failure(db.run(api.tasks.create, args as never));
  const missing = await wrong({ projectId });
  assert.equal(missing.code, "ArgumentValidationError");
  assert.match(
    missing.message,
    /^ArgumentValidationError: Object is missing the required field `title`. Consider wrapping/,
  );
  assert.deepEqual(missing.details, { path: ".title", function: "tasks:create" });
  assert.match(
    (await wrong({ projectId, title: 5 })).message,
    /^ArgumentValidationError: Value does not match validator.\nPath: .title\nValue: 5.0\nValidator: v.string\(\)$/,
  );
  assert.match((await wrong({ projectId, title: "t", more: 1 })).message, /Object contains extra field `more`/);
  const user = (await db.query("users").first())!._id;
  assert.match((await wrong({ projectId: user, title: "t" })).message, /Found ID ".*" from table `users`/);
  assert.equal((await wrong({ projectId, title: new Date() })).code, "InvalidValue");
  for (const none of [null, [], "text", new Map()]) assert.equal((await wrong(none)).code, "InvalidArgument");
  assert.equal(await db.query("tasks").count(), 0);

  const seen: unknown[] = [];
  const keep = mutation({
    args: { list: v.array(v.number()), left: v.optional(v.number()) },
    handler: (_ctx, args) => {
      seen.push(args);
      args.list.push(9);
      return args.list;
    },
  });
  const list = [1, 2];
  const answer = await db.run(keep, { list, left: undefined });
  assert.deepEqual([answer, list, seen], [[1, 2, 9], [1, 2], [{ list: [1, 2, 9] }]]);
  assert.notEqual((seen[0] as { list: unknown }).list, answer);
  assert.ok(!Object.hasOwn(seen[0] as object, "left"));
});

test("results are validated", async (t) => {
  const db = await openApp(t);
  const wrong = await failure(db.run(api.lib.numbers.wrong, {}));
  assert.equal(wrong.code, "ReturnsValidationError");
  assert.match(
    wrong.message,
    /^ReturnsValidationError: Value does not match validator.\n\nValue: "a text"\nValidator: v/,
  );
  assert.deepEqual(wrong.details, { function: "lib/numbers:wrong" });
  const returning = (value: unknown) => db.run(query({ handler: () => value as null }));
  assert.equal(await codeOf(returning(new Map())), "InvalidValue");
  assert.match((await failure(db.run(query((ctx) => ctx.db.query("tasks"))))).message, /^Return value is a Query/);
  assert.equal(await returning(undefined), null);
  assert.deepEqual(await returning({ a: undefined, b: -0 }), { b: -0 });
  // What a mutation answers is validated before anything is saved.
  const bad = mutation({
    returns: v.number(),
    handler: async (ctx) => {
      await ctx.db.insert("users", { betterAuthId: "x", email: "x", createdAt: 0 });
      return "no" as never;
    },
  });
  assert.equal(await codeOf(db.run(bad)), "ReturnsValidationError");
  assert.equal(await db.query("users").count(), 0);
});

test("a mutation that another one calls fails alone", async (t) => {
  const db = await openApp(t);
  const projectId = await db.run(api.projects.create, { name: "p" });
  const result = await db.run(api.tasks.createSome, { projectId, titles: ["a", "", "b", ""] });
  assert.deepEqual(result, { failed: ["", ""], all: 2 });
  assert.deepEqual(await db.run(api.tasks.titles), ["a", "b"]);
});

const addUser = (betterAuthId: string) => ({ betterAuthId, email: "e", createdAt: 0 });

test("what a called mutation took back leaves no trace, and what was before it stays", async (t) => {
  const db = await openApp(t);
  const ada = await db.insert("users", addUser("ada"));
  const fail = mutation(async (ctx) => {
    await ctx.db.patch(ada, { email: "inner" });
    await ctx.db.insert("users", addUser("inner"));
    await ctx.db.delete((await ctx.db.query("users").order("desc").first())!._id);
    await ctx.db.insert("users", addUser("inner 2"));
    throw new Error("no");
  });
  const outer = mutation(async (ctx) => {
    await ctx.db.patch(ada, { email: "outer" });
    const before = await ctx.db.insert("users", addUser("before"));
    const failing = ctx.runMutation(fail as never, {}).then(
      () => "?",
      (error: Error) => error.message,
    );
    // Not awaited: it comes after what was called before.
    const after = ctx.db.insert("users", addUser("after"));
    assert.equal(await failing, "no");
    await after;
    assert.equal((await ctx.db.get(before))?.email, "e");
    return (await ctx.db.query("users").withIndex("by_better_auth_id").collect()).map(
      (user: { email: string }) => user.email,
    );
  });
  assert.deepEqual(await db.run(outer), ["outer", "e", "e"]);
  const users = await db.query("users").withIndex("by_better_auth_id").collect();
  assert.deepEqual(
    users.map((user) => [user.betterAuthId, user.email]),
    [
      ["ada", "outer"],
      ["after", "e"],
      ["before", "e"],
    ],
  );
  assert.equal((await db.verify()).ok, true);
});

test("called mutations wait for each other, in the order of their calls", async (t) => {
  const db = await openApp(t);
  const slow = mutation({
    args: { name: v.string(), pause: v.number() },
    handler: async (ctx, { name, pause }) => {
      const before = (await ctx.db.query("users").collect()).length;
      await sleep(pause);
      await ctx.db.insert("users", addUser(`${name} ${before}`));
      if (name === "b") throw new Error("taken back");
    },
  });
  await db.run(
    mutation(async (ctx) => {
      const run = (name: string, pause: number) => ctx.runMutation(slow as never, { name, pause } as never);
      await Promise.allSettled([run("a", 10), run("b", 5), run("c", 0)]);
    }),
  );
  assert.deepEqual(
    (await db.query("users").collect()).map((user) => user.betterAuthId),
    ["a 0", "c 1"],
  );
});

test("a called mutation whose failure nobody hears of is the caller's own", async (t) => {
  const db = await openApp(t);
  const fail = mutation(async () => {
    throw new Error("unheard");
  });
  const outer = mutation(async (ctx) => {
    await ctx.db.insert("users", addUser("a"));
    void ctx.runMutation(fail as never, {});
  });
  await assert.rejects(db.run(outer), /unheard/);
  assert.equal(await db.query("users").count(), 0);
});

test("the ctx of a called function ends with it", async (t) => {
  const db = await openApp(t);
  let kept: { insert(table: "users", value: object): Promise<unknown> } | undefined;
  const inner = mutation(async (ctx) => {
    kept = ctx.db as never;
  });
  await db.run(
    mutation(async (ctx) => {
      await ctx.runMutation(inner as never, {});
      assert.equal(await codeOf(kept!.insert("users", addUser("late"))), "TransactionClosed");
    }),
  );
  assert.equal(await db.query("users").count(), 0);
});

test("a mutation that calls others runs again as a whole", async (t) => {
  const db = await openApp(t);
  const id = await db.insert("users", { ...addUser("n"), lastActiveAt: 0 });
  const increment = mutation(async (ctx) => {
    const user = (await ctx.db.get(id))!;
    await sleep(1);
    await ctx.db.patch(id, { lastActiveAt: user.lastActiveAt! + 1 });
  });
  const twice = mutation(async (ctx) => {
    await ctx.runMutation(increment as never, {});
    await ctx.runMutation(increment as never, {});
  });
  await Promise.all(Array.from({ length: 8 }, () => db.run(twice)));
  assert.equal((await db.get(id))?.lastActiveAt, 16);
});

test("one kind of function is not called as another", async (t) => {
  const db = await openApp(t);
  const asQuery = mutation((ctx) => ctx.runQuery(api.tasks.finish as never, {}));
  assert.match((await failure(db.run(asQuery))).message, /`ctx.runQuery` runs queries; "tasks:finish" is a mutation/);
  const asMutation = mutation((ctx) => ctx.runMutation(api.tasks.titles as never, {}));
  assert.match((await failure(db.run(asMutation))).message, /runs mutations; "tasks:titles" is a query/);
  const writes = query(async (ctx) => (ctx.db as unknown as { insert?: unknown }).insert);
  assert.equal(await db.run(writes), null, "a query has nothing to write with");
});

test("what needs a server says so when it is called", async (t) => {
  const db = await openApp(t);
  const projectId = await db.run(api.projects.create, { name: "p" });
  const id = await db.run(api.tasks.create, { projectId, title: "t" });
  const scheduled = await failure(db.run(api.tasks.remind, { id }));
  assert.deepEqual([scheduled.code, scheduled.retryable], ["NotSupported", false]);
  assert.match(
    scheduled.message,
    /^`ctx.scheduler.runAfter` needs a Convex server: Holdfast runs queries and mutations/,
  );
  assert.notEqual((await db.get(id))?.updatedAt, 0);
  const acted = await failure(run(db, tasks.fetchTitle, { url: "x" }));
  assert.equal(acted.code, "NotSupported");
  assert.equal(await codeOf(run(db, "tasks:fetchTitle", { url: "x" })), "NotSupported");
  const stored = query((ctx) => ctx.storage.getUrl("x"));
  assert.equal(await codeOf(db.run(stored)), "NotSupported");
});

test("who uses the app is what the app says", async (t) => {
  const who = query((ctx) => ctx.auth.getUserIdentity());
  assert.deepEqual(await (await openApp(t)).run(who), ada);
  assert.equal(await (await openApp(t, { identity: null })).run(who), null);
  assert.deepEqual(await (await openApp(t, { identity: async () => ada })).run(who), ada);
  const none = await openDatabase({ name: freshName(), storage: "memory", schema });
  t.after(() => none.close());
  const error = await failure(none.run(who));
  assert.equal(error.code, "NotSupported");
  assert.match(error.message, /option `identity`/);
});

test("an app's own errors pass through", async (t) => {
  const db = await openApp(t);
  const projectId = await db.run(api.projects.create, { name: "p" });
  await db.delete(projectId);
  await assert.rejects(db.run(api.tasks.create, { projectId, title: "t" }), (error) => {
    assert.ok(error instanceof ConvexError);
    assert.deepEqual(error.data, { code: "NoProject", projectId });
    return true;
  });
});

test("functions within db.read and db.mutate", async (t) => {
  const db = await openApp(t);
  const projectId = await db.run(api.projects.create, { name: "p" });
  const count = await db.mutate(async (ctx) => {
    await ctx.runMutation(api.tasks.create, { projectId, title: "t" });
    return ctx.runQuery(internal.tasks.count, { projectId });
  });
  assert.equal(count, 1);
  assert.equal(await db.read((ctx) => ctx.runQuery(internal.tasks.count, { projectId })), 1);
});

test("definitions that are none are refused", () => {
  for (const nonsense of [undefined, null, 5, {}, { handler: 5 }, []]) {
    assert.throws(() => query(nonsense as never), { code: "InvalidArgument" });
  }
  assert.equal(modules["./convex/tasks.ts"].length, 0);
});
