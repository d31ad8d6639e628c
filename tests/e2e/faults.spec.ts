// What others and the browser do to a database in IndexedDB, and that it is told clearly and nothing hangs.
import { expect, test } from "@playwright/test";
import { NEWER_FORMAT, open, refusal, tab } from "./tab.js";

declare global {
  var kept: { ended: Promise<Record<string, string>> };
  var problems: string[];
  var heal: () => unknown;
}

// ---- writes that fail ----

test("a function that throws because of a write that fails runs again", async ({ context }) => {
  const page = await tab(context);
  await open(page);
  const seen = await page.evaluate(async () => {
    const heal = abortAfter("add", "log", "QuotaExceededError");
    const taken = codeOf(db.insert("tasks", { title: "bob", n: 1 }));
    let runs = 0;
    const claim = () =>
      db.mutate(async (ctx) => {
        runs += 1;
        if ((await ctx.db.query("tasks").first()) !== null) throw new Error("The name is taken.");
        return "free";
      });
    const first = await claim();
    const code = await taken;
    heal();
    await db.insert("tasks", { title: "bob", n: 1 });
    const second = await claim().catch((error: Error) => error.message);
    return [code, first, runs, second];
  });
  expect(seen).toEqual(["QuotaExceeded", "free", 3, "The name is taken."]);
});

test("a document that is not in memory is asked for once", async ({ context }) => {
  const page = await tab(context);
  await open(page, { tuning: { idleMs: 1, checkpointLogRecords: 1 } });
  const id = await page.evaluate(async () => {
    const id = await db.insert("tasks", { title: "cold", n: 1 });
    await until(() => db.stats().generation > 0 && db.stats().logRecords === 0);
    await db.close();
    return id;
  });
  await open(page);
  const asked = await page.evaluate(async (id) => {
    const keys: unknown[] = [];
    const store = IDBObjectStore.prototype as { get: (this: IDBObjectStore, key: IDBValidKey) => IDBRequest };
    const { get } = store;
    store.get = function (key) {
      if (this.name === "pages") keys.push(key);
      return get.call(this, key);
    };
    await db.get(id);
    store.get = get;
    return keys;
  }, id);
  expect(asked.length).toBeGreaterThan(0);
  expect(new Set(asked).size).toBe(asked.length);
});

// ---- deleted by others ----

for (const how of ["destroy", "indexedDB.deleteDatabase"]) {
  test(`a database deleted by another tab (${how}) ends for this one in the middle of its writes`, async ({
    context,
  }) => {
    const [one, two] = [await tab(context), await tab(context)];
    await open(one);
    await open(two);
    await one.evaluate(async () => {
      const id = await db.insert("tasks", { title: "gone", n: 1 });
      const rows = db.query("tasks")[Symbol.asyncIterator]();
      await rows.next();
      const messages: Record<string, string> = {};
      const note = async (name: string, promise: Promise<unknown>) => {
        await promise.catch((error: { code: string; message: string }) => {
          messages[name] = `${error.code}: ${error.message}`;
        });
      };
      const never = () => new Promise<never>(() => undefined);
      const writes = (async () => {
        for (;;) await Promise.all([1, 2, 3].map((n) => db.insert("tasks", { title: "t", n })));
      })();
      const running = db.mutate((ctx) => ctx.db.patch(id, { n: 2 }).then(never), { timeoutMs: 0 });
      const reading = db.read((ctx) => ctx.db.get(id).then(never));
      globalThis.kept = {
        ended: Promise.all([note("writes", writes), note("running", running), note("reading", reading)]).then(
          () => messages,
        ),
      };
      await sleep(50);
    });
    await two.evaluate(async (how) => {
      if (how === "destroy") await db.destroy();
      else {
        await db.close();
        await new Promise((resolve, reject) =>
          Object.assign(indexedDB.deleteDatabase("test"), { onsuccess: resolve, onerror: reject }),
        );
      }
    }, how);
    const gone = "DatabaseClosed: The database was deleted by another tab.";
    const lost = `${gone} Nothing of this mutation is saved.`;
    const messages = await one.evaluate(() => kept.ended);
    expect(messages["running"]).toBe(lost);
    expect(messages["reading"]).toBe(lost);
    // It may have been between two writes.
    expect([gone, lost]).toContain(messages["writes"]);
    const codes = await one.evaluate(async () => [
      await codeOf(db.insert("tasks", { title: "late", n: 2 })),
      await codeOf(db.query("tasks").collect()),
      await codeOf(db.mutate(() => 1)),
      await codeOf(db.verify()),
      await codeOf(db.repair({ accept: "lose-unreadable" })),
    ]);
    expect(codes).toEqual(Array(5).fill("DatabaseClosed"));
    // Another one of this name is not the one that this tab had.
    await open(two);
    expect(await two.evaluate(() => db.query("tasks").count())).toBe(0);
    await two.evaluate(() => db.insert("tasks", { title: "new", n: 1 }));
    await one.evaluate(async () => {
      await db.destroy();
      await db.close();
    });
    expect(await two.evaluate(() => db.query("tasks").count())).toBe(1);
    await open(one);
    expect(await one.evaluate(() => db.query("tasks").count())).toBe(1);
  });
}

test("a deletion that a page without manners holds up ends with an error, and happens later", async ({ context }) => {
  const [one, rude] = [await tab(context), await tab(context)];
  await open(one);
  await rude.evaluate(async () => void (await raw("test", () => undefined)));
  const [code, message] = await one.evaluate(() =>
    db.destroy().then(
      () => ["no error", ""],
      (error: { code: string; message: string }) => [error.code, error.message],
    ),
  );
  expect(code).toBe("StorageFailed");
  expect(message).toContain('"test"');
  // Who wants to open it meanwhile is not left waiting for ever.
  const late = await tab(context);
  await late.evaluate(() => {
    const { setTimeout: original } = globalThis;
    const quick = (action: () => void, pause: number) => original(action, Math.min(pause, 500));
    globalThis.setTimeout = quick as typeof setTimeout;
  });
  const [refused, why] = await refusal(late);
  expect(refused).toBe("StorageUnavailable");
  expect(why).toContain('"test" within 30 s');
  await late.close();
  await rude.close();
  await one.evaluate(() => until(async () => (await indexedDB.databases()).length === 0));
});

// ---- a name that somebody else uses ----

const foreign: Record<string, { version: number; stores: string[] }> = {
  "no stores": { version: 1, stores: [] },
  "other stores": { version: 1, stores: ["friends", "log"] },
  "some of ours": { version: 1, stores: ["log", "pages"] },
  "more than ours": { version: 1, stores: ["log", "pages", "meta", "blobs", "friends"] },
  "a higher version": { version: 40, stores: ["friends"] },
};
for (const [name, { version, stores }] of Object.entries(foreign)) {
  test(`a database of this name that is not ours is refused and stays as it is: ${name}`, async ({ context }) => {
    const page = await tab(context);
    const make = { version, stores };
    await page.evaluate(({ version, stores }) => raw("test", (database) => database.close(), version, stores), make);
    const [code, message] = await refusal(page);
    expect(code).toBe("ForeignDatabase");
    expect(message).toContain('"test"');
    const after = await page.evaluate(() =>
      raw("test", (database) => (database.close(), [database.version, [...database.objectStoreNames]])),
    );
    expect(after).toEqual([version, [...stores].sort()]);
  });
}

test("a database of ours in a higher version is a newer format", async ({ context }) => {
  const page = await tab(context);
  await open(page);
  await page.evaluate(() => db.close());
  await page.evaluate(() => raw("test", (database) => database.close(), 2));
  expect(await refusal(page)).toEqual(["NewerFormat", NEWER_FORMAT]);
});

test("a higher version that other code makes of an open database ends it", async ({ context }) => {
  const page = await tab(context);
  await open(page);
  const code = await page.evaluate(async () => {
    await raw("test", (database) => database.close(), 2);
    return codeOf(db.query("tasks").count());
  });
  expect(code).toBe("StorageUnavailable");
});

// ---- IndexedDB that is not there, or says no ----

const refusals: Record<string, () => void> = {
  "it throws": () => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("Not in this window.", "SecurityError");
    };
  },
  "looking at it throws": () =>
    Object.defineProperty(globalThis, "indexedDB", {
      get: () => {
        throw new DOMException("Not in this window.", "SecurityError");
      },
    }),
  "it answers with an error": () => {
    IDBFactory.prototype.open = () => {
      const request = { error: new DOMException("Not in this window.", "UnknownError"), onerror: () => undefined };
      setTimeout(() => request.onerror());
      return request as never;
    };
  },
};
for (const [name, refuse] of Object.entries(refusals)) {
  test(`IndexedDB that refuses is an error, and memory is for who asks for it: ${name}`, async ({ context }) => {
    await context.addInitScript(refuse);
    const page = await tab(context);
    const [code, message] = await refusal(page);
    expect(code).toBe("StorageUnavailable");
    expect(message).toContain("Not in this window.");
    const count = await page.evaluate(async () => {
      const db = await openTasks({ storage: "memory" });
      await db.insert("tasks", { title: "here", n: 1 });
      return db.query("tasks").count();
    });
    expect(count).toBe(1);
  });
}

const refuseAdds: Record<string, () => void> = {
  "at once": () => {
    const add = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, "add")!;
    IDBObjectStore.prototype.add = () => {
      throw new DOMException("No more space.", "QuotaExceededError");
    };
    globalThis.heal = () => Object.defineProperty(IDBObjectStore.prototype, "add", add);
  },
  "at the commit": () => {
    globalThis.heal = abortAfter("add", "log", "QuotaExceededError");
  },
};
for (const [when, refuse] of Object.entries(refuseAdds)) {
  test(`a write beyond the quota is rolled back by name, and the next one may succeed: ${when}`, async ({
    context,
  }) => {
    const page = await tab(context);
    await open(page);
    await page.evaluate(() => db.insert("tasks", { title: "before", n: 1 }));
    await page.evaluate(refuse);
    const result = await page.evaluate(async () => {
      const refused = await Promise.all([
        codeOf(db.insert("tasks", { title: "full", n: 2 })),
        codeOf(db.mutate((ctx) => ctx.db.insert("tasks", { title: "full", n: 3 }))),
      ]);
      const during = await db.query("tasks").count();
      heal();
      await db.insert("tasks", { title: "after", n: 4 });
      const titles = (await db.query("tasks").collect()).map((task) => task.title);
      return { refused, during, titles, problems: (await db.verify()).problems };
    });
    expect(result).toEqual({
      refused: ["QuotaExceeded", "QuotaExceeded"],
      during: 1,
      titles: ["before", "after"],
      problems: [],
    });
  });
}

test("a disk too full for a checkpoint rejects writes that wait for it, lets deletions through, and heals", async ({
  context,
}) => {
  const page = await tab(context);
  const result = await page.evaluate(async () => {
    const problems: string[] = [];
    const options = {
      budgets: { overlayBytes: 200_000 },
      onProblem: ({ code }: { code: string }) => problems.push(code),
    };
    const db = await openTasks(options);
    const many = Array.from({ length: 1_000 }, (_, n) => ({ title: "t", n, text: "x".repeat(200) }));
    const heal = abortAfter("put", "pages", "QuotaExceededError");
    const ids = await db.insertMany("tasks", many);
    const refused = await Promise.all([
      codeOf(db.insert("tasks", { title: "full", n: 1 })),
      codeOf(db.patch(ids[0]!, { n: 5 })),
    ]);
    const deleted = await codeOf(db.delete(ids[1]!));
    const again = await codeOf(db.insert("tasks", { title: "full", n: 2 }));
    const told = [...problems];
    const tries = heal();
    const after = await codeOf(db.insert("tasks", { title: "room", n: 3 }));
    const count = await db.query("tasks").count();
    const { ok } = await db.verify();
    return { refused, deleted, again, told, after, count, ok, wasBusy: tries > 200 };
  });
  expect(result).toEqual({
    refused: ["QuotaExceeded", "QuotaExceeded"],
    deleted: "no error",
    again: "QuotaExceeded",
    told: ["QuotaExceeded"],
    after: "no error",
    count: 1_000,
    ok: true,
    wasBusy: false,
  });
});

test("close() settles on a full disk, and what waited is rejected", async ({ context }) => {
  const page = await tab(context);
  const code = await page.evaluate(async () => {
    const db = await openTasks({ budgets: { overlayBytes: 200_000 }, onProblem: () => undefined });
    abortAfter("put", "pages", "QuotaExceededError");
    const many = Array.from({ length: 1_000 }, (_, n) => ({ title: "t", n, text: "x".repeat(200) }));
    await db.insertMany("tasks", many);
    const waiting = codeOf(db.insert("tasks", { title: "full", n: 1 }));
    await db.close();
    return waiting;
  });
  expect(code).toBe("QuotaExceeded");
});

test("a log that can't be read rejects writes and is read again when it can be", async ({ context }) => {
  const [one, two] = [await tab(context), await tab(context)];
  await one.evaluate(async () => {
    globalThis.problems = [];
    globalThis.db = await openTasks({ onProblem: ({ code }) => problems.push(code) });
    await db.insert("tasks", { title: "before", n: 1 });
    globalThis.heal = abortAfter("getAll", "log");
  });
  await open(two);
  // The announcement of this makes the other tab read the log.
  await two.evaluate(() => db.insert("tasks", { title: "other", n: 2 }));
  const result = await one.evaluate(async () => {
    const written = await codeOf(db.insert("tasks", { title: "waits", n: 3 }));
    const count = await db.query("tasks").count();
    heal();
    const after = await codeOf(db.insert("tasks", { title: "after", n: 4 }));
    return { written, count, problems, after, titles: (await db.query("tasks").collect()).map(({ title }) => title) };
  });
  expect(result).toEqual({
    written: "StorageFailed",
    count: 1,
    problems: ["StorageFailed"],
    after: "no error",
    titles: ["before", "other", "after"],
  });
  await one.evaluate(() => db.close());
});
