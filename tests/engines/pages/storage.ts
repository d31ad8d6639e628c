/** What the browser keeps: the log, the tree, and what becomes of them. */
import { defineSchema, defineTable, openDatabase, v } from "holdfast";
import { check, codeOf, done, equal, inTree, isSound, raw, tasks, until, upTo } from "./check.js";
import { schema } from "./schema.js";

check("the browser has what Holdfast stands on", async () => {
  const missing = {
    indexedDB: "indexedDB" in globalThis,
    "explicit commits": typeof IDBTransaction.prototype.commit === "function",
    "a list of databases": typeof indexedDB.databases === "function",
    "Web Locks": "locks" in navigator,
    BroadcastChannel: "BroadcastChannel" in globalThis,
    "a secure context": isSecureContext,
  };
  equal(
    Object.entries(missing).filter(([, isThere]) => !isThere),
    [],
    "What is missing",
  );
});

check("what is saved is there when the database is opened again, from the log and from the tree", async ({ open }) => {
  let db = await open({ tuning: { idleMs: 60_000 } });
  const text = "x".repeat(300);
  await db.insertMany("tasks", tasks(upTo(3_000), text));
  const id = await db.insert("tasks", { title: "last", n: -1 });
  await db.close();
  db = await open({ tuning: { idleMs: 10 } });
  equal([await db.query("tasks").count(), (await db.get(id))?.title], [3_001, "last"], "What the log has");
  await inTree(db);
  await db.close();
  // So small that pages are loaded again and again.
  db = await open({ budgets: { pageCacheBytes: 256 << 10, rowCacheBytes: 64 << 10 } });
  const rows = await db
    .query("tasks")
    .withIndex("by_n", (q) => q.gte("n", 0))
    .collect();
  equal(
    rows.map(({ n, text }) => [n, text?.length]),
    upTo(3_000).map((n) => [n, 300]),
    "What the tree has",
  );
  const few = await Promise.all(
    [2_999, 0, 1_500].map((n) =>
      db
        .query("tasks")
        .withIndex("by_n", (q) => q.eq("n", n))
        .unique(),
    ),
  );
  equal(
    few.map((row) => row?.n),
    [2_999, 0, 1_500],
  );
  equal(db.stats().pageCacheBytes <= 256 << 10, true, "Whether the cache is within its budget");
  await isSound(db);
});

check("many documents and large ones are saved in one commit", async ({ open }) => {
  let db = await open();
  await db.insertMany("tasks", tasks(upTo(10_000)));
  // A record of some 20 MiB.
  await db.insertMany(
    "tasks",
    tasks(
      upTo(24).map((n) => 10_000 + n),
      "y".repeat(900_000),
    ),
  );
  await db.close();
  db = await open();
  equal(await db.query("tasks").count(), 10_024);
  const large = await db
    .query("tasks")
    .withIndex("by_n", (q) => q.gte("n", 10_000))
    .collect();
  equal(
    large.every(({ text }) => text === "y".repeat(900_000)),
    true,
  );
  await inTree(db);
  await isSound(db);
});

check("a database with strict durability saves, and says so", async ({ open }) => {
  const db = await open({ durability: "strict" });
  await db.insertMany("tasks", tasks(upTo(10)));
  await until(() => db.durability.state === "saved");
  await db.close();
  equal(await (await open({ durability: "strict" })).query("tasks").count(), 10);
});

check("a new schema's index is built over what is there, and its validator is asked", async ({ name, open }) => {
  const old = await open({ tuning: { idleMs: 10, checkpointLogRecords: 1 } });
  await old.insertMany("tasks", tasks(upTo(500), "some"));
  await inTree(old);
  await old.close();
  const task = { title: v.string(), n: v.number(), text: v.string() };
  const next = defineSchema({ ...schema.tables, tasks: defineTable(task).index("by_text", ["text", "n"]) });
  const db = await openDatabase({ name, schema: next });
  const found = await db
    .query("tasks")
    .withIndex("by_text", (q) => q.eq("text", "some").gte("n", 490))
    .collect();
  equal(
    found.map(({ n }) => n),
    upTo(10).map((n) => 490 + n),
  );
  equal((await db.verify()).problems, []);
  await db.close();
  const narrow = defineSchema({ ...schema.tables, tasks: defineTable({ ...task, n: v.string() }) });
  equal(await codeOf(openDatabase({ name, schema: narrow })), "SchemaDoesNotFit");
});

check(
  "a database in memory is shared under its name, leaves IndexedDB alone and ends with its last handle",
  async ({ name, open }) => {
    const [one, two] = [await open({ storage: "memory" }), await open({ storage: "memory" })];
    await one.insertMany("tasks", tasks(upTo(5)));
    await until(async () => (await two.query("tasks").count()) === 5);
    equal(one.durability.state, "memory");
    equal(
      (await indexedDB.databases()).filter((each) => each.name === name),
      [],
    );
    await Promise.all([one.close(), two.close()]);
    equal(await (await open({ storage: "memory" })).query("tasks").count(), 0);
  },
);

check("the browser says how much room there is, and whether it keeps what is stored", async ({ open }) => {
  const db = await open();
  const { usage, quota, persisted } = await db.durability.refresh();
  equal([typeof usage, typeof quota, typeof persisted], ["number", "number", "boolean"]);
});

check("the browser answers at once whether it will keep what is stored", async ({ open }) => {
  const db = await open();
  const late = new Promise((resolve) => setTimeout(resolve, 2_000, "no answer within 2 s"));
  equal(typeof (await Promise.race([db.storage.requestPersistence(), late])), "boolean", "The type of the answer");
  equal(typeof (await db.durability.refresh()).persisted, "boolean", "The type of the promise");
});

check("a deleted database is gone for who deletes it, and for who had it open", async ({ name, open }) => {
  const [one, two] = [await open(), await open()];
  await one.insertMany("tasks", tasks(upTo(3)));
  const reading = two.read((ctx) =>
    ctx.db
      .query("tasks")
      .collect()
      .then(() => new Promise<never>(() => undefined)),
  );
  await one.destroy();
  equal(await codeOf(reading), "DatabaseClosed");
  equal(await codeOf(two.insert("tasks", { title: "late", n: 1 })), "DatabaseClosed");
  equal(
    (await indexedDB.databases()).filter((each) => each.name === name),
    [],
  );
  equal(await (await open()).query("tasks").count(), 0);
});

check("a database that other code deletes ends for who had it open", async ({ name, open }) => {
  const db = await open();
  await db.insertMany("tasks", tasks(upTo(3)));
  await done(indexedDB.deleteDatabase(name));
  equal(await codeOf(db.insert("tasks", { title: "late", n: 1 })), "DatabaseClosed");
});

check("a database of another's, or of a later version, is refused and left alone", async ({ name, open }) => {
  await raw(name, (database) => database.close(), 3, ["friends"]);
  equal(await codeOf(open()), "ForeignDatabase");
  equal(await raw(name, (database) => (database.close(), [database.version, [...database.objectStoreNames]])), [
    3,
    ["friends"],
  ]);
  await done(indexedDB.deleteDatabase(name));
  await (await open()).close();
  await raw(name, (database) => database.close(), 2);
  equal(await codeOf(open()), "NewerFormat");
});

check("a database is closed when the browser has ended all its transactions", async ({ name, open }) => {
  const db = await open();
  await db.insertMany("tasks", tasks(upTo(10)));
  const under = new Set<IDBTransaction>();
  const { prototype } = IDBDatabase;
  const begin = Object.getOwnPropertyDescriptor(prototype, "transaction")!;
  prototype.transaction = function (...args) {
    const transaction = (begin.value as typeof prototype.transaction).apply(this, args);
    if (this.name === name) {
      under.add(transaction);
      for (const end of ["complete", "abort"]) transaction.addEventListener(end, () => under.delete(transaction));
    }
    return transaction;
  };
  try {
    // What it reads is answered before its transaction has ended.
    await db.verify();
    await db.close();
    equal(under.size, 0, "The number of transactions under way");
  } finally {
    Object.defineProperty(prototype, "transaction", begin);
  }
});
