// What others and the disk do to a database in IndexedDB, and that it is told clearly and nothing hangs.
import { type BrowserContext, expect, type Page as Tab, test } from "@playwright/test";
import type { Page } from "./pages/page.js";

declare const openTasks: Page["openTasks"];
declare const openMore: Page["openMore"];
declare const sleep: Page["sleep"];
declare const until: Page["until"];
declare const codeOf: Page["codeOf"];
declare const raw: Page["raw"];
declare const abortAfter: Page["abortAfter"];

declare global {
  var db: Page["db"];
  var kept: { ended: Promise<Record<string, string>> };
  var problems: string[];
  var heal: () => unknown;
}

async function tab(context: BrowserContext): Promise<Tab> {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(error));
  await page.goto(process.env["HOLDFAST_PAGES"]!);
  await page.waitForFunction(() => document.title === "ready");
  return page;
}

const open = (page: Tab, options: { idleMs?: number; accept?: "lose-unreadable" } = {}) =>
  page.evaluate(async ({ accept, ...tuning }) => {
    globalThis.db = await openTasks({ tuning, ...(accept && { accept }), onProblem: () => undefined });
  }, options);

/** Opens what can't be opened, and gives code and message. */
const refusal = (page: Tab, options: { accept?: "lose-unreadable" } = {}) =>
  page.evaluate(
    (options) =>
      openTasks(options).then(
        () => ["no error", ""],
        (error: { code: string; message: string }) => [error.code, error.message],
      ),
    options,
  );

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
  expect((await refusal(page))[0]).toBe("NewerFormat");
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

// ---- damage ----

/** A database with pages, a manifest and a log, which is closed. */
async function filled(page: Tab): Promise<void> {
  await open(page, { idleMs: 20 });
  await page.evaluate(async () => {
    await db.insertMany(
      "tasks",
      Array.from({ length: 2_000 }, (_, n) => ({ title: `t${n}`, n, text: "x".repeat(200) })),
    );
    await until(() => db.stats().generation > 0 && db.stats().logRecords === 0);
    await db.close();
  });
  await open(page);
  await page.evaluate(async () => {
    for (let n = 0; n < 5; n += 1) await db.insert("tasks", { title: "late", n: -1 });
    await db.close();
  });
}

/** What may be in the place of a record. */
const garbage: Record<string, (old: Uint8Array) => unknown> = {
  "a bit": (old) => old.map((byte, i) => (i === old.length >> 1 ? byte ^ 1 : byte)),
  "half of it": (old) => old.slice(0, old.length >> 1),
  "no bytes": () => new Uint8Array(0),
  "a text": () => "garbage",
  "an object": () => ({ a: [1, new Date(0)] }),
};

/** Puts garbage in the place of the record in the middle of a store; of `meta`, of the manifest. */
const damage = (page: Tab, store: string, kind: string) =>
  page.evaluate(
    async ({ store, change }) => {
      const make = (0, eval)(change) as (old: Uint8Array) => unknown;
      await raw("test", async (database) => {
        const objects = database.transaction(store, "readwrite").objectStore(store);
        const done = <T>(request: IDBRequest<T>) =>
          new Promise<T>((resolve) => (request.onsuccess = () => resolve(request.result)));
        const keys = (await done(objects.getAllKeys())).filter((key) => typeof key === "number");
        const key = keys[keys.length >> 1]!;
        await done(objects.put(make((await done(objects.get(key))) as Uint8Array), key));
        database.close();
      });
    },
    { store, change: `(${String(garbage[kind])})` },
  );

/** Flips a bit in every page that has this title: the leaf of its document, and one of an index. */
const damageOf = (page: Tab, title: string) =>
  page.evaluate(
    (title) =>
      raw("test", async (database) => {
        const pages = database.transaction("pages", "readwrite").objectStore("pages");
        const done = <T>(request: IDBRequest<T>) =>
          new Promise<T>((resolve) => (request.onsuccess = () => resolve(request.result)));
        for (const key of await done(pages.getAllKeys())) {
          const bytes = (await done(pages.get(key))) as Uint8Array;
          if (!String.fromCharCode(...bytes).includes(title)) continue;
          bytes[bytes.length >> 1]! ^= 1;
          await done(pages.put(bytes, key));
        }
        database.close();
      }),
    title,
  );

for (const kind of Object.keys(garbage)) {
  test(`a damaged page: ${kind}`, async ({ context }) => {
    const page = await tab(context);
    await filled(page);
    await damage(page, "pages", kind);
    await open(page);
    const result = await page.evaluate(async () => {
      const codes = [
        await codeOf(db.query("tasks").withIndex("by_n").collect()),
        await codeOf(db.query("tasks").collect()),
        await codeOf(db.query("tasks").withIndex("by_title").collect()),
      ];
      const report = await db.verify();
      await db.insert("tasks", { title: "while damaged", n: -2 });
      const repair = await db.repair({ accept: "lose-unreadable" });
      const after = await db.verify();
      const count = (await db.query("tasks").collect()).length;
      return { codes, problems: report.problems, ok: report.ok, lost: repair.lost, after: after.problems, count };
    });
    expect(result.codes).toContain("Corrupt");
    expect(result.codes.filter((code) => code !== "Corrupt" && code !== "no error")).toEqual([]);
    expect(result.ok).toBe(false);
    expect(result.problems[0]).toMatch(/^Page \d+ is damaged/);
    expect(result.after).toEqual([]);
    expect(result.count).toBeGreaterThan(1_000);
    expect(result.count).toBeLessThanOrEqual(2_006);
    if (result.count < 2_006) expect(result.lost.length).toBeGreaterThan(0);
  });

  test(`a damaged log record: ${kind}`, async ({ context }) => {
    const page = await tab(context);
    await filled(page);
    await damage(page, "log", kind);
    const [code, message] = await refusal(page);
    expect(code).toBe("Corrupt");
    expect(message).toMatch(/^Log record \d+ is damaged .*lose-unreadable/s);
    await open(page, { accept: "lose-unreadable" });
    const result = await page.evaluate(async () => {
      await until(async () => (await codeOf(db.repair({ accept: "lose-unreadable" }))) === "no error");
      return [(await db.query("tasks").count()) >= 2_000, (await db.verify()).problems];
    });
    expect(result).toEqual([true, []]);
    await page.evaluate(() => db.close());
    await open(page);
  });

  test(`a damaged manifest: ${kind}`, async ({ context }) => {
    const page = await tab(context);
    await filled(page);
    await damage(page, "meta", kind);
    for (const options of [{}, { accept: "lose-unreadable" as const }]) {
      const [code, message] = await refusal(page, options);
      expect(code).toBe("Corrupt");
      expect(message).toMatch(/^The manifest is damaged .*deleteDatabase/s);
    }
  });
}

for (const store of ["log", "meta"]) {
  test(`a check finds what is damaged in ${store} meanwhile, and a repair writes it again`, async ({ context }) => {
    const page = await tab(context);
    await filled(page);
    await open(page);
    expect(await page.evaluate(async () => (await db.verify()).problems)).toEqual([]);
    await damage(page, store, "a bit");
    const result = await page.evaluate(async () => {
      const { problems } = await db.verify();
      const { rows, lost } = await db.repair({ accept: "lose-unreadable" });
      const after = await db.verify();
      await db.close();
      return { problems, rows, lost, after: after.problems };
    });
    expect(result.problems.join()).toMatch(store === "log" ? /Log record \d+ is damaged/ : /The manifest is damaged/);
    expect(result).toMatchObject({ rows: 2_005, lost: [], after: [] });
    await open(page);
    expect(await page.evaluate(() => db.query("tasks").count())).toBe(2_005);
  });
}

test("a repair that loses documents is news to all tabs, whatever they have in memory", async ({ context }) => {
  const [one, two] = [await tab(context), await tab(context)];
  await filled(one);
  await open(two);
  const ids = await two.evaluate(async () => {
    const ids = (await db.query("tasks").collect()).map((task) => task._id);
    let openGate = (): void => undefined;
    const gate = new Promise<void>((resolve) => (openGate = resolve));
    let runs = 0;
    const lost = ids[1_000]!;
    const running = db.mutate(
      async (ctx) => {
        runs += 1;
        const task = await ctx.db.get(lost);
        await gate;
        if (task) await ctx.db.patch(lost, { n: -9 });
        return task === null;
      },
      { timeoutMs: 0 },
    );
    Object.assign(globalThis, { finish: async () => (openGate(), [await running, runs]) });
    return ids;
  });
  await damageOf(one, "t1000");
  await open(one);
  const repaired = await one.evaluate(() => db.repair({ accept: "lose-unreadable" }));
  expect(repaired.lost).toHaveLength(1);
  expect(repaired.rows).toBeLessThan(2_005);
  // The other tab has the document, and is told that it is gone: the function runs again.
  expect(await two.evaluate(() => (globalThis as unknown as { finish(): Promise<unknown> }).finish())).toEqual([
    true,
    2,
  ]);
  for (const page of [one, two]) {
    const seen = await page.evaluate(async (ids) => {
      const found = await Promise.all(ids.map((id) => db.get(id)));
      return [
        found.filter((task) => task !== null).length,
        (await db.query("tasks").collect()).length,
        await db.query("tasks").withIndex("by_title").count(),
        (await db.verify()).problems,
      ];
    }, ids);
    expect(seen).toEqual([repaired.rows, repaired.rows, repaired.rows, []]);
  }
});

test("a query that waits for an index hears that a damaged page is in its way", async ({ context }) => {
  const page = await tab(context);
  await filled(page);
  await damageOf(page, "t1000");
  const result = await page.evaluate(async () => {
    const problems: string[] = [];
    const db = await openMore({ onProblem: (error) => problems.push(`${error.code}: ${error.message}`) });
    const waiting = () => db.query("tasks").withIndex("by_text").collect();
    const codes = await Promise.all([codeOf(waiting()), codeOf(db.query("tasks").withIndex("by_text").count())]);
    const { rows } = await db.repair({ accept: "lose-unreadable" });
    return { codes, problems, rows, found: (await waiting()).length };
  });
  expect(result.codes).toEqual(["Corrupt", "Corrupt"]);
  expect(result.problems).toHaveLength(1);
  expect(result.problems[0]).toMatch(/^Corrupt: Page \d+ is damaged, so index "tasks.by_text" can't be finished/);
  expect(result.found).toBe(result.rows);
});

test("a damaged count of checkpoints does no harm", async ({ context }) => {
  const page = await tab(context);
  await filled(page);
  // The third is just below the last number that there can be.
  for (const count of ["garbage", -1, 2 ** 33 - 2, 2 ** 52, 1e300]) {
    await page.evaluate(
      (count) =>
        raw("test", async (database) => {
          const transaction = database.transaction("meta", "readwrite");
          transaction.objectStore("meta").put(count, "attempts");
          await new Promise((resolve) => (transaction.oncomplete = resolve));
          database.close();
        }),
      count,
    );
    await open(page, { idleMs: 20 });
    const result = await page.evaluate(async () => {
      const { generation } = db.stats();
      await db.insertMany(
        "tasks",
        Array.from({ length: 100 }, (_, n) => ({ title: "more", n, text: "x".repeat(1_000) })),
      );
      await until(() => db.stats().generation > generation && db.stats().logRecords === 0);
      const report = await db.verify();
      await db.close();
      return report.problems;
    });
    expect(result).toEqual([]);
  }
  await open(page);
  expect(await page.evaluate(() => db.query("tasks").count())).toBe(2_505);
});

test("a manifest of a newer format is left alone", async ({ context }) => {
  const page = await tab(context);
  await filled(page);
  // The first byte is the version, the last four are a checksum over what comes before: docs/format.md.
  await page.evaluate(() =>
    raw("test", async (database) => {
      const meta = database.transaction("meta", "readwrite").objectStore("meta");
      const numbers = IDBKeyRange.bound(0, Infinity);
      const manifest = await new Promise<Uint8Array>((resolve) => {
        const request = meta.getAll(numbers) as IDBRequest<Uint8Array[]>;
        request.onsuccess = () => resolve(request.result.at(-1)!);
      });
      manifest[0] = 2;
      const view = new DataView(manifest.buffer, manifest.byteOffset, manifest.length - 4);
      const multiply = (hash: bigint, by: bigint) => BigInt.asUintN(64, hash * by);
      let hash = 0xcbf29ce484222325n ^ BigInt(view.byteLength);
      let at = 0;
      for (; at + 8 <= view.byteLength; at += 8) {
        hash = multiply(hash ^ view.getBigUint64(at, true), 0x100000001b3n);
        hash ^= hash >> 29n;
      }
      for (; at < view.byteLength; at += 1) hash = multiply(hash ^ BigInt(view.getUint8(at)), 0x100000001b3n);
      hash = multiply(hash ^ (hash >> 32n), 0x9e3779b97f4a7c15n);
      new DataView(manifest.buffer, manifest.byteOffset).setUint32(manifest.length - 4, Number(hash >> 32n), true);
      meta.put(manifest, 1_000_000);
      database.close();
    }),
  );
  const [code, message] = await refusal(page, { accept: "lose-unreadable" });
  expect(code).toBe("NewerFormat");
  expect(message).toContain("newer version");
});
