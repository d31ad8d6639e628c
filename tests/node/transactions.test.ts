// Mutations and reads: conflicts, runs again, rollback, time limits, contexts after their end.
import assert from "node:assert/strict";
import { test } from "node:test";
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
