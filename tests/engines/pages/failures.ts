/** What a browser may refuse or lose in the middle of the work, provoked below the connection. */
import { abortAfter, check, codeOf, equal, isSound, tasks, until, upTo } from "./check.js";

check("a write beyond the quota is rolled back by name, reads go on, and the next one is saved", async ({ open }) => {
  const db = await open();
  await db.insert("tasks", { title: "before", n: 1 });
  const heal = abortAfter("add", "log", "QuotaExceededError");
  try {
    equal(await codeOf(db.insert("tasks", { title: "full", n: 2 })), "QuotaExceeded");
    equal([db.durability.state, db.durability.reason?.code], ["degraded", "QuotaExceeded"]);
    equal(await db.query("tasks").count(), 1);
  } finally {
    heal();
  }
  await db.insert("tasks", { title: "after", n: 3 });
  await until(() => db.durability.state === "saved");
  equal(
    (await db.query("tasks").collect()).map(({ title }) => title),
    ["before", "after"],
  );
  await isSound(db);
});

check("a write that the browser aborts for no reason is not told as saved", async ({ open }) => {
  const db = await open();
  const heal = abortAfter("add", "log");
  const failed = await codeOf(db.insert("tasks", { title: "lost", n: 1 })).finally(heal);
  equal(failed, "StorageFailed");
  await db.insert("tasks", { title: "kept", n: 2 });
  await db.close();
  equal(
    (await (await open()).query("tasks").collect()).map(({ title }) => title),
    ["kept"],
  );
});

check("a disk too full for a checkpoint loses nothing, and heals", async ({ open }) => {
  const db = await open({ budgets: { overlayBytes: 200_000 } });
  const heal = abortAfter("put", "pages", "QuotaExceededError");
  try {
    await db.insertMany("tasks", tasks(upTo(1_000), "x".repeat(200)));
    equal(await codeOf(db.insert("tasks", { title: "full", n: 1 })), "QuotaExceeded");
  } finally {
    heal();
  }
  await db.insert("tasks", { title: "room", n: 2 });
  equal(await db.query("tasks").count(), 1_001);
  await isSound(db);
});

check("a connection that the browser has closed is opened again", async ({ name, open }) => {
  const connections: IDBDatabase[] = [];
  const { prototype } = IDBDatabase;
  const begin = Object.getOwnPropertyDescriptor(prototype, "transaction")!;
  prototype.transaction = function (...args) {
    if (this.name === name && !connections.includes(this)) connections.push(this);
    return (begin.value as typeof prototype.transaction).apply(this, args);
  };
  try {
    const db = await open();
    await db.insert("tasks", { title: "before", n: 1 });
    for (let round = 2; round < 5; round += 1) {
      for (const connection of connections) {
        connection.close();
        connection.dispatchEvent(new Event("close"));
      }
      await db.insert("tasks", { title: "after", n: round });
    }
    equal(
      (await db.query("tasks").collect()).map(({ n }) => n),
      [1, 2, 3, 4],
    );
    equal(connections.length > 1, true, "Whether there was another connection");
    await isSound(db);
  } finally {
    Object.defineProperty(prototype, "transaction", begin);
  }
});

check("IndexedDB that refuses is an error with a name, and memory is for who asks for it", async ({ open }) => {
  const { prototype } = IDBFactory;
  const original = Object.getOwnPropertyDescriptor(prototype, "open")!;
  prototype.open = () => {
    throw new DOMException("Not in this window.", "SecurityError");
  };
  try {
    equal(await codeOf(open()), "StorageUnavailable");
    const db = await open({ storage: "memory" });
    await db.insertMany("tasks", tasks([1]));
    equal(await db.query("tasks").count(), 1);
  } finally {
    Object.defineProperty(prototype, "open", original);
  }
});

check("bad calls of the page's own code are told, and harm nothing", async ({ open }) => {
  const db = await open();
  const codes = await Promise.all([
    codeOf(db.insert("nowhere" as never, {} as never)),
    codeOf(db.get("not an id" as never)),
    codeOf(db.insert("values", { value: "\ud800" })),
    codeOf(db.insert("values", { value: () => 1 })),
    codeOf(
      db
        .query("tasks")
        .withIndex("by_nothing" as never)
        .collect(),
    ),
  ]);
  equal(codes, ["TableNotFound", "InvalidId", "InvalidValue", "InvalidValue", "IndexNotFound"]);
  await db.insertMany("tasks", tasks([1]));
  await isSound(db);
});

check("a browser that says nothing of its storage makes nobody wait, and nothing up", async ({ open }) => {
  Object.defineProperty(navigator, "storage", { value: undefined, configurable: true });
  try {
    const db = await open();
    await db.insertMany("tasks", tasks([1]));
    equal(await db.storage.requestPersistence(), false);
    const { state, usage, quota, persisted } = await db.durability.refresh();
    equal([state, usage, quota, persisted], ["saved", undefined, undefined, undefined]);
  } finally {
    Reflect.deleteProperty(navigator, "storage");
  }
});
