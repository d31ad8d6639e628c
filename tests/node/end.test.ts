// How a database ends: closed, deleted, or with functions that never end. Every promise settles.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { HoldfastError } from "../../ts/index.js";
import { loadWasm } from "../../ts/wasm.js";
import { codeOf, freshName, open, seed, sleep } from "../fixtures/database.js";

type Db = Awaited<ReturnType<typeof open>>;
type Id = Awaited<ReturnType<typeof seed>>["user"];

const never = () => new Promise<never>(() => undefined);

/** Fails when a promise does not settle. */
async function settled(promise: Promise<unknown>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => (timer = setTimeout(resolve, 10_000, "it hangs")));
  const code = await Promise.race([codeOf(promise), late]);
  clearTimeout(timer);
  return code;
}

/** Every way to use a database. */
const uses: Record<string, (db: Db, user: Id) => unknown> = {
  get: (db, user) => db.get(user),
  "get of a table": (db, user) => db.get("users", user),
  collect: (db) => db.query("users").collect(),
  count: (db) => db.query("users").count(),
  paginate: (db) => db.query("users").paginate({ numItems: 1, cursor: null }),
  iterate: async (db) => {
    for await (const user of db.query("users")) return user;
    return undefined;
  },
  read: (db) => db.read(() => 1),
  mutate: (db) => db.mutate(() => 1),
  insert: (db) => db.insert("users", { betterAuthId: "x", email: "x", createdAt: 1 }),
  insertMany: (db) => db.insertMany("users", []),
  patch: (db, user) => db.patch(user, { name: "x" }),
  replace: (db, user) => db.replace(user, { betterAuthId: "x", email: "x", createdAt: 1 }),
  delete: (db, user) => db.delete(user),
  newId: (db) => db.newId("users"),
  verify: (db) => db.verify(),
  repair: (db) => db.repair({ accept: "lose-unreadable" }),
};

async function refuses(db: Db, user: Id): Promise<void> {
  for (const [name, use] of Object.entries(uses)) {
    assert.equal(await settled((async () => use(db, user))()), "DatabaseClosed", name);
  }
}

/** What may be under way when a database ends. */
async function begin(db: Db, user: Id) {
  const rows = db.query("users")[Symbol.asyncIterator]();
  await rows.next();
  const work = {
    mutation: db.mutate(never, { timeoutMs: 0 }),
    "mutation that wrote": db.mutate(async (ctx) => {
      await ctx.db.patch(user, { name: "x" });
      await never();
    }),
    read: db.read(async (ctx) => {
      await ctx.db.get(user);
      await never();
    }),
    repair: db.repair({ accept: "lose-unreadable" }),
  };
  for (const promise of Object.values(work)) promise.catch(() => undefined);
  return { work, rows };
}

test("a closed database refuses everything, and what was under way settles", async (t) => {
  const db = await open(t);
  const { user, task } = await seed(db);
  const { work, rows } = await begin(db, user);
  const saved = db.insert("tasks", task("last"));
  await db.close();
  assert.equal(await settled(saved), "no error");
  for (const [name, promise] of Object.entries(work)) assert.equal(await settled(promise), "DatabaseClosed", name);
  // What it has read already, it may give.
  assert.match(await settled(rows.next()), /^(DatabaseClosed|no error)$/);
  await refuses(db, user);
  assert.throws(() => db.stats(), { code: "DatabaseClosed" });
  await Promise.all([db.close(), db.destroy(), db.close()]);
});

test("a document whose getter ends the database is not written into memory that others have by then", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const { memory } = await loadWasm();
  let before: Buffer | undefined;
  const writing = db.insert("tasks", {
    ...task("unsaved"),
    get title() {
      void db.destroy();
      before = Buffer.from(memory.buffer.slice(0));
      return "x".repeat(50);
    },
  });
  assert.ok(before?.equals(Buffer.from(memory.buffer)));
  assert.equal(await codeOf(writing), "DatabaseClosed");
});

/** Two databases of one name, and what the second hears. */
async function pair(t: TestContext) {
  const name = freshName();
  const problems: HoldfastError[] = [];
  const one = await open(t, { name });
  const two = await open(t, { name, onProblem: (error) => problems.push(error) });
  return { name, one, two, problems };
}

test("a document that was read before is not given after the database was deleted", async (t) => {
  const { one, two } = await pair(t);
  const { user } = await seed(one);
  await sleep(5);
  assert.ok(await two.get(user));
  await one.destroy();
  assert.equal(await codeOf(two.get(user)), "DatabaseClosed");
});

test("a check whose listener deletes the database comes to an end", async (t) => {
  const { one } = await pair(t);
  await seed(one);
  const check = one.verify({ onProgress: () => void one.destroy() });
  assert.equal(await settled(check), "DatabaseClosed");
});

test("a database in memory that another deletes is lost, and the next of the name begins empty", async (t) => {
  const { name, one, two, problems } = await pair(t);
  const { user } = await seed(one);
  await sleep(5);
  const { work } = await begin(two, user);
  // The first is on its way when the database is deleted, the second waits for it.
  const first = two.patch(user, { name: "first" });
  const pending = two.patch(user, { name: "pending" });
  for (const promise of [first, pending]) promise.catch(() => undefined);
  await one.destroy();
  // At once, not a moment later.
  assert.equal(await codeOf(two.get(user)), "DatabaseClosed");
  await assert.rejects(pending, {
    code: "DatabaseClosed",
    message: "The database was deleted by another tab. Nothing of this mutation is saved.",
  });
  for (const [name, promise] of Object.entries(work)) assert.equal(await settled(promise), "DatabaseClosed", name);
  await refuses(two, user);
  assert.deepEqual(
    problems.map(({ code, message }) => [code, message]),
    [["DatabaseClosed", "The database was deleted by another tab."]],
  );
  const next = await open(t, { name });
  assert.equal(await next.query("users").count(), 0);
  await seed(next);
  // Those of the old one have nothing to do with it.
  await two.destroy();
  await two.close();
  assert.equal(await next.query("users").count(), 1);
  const another = await open(t, { name });
  assert.equal(await another.query("users").count(), 1);
});

test("a database that another deletes says that it is closed, and why", async (t) => {
  const name = freshName();
  const [one, two] = [await open(t, { name }), await open(t, { name, onProblem: () => undefined })];
  const heard: string[] = [];
  two.durability.subscribe(() => heard.push(two.durability.state));
  await one.destroy();
  while (heard.length === 0) await sleep(1);
  assert.deepEqual([heard, two.durability.reason?.code], [["closed"], "DatabaseClosed"]);
});

test("deleting what is closed deletes it for the others", async (t) => {
  const { one, two } = await pair(t);
  const { user } = await seed(two);
  await one.close();
  assert.equal(await two.query("users").count(), 1);
  await one.destroy();
  await refuses(two, user);
});

test("who has deleted a database once does not delete the next one of its name", async (t) => {
  const { name, one } = await pair(t);
  await one.destroy();
  const next = await open(t, { name });
  await seed(next);
  await one.destroy();
  assert.equal(await next.query("users").count(), 1);
});

test("an app's onProblem that throws harms nobody", async (t) => {
  const name = freshName();
  const [one, two] = [await open(t, { name }), await open(t, { name, onProblem: () => assert.fail("on purpose") })];
  // What it throws has nobody to catch it, which a test can't let happen.
  const { queueMicrotask } = globalThis;
  const thrown: unknown[] = [];
  globalThis.queueMicrotask = (action) =>
    queueMicrotask(() => {
      try {
        action();
      } catch (error) {
        thrown.push(error);
      }
    });
  t.after(() => (globalThis.queueMicrotask = queueMicrotask));
  await one.destroy();
  await sleep(1);
  assert.match(String(thrown), /on purpose/);
  assert.equal(await codeOf(two.query("users").count()), "DatabaseClosed");
});

test("a mutation that never ends is rejected by name, whatever it does", async (t) => {
  const db = await open(t);
  const { user, task } = await seed(db);
  let late: { insert(): Promise<unknown>; query(): Promise<unknown> } | undefined;
  const endless = {
    async waits() {
      await never();
    },
    writesAndWaits: (ctx: Parameters<Parameters<Db["mutate"]>[0]>[0]) => {
      late = {
        insert: () => ctx.db.insert("tasks", task("late")),
        query: () => ctx.db.query("tasks").collect(),
      };
      return ctx.db.insert("tasks", task("lost")).then(never);
    },
    async pauses(ctx: Parameters<Parameters<Db["mutate"]>[0]>[0]) {
      for (;;) {
        await ctx.db.insert("tasks", task("lost"));
        await sleep(1);
      }
    },
    // Gives no timer a turn, so it has to end by itself where nobody ends it.
    async reads(ctx: Parameters<Parameters<Db["mutate"]>[0]>[0]) {
      const end = performance.now() + 5_000;
      while (performance.now() < end) await ctx.db.get(user);
    },
  };
  for (const [name, action] of Object.entries(endless)) {
    await assert.rejects(db.mutate(action, { timeoutMs: 30 }), (error: HoldfastError) => {
      assert.deepEqual([error.code, error.details["name"]], ["MutationTimeout", name]);
      return true;
    });
  }
  assert.equal(await codeOf(late!.insert()), "TransactionClosed");
  assert.equal(await codeOf(late!.query()), "TransactionClosed");
  assert.equal(await db.query("tasks").count(), 0);
  await db.insert("tasks", task("after"));
  assert.deepEqual((await db.verify()).problems, []);
});

test("verify tells how far it is", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  for (let n = 0; n < 4; n += 1) {
    await db.insertMany(
      "tasks",
      Array.from({ length: 8_000 }, (_, i) => task(`task ${n} ${i}`)),
    );
  }
  const seen: number[] = [];
  const report = await db.verify({ onProgress: ({ rows }) => seen.push(rows) });
  assert.equal(report.rows, 32_002);
  assert.ok(seen.length > 0 && seen.every((rows, i) => rows <= 32_002 && rows >= (seen[i - 1] ?? 0)), seen.join(" "));
  const thrown = new Error("mine");
  await assert.rejects(db.verify({ onProgress: () => assert.fail(thrown) }), thrown);
  assert.equal((await db.verify()).ok, true);
});
