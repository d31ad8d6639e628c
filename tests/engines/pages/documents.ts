/** Documents, queries and transactions, over the browser's IndexedDB. */
import { assert, asyncProperty, array, constantFrom, integer, option, record } from "fast-check";
import { check, codeOf, equal, inTree, isSound, tasks, until, upTo } from "./check.js";

check("documents are inserted, patched, replaced and deleted", async ({ open }) => {
  const db = await open();
  const id = await db.insert("tasks", { title: "one", n: 1, text: "a" });
  await db.patch(id, { n: 2, text: undefined });
  const patched = (await db.get(id))!;
  equal([patched.title, patched.n, "text" in patched], ["one", 2, false]);
  await db.replace(id, { title: "two", n: 3, text: "b" });
  equal((await db.get(id))!.text, "b");
  await db.delete(id);
  equal(await db.get(id), null);
  equal(await codeOf(db.patch(id, { n: 1 })), "NonexistentDocument");
  equal(await codeOf(db.insert("tasks", { title: 7 as never, n: 1 })), "SchemaEnforcementError");
  equal(await db.query("tasks").count(), 0);
});

check("values of every type come back as they were, from memory, from the log and from the tree", async ({ open }) => {
  const values = [
    null,
    ...[-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n],
    ...[-Infinity, -1.5, -0, 0, Number.MIN_VALUE, Number.MAX_VALUE, 2 ** 53 + 2, Infinity, NaN],
    ...[false, true],
    ...["", "\0", "\u0001", "é", "\ud83d\ude00", "\uffff", "x".repeat(100_000)],
    ...[new ArrayBuffer(0), Uint8Array.from([0, 1, 2, 255]).buffer, new Uint8Array(70_000).fill(7).buffer],
    ...[[], [1, "two", [3n]], {}, { a: { b: [null, { c: new ArrayBuffer(1) }] } }],
  ];
  const read = async (where: string, options = {}) => {
    const db = await open(options);
    const found = await db.query("values").collect();
    equal(
      found.map(({ value }) => value as unknown),
      values,
      `What comes from ${where}`,
    );
    return db;
  };
  let db = await open();
  await db.insertMany(
    "values",
    values.map((value) => ({ value })),
  );
  const ordered = await db.query("values").withIndex("by_value").collect();
  await db.close();
  db = await read("the log", { tuning: { idleMs: 1, checkpointLogRecords: 1 } });
  await db.insert("tasks", { title: "one more", n: 1 });
  await inTree(db);
  await db.close();
  db = await read("the tree");
  const again = await db.query("values").withIndex("by_value").collect();
  equal(again, ordered, "The order of values");
  await isSound(db);
});

check("ranges of an index, in both orders, are what a scan of everything finds", async ({ open }) => {
  const db = await open({ tuning: { idleMs: 10 } });
  const all = tasks([...upTo(40), ...upTo(40)].map((n) => n / 2 - 5));
  await db.insertMany("tasks", all);
  const bounds = [-6, -5, -0.5, 0, 3, 14.5, 20];
  for (const [low, high] of bounds.flatMap((low) => bounds.map((high) => [low, high] as const))) {
    for (const order of ["asc", "desc"] as const) {
      const found = await db
        .query("tasks")
        .withIndex("by_title_and_n", (q) => q.eq("title", "t0").gte("n", low).lt("n", high))
        .order(order)
        .collect();
      const expected = all.filter(({ title, n }) => title === "t0" && n >= low && n < high).map(({ n }) => n);
      expected.sort((a, b) => (order === "asc" ? a - b : b - a));
      equal(
        found.map(({ n }) => n),
        expected,
        `The range from ${low} to ${high}`,
      );
    }
  }
  const query = () => db.query("tasks").withIndex("by_n", (q) => q.gt("n", 3));
  equal(
    (await query().take(3)).map(({ n }) => n),
    [3.5, 3.5, 4],
  );
  equal((await query().order("desc").first())!.n, 14.5);
  equal(await query().count(), all.filter(({ n }) => n > 3).length);
  const filtered = db.query("tasks").filter((q) => q.eq(q.field("title"), "t1"));
  equal((await filtered.collect()).length, all.filter(({ title }) => title === "t1").length);
  const several = db.query("tasks").withIndex("by_n", (q) => q.eq("n", 3));
  equal(await codeOf(several.unique()), "NotUnique");
});

check("pages of any size lie side by side, while documents come and go", async ({ open }) => {
  const db = await open();
  const ids = await db.insertMany("tasks", tasks(upTo(50)));
  for (const numItems of [1, 7, 50, 51]) {
    const numbers: number[] = [];
    let cursor: string | null = null;
    for (;;) {
      const found: { page: { n: number }[]; isDone: boolean; continueCursor: string } = await db
        .query("tasks")
        .withIndex("by_n")
        .paginate({ numItems, cursor });
      numbers.push(...found.page.map(({ n }) => n));
      cursor = found.continueCursor;
      if (found.isDone) break;
      // Before the cursor: no later page shows it.
      await db.delete(await db.insert("tasks", { title: "new", n: -1 }));
    }
    equal(numbers, upTo(50), `Pages of ${numItems}`);
  }
  const seen: number[] = [];
  for await (const { n } of db.query("tasks").order("desc")) seen.push(n);
  equal(seen, upTo(50).reverse());
  equal(new Set(ids).size, 50);
});

check("writers that meet in one document lose nothing", async ({ open }) => {
  const tabs = [await open({ tuning: { checkpointLogRecords: 20, idleMs: 10 } }), await open()];
  const [one, two] = tabs as [(typeof tabs)[0], (typeof tabs)[0]];
  const id = await one.insert("tasks", { title: "counter", n: 0 });
  await until(async () => (await two.get(id)) !== null);
  const increment = (db: typeof one) =>
    db.mutate(async (ctx) => {
      const { n } = (await ctx.db.get(id))!;
      await ctx.db.patch(id, { n: n + 1 });
    });
  const work = async (db: typeof one) => {
    for (let round = 0; round < 25; round += 1) await Promise.all([increment(db), increment(db)]);
  };
  await Promise.all(tabs.map(work));
  for (const db of tabs) await until(async () => (await db.get(id))!.n === 100);
  await isSound(one);
});

check("a mutation that throws changes nothing, and one that fails a validator neither", async ({ open }) => {
  const db = await open();
  await db.insert("tasks", { title: "kept", n: 1 });
  const failure = new Error("Not like this.");
  const thrown = await db
    .mutate(async (ctx) => {
      await ctx.db.insertMany("tasks", tasks(upTo(10)));
      equal((await ctx.db.query("tasks").collect()).length, 11, "What the mutation sees");
      throw failure;
    })
    .catch((error: unknown) => error);
  equal(thrown === failure, true);
  equal(
    await codeOf(db.insertMany("tasks", [...tasks([1]), { title: "bad", n: "1" as never }])),
    "SchemaEnforcementError",
  );
  equal(await db.query("tasks").count(), 1);
});

check("random work leaves what a list in memory has", async ({ open }) => {
  const step = record({
    kind: constantFrom("insert", "patch", "delete", "reopen"),
    at: integer({ min: 0, max: 30 }),
    n: integer({ min: -5, max: 5 }),
    text: option(constantFrom("a", "b".repeat(9_000)), { nil: undefined }),
  });
  const property = asyncProperty(array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
    const options = { tuning: { checkpointLogRecords: 5, idleMs: 1 } };
    let db = await open(options);
    for (const old of await db.query("tasks").collect()) await db.delete(old._id);
    const model: { id: string; n: number }[] = [];
    for (const { kind, at, n, text } of steps) {
      const place = at % Math.max(model.length, 1);
      const known = model[place];
      if (kind === "insert" || !known) {
        model.push({ id: await db.insert("tasks", { title: "t", n, ...(text && { text }) }), n });
      } else if (kind === "patch") {
        await db.patch(known.id as never, { n });
        known.n = n;
      } else if (kind === "delete") {
        await db.delete(known.id as never);
        model.splice(place, 1);
      } else {
        await db.close();
        db = await open(options);
      }
    }
    const found = await db.query("tasks").withIndex("by_n").collect();
    const numbers = model.map((row) => row.n).sort((a, b) => a - b);
    equal(
      found.map((row) => row.n),
      numbers,
    );
    await isSound(db);
    await db.close();
  });
  await assert(property, { numRuns: 6, seed: 20_26, endOnFailure: true });
});
