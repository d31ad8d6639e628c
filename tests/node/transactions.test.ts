// Mutations and reads: conflicts, runs again, rollback, time limits, contexts after their end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { codeOf, freshName, open, seed } from "../fixtures/database.js";

const pause = (milliseconds = 0) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("a function reads what it wrote, and nobody else does before it ends", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const result = await db.mutate(async (ctx) => {
    const id = await ctx.db.insert("tasks", task("inside"));
    await ctx.db.patch(id, { status: "done" });
    assert.equal(
      await ctx.db
        .query("tasks")
        .withIndex("by_status", (q) => q.eq("status", "done"))
        .count(),
      1,
    );
    assert.equal((await ctx.db.query("tasks").collect()).length, 1);
    await pause(5);
    assert.equal(await db.query("tasks").count(), 0);
    const [extra] = await ctx.db.insertMany("tasks", [task("extra"), task("more")]);
    await ctx.db.delete(extra!);
    return id;
  });
  assert.equal((await db.get(result))?.status, "done");
  assert.deepEqual(
    (await db.query("tasks").collect()).map((row) => row.title),
    ["inside", "more"],
  );
});

test("what is written is seen by what is called next, awaited or not", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const before = await db.query("tasks").count();
  const [id, other] = [db.newId("tasks"), db.newId("tasks")];
  const calls = [
    db.insert("tasks", { ...task("one"), _id: id }),
    db.patch(id, { status: "done" }),
    db.insert("tasks", { ...task("two"), _id: other }),
    db.delete(other),
    db.replace(id, task("one again")),
  ];
  const [count, one, two] = [db.query("tasks").count(), db.get(id), db.get(other)];
  assert.deepEqual([await count, (await one)?.title, await two], [before + 1, "one again", null]);
  await Promise.all(calls);
  assert.equal((await db.get(id))?.title, "one again");
});

test("what a function throws rejects, and nothing is saved", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const thrown = new Error("mine");
  const failing = db.mutate(async (ctx) => {
    await ctx.db.insert("tasks", task("gone"));
    throw thrown;
  });
  await assert.rejects(failing, (error) => error === thrown);
  await assert.rejects(
    db.mutate(() => {
      throw thrown;
    }),
    (error) => error === thrown,
  );
  assert.equal(await db.query("tasks").count(), 0);
});

test("increments that interleave all count", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const id = await db.insert("tasks", task("counter", { dueDate: 0 }));
  let runs = 0;
  const increment = () =>
    db.mutate(async (ctx) => {
      runs += 1;
      const row = (await ctx.db.get(id))!;
      await pause(Math.random() * 3);
      await ctx.db.patch(id, { dueDate: row.dueDate! + 1 });
    });
  await Promise.all(Array.from({ length: 20 }, increment));
  assert.equal((await db.get(id))?.dueDate, 20);
  assert.ok(runs > 20, "some ran again");
});

test("a run again makes the same ids and times", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const watched = await db.insert("tasks", task("watched"));
  const seen: string[][] = [];
  const slow = db.mutate(async (ctx) => {
    const row = await ctx.db.get(watched);
    const id = await ctx.db.insert("tasks", task(`after ${row?.title}`));
    const made = ctx.db.newId("tasks");
    const time = (await ctx.db.get(id))!._creationTime;
    seen.push([id, made, String(time)]);
    if (seen.length === 1) await db.patch(watched, { title: "changed" });
    return id;
  });
  const id = await slow;
  assert.equal(seen.length, 2);
  assert.deepEqual(seen[0], seen[1]);
  assert.equal((await db.get(id))?.title, "after changed");
});

test("reads that found nothing conflict with what appears there", async (t) => {
  const db = await open(t);
  const { project, task } = await seed(db);
  let runs = 0;
  const ensure = (title: string) =>
    db.mutate(async (ctx) => {
      runs += 1;
      const query = ctx.db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", project));
      if ((await query.first()) !== null) return;
      await pause(2);
      await ctx.db.insert("tasks", task(title));
    });
  await Promise.all([ensure("a"), ensure("b"), ensure("c")]);
  assert.equal(await db.query("tasks").count(), 1);
  assert.equal(runs, 5);
});

test("two tabs that write the same rows as fast as they can lose nothing", async (t) => {
  const name = freshName();
  const tabs = [await open(t, { name }), await open(t, { name })];
  const { task } = await seed(tabs[0]!);
  const id = await tabs[0]!.insert("tasks", task("counter", { dueDate: 0 }));
  await pause(10);
  const work = tabs.map(async (db) => {
    for (let n = 0; n < 50; n += 1) {
      await db.mutate(async (ctx) => {
        const row = (await ctx.db.get(id))!;
        await ctx.db.patch(id, { dueDate: row.dueDate! + 1 });
        await ctx.db.insert("tasks", task(`t${n}`));
      });
    }
  });
  await Promise.all(work);
  await pause(20);
  for (const db of tabs) {
    assert.equal((await db.get(id))?.dueDate, 100);
    assert.equal(await db.query("tasks").count(), 101);
    assert.deepEqual((await db.verify()).problems, []);
  }
});

test("parallel calls inside a function work", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const ids = await db.mutate((ctx) =>
    Promise.all(Array.from({ length: 50 }, (_, n) => ctx.db.insert("tasks", task(`t${n}`)))),
  );
  assert.equal(new Set(ids).size, 50);
  const titles = await db.read((ctx) => Promise.all(ids.map(async (id) => (await ctx.db.get(id))?.title)));
  assert.deepEqual(
    titles,
    Array.from({ length: 50 }, (_, n) => `t${n}`),
  );
});

test("a read sees one state from beginning to end and writes nothing", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  await db.insert("tasks", task("a"));
  const counts = await db.read(async (ctx) => {
    const before = await ctx.db.query("tasks").count();
    await db.insert("tasks", task("b"));
    return [before, await ctx.db.query("tasks").count()];
  });
  assert.deepEqual(counts, [1, 1]);
  assert.equal(await db.query("tasks").count(), 2);
  const writing = db.read(async (ctx) => (ctx.db as never as typeof db).insert("tasks", task("c")));
  assert.equal(await codeOf(writing), "TransactionClosed");
});

test("a context is of no use after its end", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  let leaked: Parameters<Parameters<typeof db.mutate>[0]>[0] | undefined;
  await db.mutate(async (ctx) => {
    leaked = ctx;
    await ctx.db.insert("tasks", task("a"));
  });
  assert.equal(await codeOf(leaked!.db.insert("tasks", task("b"))), "TransactionClosed");
  assert.equal(await codeOf(leaked!.db.query("tasks").collect()), "TransactionClosed");
  assert.throws(() => leaked!.db.newId("tasks"), { code: "TransactionClosed" });
  assert.equal(await db.query("tasks").count(), 1);
});

test("a function that never ends is rejected by name, and others go on", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  let leaked: Parameters<Parameters<typeof db.mutate>[0]>[0] | undefined;
  const endless = db.mutate(
    async function waitForGodot(ctx) {
      leaked = ctx;
      await ctx.db.insert("tasks", task("never"));
      await new Promise(() => undefined);
    },
    { timeoutMs: 20 },
  );
  await assert.rejects(endless, { code: "MutationTimeout", message: /"waitForGodot" did not end within 0.02 s/ });
  assert.equal(await codeOf(leaked!.db.insert("tasks", task("late"))), "TransactionClosed");
  await db.insert("tasks", task("fine"));
  assert.equal(await db.query("tasks").count(), 1);
});

test("a mistake inside a function leaves it usable if it is caught", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  await db.mutate(async (ctx) => {
    await ctx.db.insert("tasks", task("one"));
    const bad = ctx.db.insertMany("tasks", [task("two"), { ...task("bad"), priority: "urgent" as never }]);
    assert.equal(await codeOf(bad), "SchemaEnforcementError");
    await ctx.db.insert("tasks", task("three"));
  });
  assert.deepEqual(
    (await db.query("tasks").collect()).map((row) => row.title),
    ["one", "three"],
  );
});

test("a write that failed and that nobody waited for rejects the mutation, and nothing is saved", async (t) => {
  const db = await open(t);
  const { user, task } = await seed(db);
  const id = await db.insert("tasks", task("before"));
  type Context = Parameters<Parameters<typeof db.mutate>[0]>[0];
  const bad = (ctx: Context) => ctx.db.insert("tasks", { ...task("bad"), priority: "urgent" as never });
  const ways: Record<string, (ctx: Context) => unknown> = {
    insert: (ctx) => void bad(ctx),
    "insert before others": async (ctx) => {
      void bad(ctx);
      await ctx.db.insert("tasks", task("later"));
    },
    insertMany: (ctx) => void ctx.db.insertMany("tasks", [task("good"), { ...task("bad"), title: 7 as never }]),
    patch: (ctx) => void ctx.db.patch(id, { title: 7 as never }),
    replace: (ctx) => void ctx.db.replace(id, {} as never),
    "delete of nothing": async (ctx) => {
      await ctx.db.delete(id);
      void ctx.db.delete(id);
    },
    "a wrong argument": (ctx) => void ctx.db.insert(5 as never, {} as never),
    "only what follows on success": (ctx) => void bad(ctx).then(() => 1),
    "only what follows in any case": (ctx) => void bad(ctx).finally(() => 1),
    "an array of promises": (ctx) => [bad(ctx)],
    awaited: (ctx) => bad(ctx),
    "all at once": (ctx) => Promise.all([ctx.db.insert("tasks", task("good")), bad(ctx)]),
  };
  const codes: Record<string, string> = {};
  for (const [name, way] of Object.entries(ways)) {
    codes[name] = await codeOf(
      db.mutate(async (ctx) => {
        await ctx.db.insert("tasks", task("first"));
        return way(ctx);
      }),
    );
  }
  const expected = Object.fromEntries(Object.keys(ways).map((name) => [name, "SchemaEnforcementError"]));
  assert.deepEqual(codes, {
    ...expected,
    "delete of nothing": "NonexistentDocument",
    "a wrong argument": "InvalidArgument",
  });
  assert.equal(await codeOf(db.mutate((ctx) => void bad(ctx))), "SchemaEnforcementError");
  assert.deepEqual(
    (await db.query("tasks").collect()).map((row) => row.title),
    ["before"],
  );
  assert.ok(user);
});

test("a write that failed and was caught, in whatever way, is the function's affair", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  type Context = Parameters<Parameters<typeof db.mutate>[0]>[0];
  const bad = (ctx: Context) => ctx.db.insert("tasks", { ...task("bad"), priority: "urgent" as never });
  const ways: ((ctx: Context) => unknown)[] = [
    (ctx) => bad(ctx).catch(() => 1),
    (ctx) => void bad(ctx).catch(() => 1),
    (ctx) => void bad(ctx).then(undefined, () => 1),
    (ctx) =>
      void bad(ctx)
        .then(() => 1)
        .catch(() => 2),
    (ctx) =>
      void bad(ctx)
        .finally(() => 1)
        .catch(() => 2),
    (ctx) => Promise.allSettled([bad(ctx)]),
    async (ctx) => {
      const failing = bad(ctx);
      await ctx.db.insert("tasks", task("meanwhile"));
      await failing.catch(() => 1);
      await ctx.db.delete((await ctx.db.query("tasks").order("desc").first())!._id);
    },
  ];
  for (const way of ways) {
    await db.mutate(async (ctx) => {
      await ctx.db.insert("tasks", task("good"));
      await way(ctx);
    });
  }
  assert.equal(await db.query("tasks").count(), ways.length);
});

/** A database whose documents are in pages that this tab has not read. */
async function cold() {
  const schema = defineSchema({ things: defineTable({ n: v.number() }) });
  const name = freshName();
  const warm = await openDatabase({ name, schema, tuning: { checkpointLogRecords: 1, idleMs: 1 } });
  const ids = await warm.insertMany(
    "things",
    Array.from({ length: 2_000 }, (_, n) => ({ n })),
  );
  while (warm.stats().logRecords > 0) await pause(1);
  const db = await openDatabase({ name, schema });
  return { db, ids, close: () => Promise.all([warm.close(), db.close()]) };
}

test("an insertMany that fails after it waited for pages leaves nothing behind", async (t) => {
  const { db, ids, close } = await cold();
  t.after(close);
  await db.mutate(async (ctx) => {
    // The first needs no page; the second waits for the one that says that its id is taken.
    const failing = ctx.db.insertMany("things", [{ n: -1 }, { _id: ids[0]!, n: -2 }]);
    assert.equal(await codeOf(failing), "DuplicateId");
    await ctx.db.insert("things", { n: -3 });
  });
  const news = await db
    .query("things")
    .filter((q) => q.lt(q.field("n"), 0))
    .collect();
  assert.deepEqual(
    news.map((row) => row.n),
    [-3],
  );
});

test("a write that still waits for pages when the function ends belongs to it", async (t) => {
  const { db, ids, close } = await cold();
  t.after(close);
  await db.mutate((ctx) => {
    void ctx.db.patch(ids[5]!, { n: -5 });
  });
  assert.equal((await db.get(ids[5]!))?.n, -5);
  const { db: other, ids: others, close: closeOther } = await cold();
  t.after(closeOther);
  const failing = other.mutate(async (ctx) => {
    await ctx.db.insert("things", { n: -1 });
    void ctx.db.insert("things", { _id: others[7]!, n: -2 });
  });
  assert.equal(await codeOf(failing), "DuplicateId");
  assert.equal(await other.query("things").count(), 2_000);
});

test("objects that change after a call was made do not change what is written", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  const document = task("as given");
  const inserting = db.insert("tasks", document);
  document.title = "later";
  const id = await inserting;
  const changes = { title: "patched" };
  const others = Array.from({ length: 5 }, (_, n) => db.patch(id, { dueDate: n }));
  const patching = db.patch(id, changes);
  changes.title = "too late";
  await Promise.all([patching, ...others]);
  assert.equal((await db.get(id))?.title, "patched");
});

const counters = defineSchema({ counters: defineTable({ n: v.number() }) });

/** A counter, and how often functions that add to it have run. */
async function counter(t: { after(action: () => Promise<void>): void }) {
  const db = await openDatabase({ name: freshName(), schema: counters });
  t.after(() => db.close());
  const id = await db.insert("counters", { n: 0 });
  const runs = { count: 0 };
  const increment = (work: () => Promise<unknown> = async () => undefined) =>
    db.mutate(async (ctx) => {
      runs.count += 1;
      const { n } = (await ctx.db.get(id))!;
      await work();
      await ctx.db.patch(id, { n: n + 1 });
    });
  return { db, id, runs, increment };
}

test("any number of mutations of one document at once are all saved, in about two runs each", async (t) => {
  const { db, id, runs, increment } = await counter(t);
  await Promise.all(Array.from({ length: 300 }, () => increment()));
  assert.equal((await db.get(id))?.n, 300);
  assert.ok(runs.count <= 700, `${runs.count} runs`);
  // And with others that come meanwhile and wait for no turn.
  const slow = Promise.all(Array.from({ length: 20 }, () => increment(() => pause(1))));
  for (let n = 0; n < 50; n += 1) {
    await pause();
    await db.patch(id, { n: (await db.get(id))!.n });
  }
  await slow;
  assert.equal((await db.get(id))?.n, 320);
});

test("one that runs again and waits for another that has to run again does not wait for ever", async (t) => {
  const { db, id, increment } = await counter(t);
  /** A function that loses its first run. */
  const losing = (work: () => Promise<unknown>) => {
    let isFirst = true;
    return increment(async () => {
      if (isFirst) {
        isFirst = false;
        await db.patch(id, { n: 100 });
      } else await work();
    });
  };
  let inner: Promise<void> | undefined;
  const outer = losing(async () => (await (inner ??= losing(async () => undefined)), undefined));
  await outer;
  assert.equal((await db.get(id))?.n, 102);
});

test("those that wait for their turn to run again hear that the database was closed", async (t) => {
  const { db, increment } = await counter(t);
  const all = Array.from({ length: 30 }, () => codeOf(increment(() => pause(5))));
  await pause(12);
  await db.close();
  const codes = new Set(await Promise.all(all));
  codes.delete("no error");
  assert.deepEqual([...codes], ["DatabaseClosed"]);
});
