// What goes wrong below the connection heals by itself: what is not saved waits and is saved once, reads and live
// queries go on from memory, and `db.durability` tells of it.
import { expect, test } from "@playwright/test";
import { open, tab } from "./tab.js";

declare global {
  var heal: () => unknown;
  var begin: () => void;
  var breakConnections: () => void;
}

/** Knows the connections of the page, to break them. */
const watchConnections = () => {
  const connections = new Set<IDBDatabase>();
  globalThis.breakConnections = () => {
    for (const connection of connections) {
      connection.close();
      connection.dispatchEvent(new Event("close"));
    }
  };
  const databases = IDBDatabase.prototype as {
    transaction: (this: IDBDatabase, ...args: Parameters<IDBDatabase["transaction"]>) => IDBTransaction;
  };
  const { transaction } = databases;
  databases.transaction = function (...args) {
    connections.add(this);
    return transaction.apply(this, args);
  };
};

const faults: Record<string, { ms: number; begin: () => void }> = {
  "the browser closes the connection": {
    ms: 0,
    begin: () => {
      globalThis.heal = () => undefined;
      breakConnections();
    },
  },
  "no transaction can be begun": {
    ms: 600,
    begin: () => {
      const transaction = Object.getOwnPropertyDescriptor(IDBDatabase.prototype, "transaction")!;
      IDBDatabase.prototype.transaction = () => {
        throw new DOMException("The database connection is closing.", "InvalidStateError");
      };
      globalThis.heal = () => Object.defineProperty(IDBDatabase.prototype, "transaction", transaction);
    },
  },
  "no other connection can be made": {
    ms: 1_500,
    begin: () => {
      const open = Object.getOwnPropertyDescriptor(IDBFactory.prototype, "open")!;
      IDBFactory.prototype.open = () => {
        const message = "Internal error opening backing store for indexedDB.open.";
        const request = { error: new DOMException(message, "UnknownError"), onerror: () => undefined };
        setTimeout(() => request.onerror());
        return request as never;
      };
      globalThis.heal = () => Object.defineProperty(IDBFactory.prototype, "open", open);
      breakConnections();
    },
  },
  "transactions are aborted for no reason": {
    ms: 600,
    begin: () => {
      globalThis.heal = abortAfter("add", "log");
    },
  },
};

for (const [name, { ms, begin }] of Object.entries(faults)) {
  test(`storage that fails for a while: ${name}`, async ({ context }) => {
    await context.addInitScript(watchConnections);
    const [one, two] = [await tab(context), await tab(context)];
    await open(one);
    await open(two);
    await one.evaluate(() => db.insert("tasks", { title: "counter", n: 0 }));
    await one.evaluate(`globalThis.begin = ${begin}`);
    const result = await one.evaluate(async (ms) => {
      const states: string[] = [];
      const note = () => {
        const { state, reason } = db.durability;
        const word = state === "degraded" ? `${state} ${reason?.code}` : state;
        if (states.at(-1) !== word) states.push(word);
      };
      db.durability.subscribe(note);
      const live = db.live(db.query("tasks").withIndex("by_n"));
      let most = 0;
      live.subscribe(() => (most = Math.max(most, live.value!.length)));
      begin();
      const writes = [1, 2, 3, 4, 5].map((n) => codeOf(db.insert("tasks", { title: `t${n}`, n })));
      const count = codeOf(
        db.mutate(async (ctx) => {
          const counter = await ctx.db
            .query("tasks")
            .withIndex("by_title", (q) => q.eq("title", "counter"))
            .first();
          await ctx.db.patch(counter!._id, { n: counter!.n + 1 });
        }),
      );
      await sleep(ms);
      const during = await db.query("tasks").count();
      heal();
      const codes = await Promise.all([...writes, count]);
      await until(() => db.durability.state === "saved");
      const titles = (await db.query("tasks").collect()).map((task) => `${task.title} ${task.n}`);
      const { problems } = await db.verify();
      const { status } = live;
      return { during, most, codes, states, status, shown: live.value!.length, titles, problems };
    }, ms);
    const titles = ["counter 1", "t1 1", "t2 2", "t3 3", "t4 4", "t5 5"];
    expect(result).toMatchObject({ during: 6, most: 6, codes: Array(6).fill("no error"), shown: 6, status: "ready" });
    expect(result.states).toContain("degraded StorageFailed");
    expect(result.states.at(-1)).toBe("saved");
    expect(result.titles).toEqual(titles);
    expect(result.problems).toEqual([]);
    await two.evaluate(() => until(async () => (await db.query("tasks").count()) === 6));
    expect(await two.evaluate(async () => (await db.query("tasks").collect()).map((t) => `${t.title} ${t.n}`))).toEqual(
      titles,
    );
  });
}

test("a connection that is lost while nothing is written is told, and healed without a write", async ({ context }) => {
  await context.addInitScript(watchConnections);
  const page = await tab(context);
  await open(page);
  await page.evaluate(() => db.insert("tasks", { title: "one", n: 1 }));
  await page.evaluate(faults["no other connection can be made"]!.begin);
  await page.evaluate(async () => {
    await until(() => db.durability.state === "degraded" && db.durability.reason?.code === "StorageFailed");
    heal();
    await until(() => db.durability.state === "saved");
  });
});

test("a read that lacks pages waits for the next connection", async ({ context }) => {
  await context.addInitScript(watchConnections);
  const page = await tab(context);
  await open(page, { tuning: { idleMs: 1, checkpointLogRecords: 1 } });
  await page.evaluate(async () => {
    await db.insert("tasks", { title: "cold", n: 1 });
    await until(() => db.stats().generation > 0 && db.stats().logRecords === 0);
    await db.close();
  });
  await open(page);
  await page.evaluate(faults["no other connection can be made"]!.begin);
  const seen = await page.evaluate(async () => {
    const reading = db.query("tasks").collect();
    const live = db.live(db.query("tasks").withIndex("by_n"));
    const before = live.status;
    setTimeout(heal, 300);
    const titles = (await reading).map((task) => task.title);
    await until(() => live.status === "ready");
    return [titles, before, live.value!.length];
  });
  expect(seen).toEqual([["cold"], "loading", 1]);
});

test("storage that does not come back for long rejects what waits, and heals when it does", async ({ context }) => {
  await context.addInitScript(watchConnections);
  const page = await tab(context);
  await open(page);
  await page.evaluate(() => db.insert("tasks", { title: "before", n: 1 }));
  await page.evaluate(() => {
    // Pauses of half a minute pass in a few seconds.
    const { setTimeout: original } = globalThis;
    const quick = (action: () => void, pause: number) => original(action, pause / 20);
    globalThis.setTimeout = quick as typeof setTimeout;
  });
  await page.evaluate(faults["no other connection can be made"]!.begin);
  const seen = await page.evaluate(async () => {
    const codes = [await codeOf(db.insert("tasks", { title: "lost", n: 2 }))];
    const during = (await db.query("tasks").collect()).map((task) => task.title);
    const { state, reason } = db.durability;
    heal();
    codes.push(await codeOf(db.insert("tasks", { title: "after", n: 3 })));
    const after = (await db.query("tasks").collect()).map((task) => task.title);
    await until(() => db.durability.state === "saved");
    return { codes, during, state, code: reason?.code, after };
  });
  expect(seen).toEqual({
    codes: ["StorageFailed", "no error"],
    during: ["before"],
    state: "degraded",
    code: "StorageFailed",
    after: ["before", "after"],
  });
});

const silences: Record<string, () => void> = {
  "its end is never told": () => {
    const descriptor = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, "oncomplete")!;
    Object.defineProperty(IDBTransaction.prototype, "oncomplete", { set: () => undefined, configurable: true });
    globalThis.heal = () => Object.defineProperty(IDBTransaction.prototype, "oncomplete", descriptor);
  },
  "it stays open, and ends after all": () => {
    const stores = IDBObjectStore.prototype as {
      add: (this: IDBObjectStore, ...args: Parameters<IDBObjectStore["add"]>) => IDBRequest<IDBValidKey>;
    };
    const { add } = stores;
    const commit = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, "commit")!;
    let isHeld = true;
    stores.add = function (...args) {
      const hold = () => {
        if (isHeld) this.get(0).onsuccess = hold;
      };
      const request = add.apply(this, args);
      hold();
      return request;
    };
    IDBTransaction.prototype.commit = () => undefined;
    globalThis.heal = () => {
      isHeld = false;
      stores.add = add;
      Object.defineProperty(IDBTransaction.prototype, "commit", commit);
    };
  },
};
for (const [name, begin] of Object.entries(silences)) {
  test(`a transaction that is not answered is looked for through another connection: ${name}`, async ({ context }) => {
    const page = await tab(context);
    await open(page);
    await page.evaluate(() => db.insert("tasks", { title: "before", n: 1 }));
    await page.evaluate(() => {
      const { setTimeout: original } = globalThis;
      const quick = (action: () => void, pause: number) => original(action, pause / 20);
      globalThis.setTimeout = quick as typeof setTimeout;
      const { now } = Date;
      const began = now();
      Date.now = () => began + (now() - began) * 20;
    });
    await page.evaluate(begin);
    const seen = await page.evaluate(async () => {
      let wasDegraded = false;
      db.durability.subscribe(() => (wasDegraded ||= db.durability.state === "degraded"));
      const written = [2, 3, 4].map((n) => codeOf(db.insert("tasks", { title: `t${n}`, n })));
      await until(() => wasDegraded);
      const during = await db.query("tasks").count();
      heal();
      const codes = await Promise.all(written);
      await until(() => db.durability.state === "saved");
      const titles = (await db.query("tasks").collect()).map((task) => task.title);
      return { during, codes, titles, problems: (await db.verify()).problems };
    });
    expect(seen).toEqual({
      during: 4,
      codes: Array(3).fill("no error"),
      titles: ["before", "t2", "t3", "t4"],
      problems: [],
    });
  });
}
