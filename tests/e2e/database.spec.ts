// Databases in IndexedDB, in real tabs: what is saved stays, tabs share it, and failures have names.
import { type BrowserContext, expect, test } from "@playwright/test";
import { open, tab, type Tab } from "./tab.js";

test("what is saved is there after a reload, from the log and from the tree", async ({ context }) => {
  const page = await tab(context);
  await open(page, { tuning: { idleMs: 50 } });
  const id = await page.evaluate(async () => {
    await db.insertMany(
      "tasks",
      Array.from({ length: 3000 }, (_, n) => ({ title: `t${n}`, n, text: "x".repeat(300) })),
    );
    const id = await db.insert("tasks", { title: "last", n: -1 });
    return id;
  });
  await page.reload();
  await page.waitForFunction(() => document.title === "ready");
  await open(page, { tuning: { idleMs: 50 } });
  const fromLog = await page.evaluate(async (id) => [await db.query("tasks").count(), (await db.get(id))?.title], id);
  expect(fromLog).toEqual([3001, "last"]);
  await page.evaluate(() => until(() => db.stats().generation > 0 && db.stats().logRecords === 0));
  await page.reload();
  await page.waitForFunction(() => document.title === "ready");
  // Small budgets, so that pages are loaded again and again.
  await open(page, { budgets: { pageCacheBytes: 256 << 10, rowCacheBytes: 64 << 10 } });
  const fromTree = await page.evaluate(async (id) => {
    const rows = await db
      .query("tasks")
      .withIndex("by_n", (q) => q.gte("n", 0))
      .collect();
    const wrong = rows.findIndex((row, n) => row.n !== n || row.title !== `t${n}`);
    const some = await Promise.all(
      [2999, 0, 1500].map((n) =>
        db
          .query("tasks")
          .withIndex("by_title", (q) => q.eq("title", `t${n}`))
          .unique(),
      ),
    );
    const report = await db.verify();
    const { pageCacheBytes, rowCacheBytes } = db.stats();
    return {
      count: rows.length,
      wrong,
      some: some.map((row) => row?.n),
      last: (await db.get(id))?.title,
      problems: report.problems,
      within: pageCacheBytes <= 256 << 10 && rowCacheBytes <= 64 << 10,
    };
  }, id);
  expect(fromTree).toEqual({ count: 3000, wrong: -1, some: [2999, 0, 1500], last: "last", problems: [], within: true });
});

test("two tabs that write the same rows as fast as they can lose nothing", async ({ context }) => {
  const tabs = [await tab(context), await tab(context)];
  await Promise.all(tabs.map((page) => open(page, { tuning: { checkpointLogRecords: 40, idleMs: 30 } })));
  const id = await tabs[0]!.evaluate(() => db.insert("tasks", { title: "counter", n: 0 }));
  // What another tab has saved is heard of a moment later.
  await tabs[1]!.evaluate((id) => until(async () => (await db.get(id)) !== null), id);
  const N = 150;
  const work = (page: Tab, name: string) =>
    page.evaluate(
      async ({ id, name, N }) => {
        const started = performance.now();
        for (let n = 0; n < N; n += 1) {
          await db.mutate(async (ctx) => {
            const row = (await ctx.db.get(id))!;
            await ctx.db.patch(id, { n: row.n + 1 });
            await ctx.db.insert("tasks", { title: `${name} ${n}`, n });
          });
        }
        return performance.now() - started;
      },
      { id, name, N },
    );
  await Promise.all([work(tabs[0]!, "a"), work(tabs[1]!, "b")]);
  for (const page of tabs) {
    const result = await page.evaluate(
      async ({ id, N }) => {
        await until(async () => (await db.get(id))?.n === 2 * N, 2000);
        const report = await db.verify();
        return [await db.query("tasks").count(), report.problems, db.stats().generation > 0];
      },
      { id, N },
    );
    expect(result).toEqual([2 * N + 1, [], true]);
  }
});

test("a query gives no old documents while a write that came second waits for the disk", async ({ context }) => {
  const page = await tab(context);
  await open(page);
  const found = await page.evaluate(async () => {
    const other = await openTasks();
    const id = await db.insert("tasks", { title: "row", n: 0 });
    await until(async () => (await other.get(id)) !== null);
    let last = 0;
    let [looked, wrong] = [0, 0];
    const looks: Promise<void>[] = [];
    type Add = (this: IDBObjectStore, value: unknown, key?: IDBValidKey) => IDBRequest<IDBValidKey>;
    const store = IDBObjectStore.prototype as { add: Add };
    const { add } = store;
    // By then the tab has taken in what the other one wrote.
    const look = async (known: number) => {
      const rows = await db
        .query("tasks")
        .filter((q) => q.gt(q.field("n"), known))
        .collect();
      looked += rows.length;
      wrong += rows.filter((row) => row.n <= known).length;
    };
    store.add = function (...args) {
      const request = add.apply(this, args);
      queueMicrotask(() => looks.push(look(last)));
      return request;
    };
    for (let round = 0; round < 100; round += 1) {
      last = (await db.get(id))!.n;
      await Promise.all([other.patch(id, { n: last + 1 }), db.insert("tasks", { title: "more", n: -1 })]);
    }
    store.add = add;
    await Promise.all(looks);
    await other.close();
    return { looked, wrong };
  });
  expect(found.looked).toBeGreaterThan(0);
  expect(found.wrong).toBe(0);
});

test("a tab hears of another's commit", async ({ context }) => {
  const [one, two] = [await tab(context), await tab(context)];
  await open(one);
  await open(two);
  await one.evaluate(() => db.insert("tasks", { title: "news", n: 1 }));
  await two.evaluate(() => until(async () => (await db.query("tasks").count()) === 1, 2000));
});

/** Makes a page note what is said on the channel: the sequence numbers. */
const listen = (page: Tab) =>
  page.evaluate(() => {
    const heard: number[] = [];
    globalThis.heard = heard;
    new BroadcastChannel("holdfast:test").onmessage = ({ data }: MessageEvent<[string, number, number]>) =>
      void heard.push(data[2]);
  });

declare global {
  var heard: number[];
}

test("of a burst of commits the last one is announced, and few of the others", async ({ context }) => {
  const [writer, listener] = [await tab(context), await tab(context)];
  await open(writer);
  await listen(listener);
  const [last, elapsedMs] = await writer.evaluate(async () => {
    const beganMs = performance.now();
    for (let n = 0; n < 300; n += 1) await db.insert("tasks", { title: "one of many", n });
    return [db.stats().sequence, performance.now() - beganMs] as const;
  });
  await listener.evaluate((last) => until(() => heard.at(-1) === last, 2000), last);
  // They are 10 ms apart, by a clock of whole milliseconds.
  expect(await listener.evaluate(() => heard.length)).toBeLessThan(elapsedMs / 9 + 3);
});

test("a database that is closed announces its last commit", async ({ context }) => {
  const [writer, listener] = [await tab(context), await tab(context)];
  await listen(listener);
  for (let round = 0; round < 5; round += 1) {
    await open(writer);
    const last = await writer.evaluate(async () => {
      await db.insert("tasks", { title: "hello", n: 1 });
      await db.insert("tasks", { title: "goodbye", n: 2 });
      const { sequence } = db.stats();
      await db.close();
      return sequence;
    });
    await listener.evaluate((last) => until(() => heard.at(-1) === last, 2000), last);
  }
});

test("messages of strangers on the channel change nothing", async ({ context }) => {
  const [one, two] = [await tab(context), await tab(context)];
  await open(one);
  await two.evaluate(async () => {
    const channel = new BroadcastChannel("holdfast:test");
    for (const message of [
      null,
      1,
      "x",
      [],
      ["holdfast 1"],
      ["holdfast 1", -1, 2],
      ["holdfast 1", 1.5, NaN],
      { a: 1 },
      ["holdfast 1", 1e300, 1],
      ["holdfast 1", 7, 9],
      ["holdfast 1", 7, 9, 1e300],
      ["holdfast 1", 0, 0, -5],
      ["holdfast 1", 0, 0, "long"],
    ]) {
      channel.postMessage(message);
    }
    await sleep(50);
    channel.close();
  });
  const after = await one.evaluate(async () => {
    await db.insert("tasks", { title: "fine", n: 1 });
    return [await db.query("tasks").count(), (await db.verify()).problems];
  });
  expect(after).toEqual([1, []]);
});

test("what a closed tab was told to be saved is saved", async ({ context }) => {
  const [writer, reader] = [await tab(context), await tab(context)];
  await open(writer);
  await open(reader);
  const saved: number[] = [];
  await writer.exposeFunction("told", (n: number) => void saved.push(n));
  const writing = writer.evaluate(async () => {
    for (let n = 0; ; n += 1) {
      await db.insert("tasks", { title: "t", n });
      void (globalThis as unknown as { told(n: number): void }).told(n);
    }
  });
  writing.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await writer.close();
  const found = await reader.evaluate(async () => {
    await db.insert("tasks", { title: "mine", n: -1 });
    return (
      await db
        .query("tasks")
        .withIndex("by_n", (q) => q.gte("n", 0))
        .collect()
    ).map((row) => row.n);
  });
  expect(saved.length).toBeGreaterThan(0);
  expect(found.slice(0, saved.length)).toEqual(saved);
  expect(found).toEqual(found.map((_, n) => n));
});

test("a connection that the browser closes is found out", async ({ context }) => {
  const page = await tab(context);
  await open(page);
  await page.evaluate(() => db.insert("tasks", { title: "gone", n: 1 }));
  const session = await context.newCDPSession(page);
  await session.send("Storage.clearDataForOrigin", { origin: new URL(page.url()).origin, storageTypes: "indexeddb" });
  const code = await page.evaluate(async () => {
    let code = "no error";
    await until(async () => (code = await codeOf(db.insert("tasks", { title: "late", n: 2 }))) !== "no error");
    return code;
  });
  expect(code).toBe("DatabaseClosed");
});

test("without IndexedDB there is an error, and memory for who asks for it", async ({ context }) => {
  await context.addInitScript(() => Object.defineProperty(globalThis, "indexedDB", { value: undefined }));
  const page = await tab(context);
  const [code, memory] = await page.evaluate(async () => {
    const code = await codeOf(openTasks());
    const db = await openTasks({ storage: "memory" });
    await db.insert("tasks", { title: "here", n: 1 });
    return [code, await db.query("tasks").count()];
  });
  expect(code).toBe("StorageUnavailable");
  expect(memory).toBe(1);
});

/** Two tabs: one has a document, the other is opening and has read, but its engine's binary is held back. */
async function oneBehind(context: BrowserContext): Promise<{ alice: Tab; bob: Tab; finish: () => Promise<void> }> {
  const [alice, bob] = [await tab(context), await tab(context)];
  await open(alice);
  await alice.evaluate(() => db.insert("tasks", { title: "before", n: 1 }));
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  await bob.route("**/*.wasm*", async (route) => {
    await released;
    await route.continue();
  });
  const opened = open(bob);
  await bob.evaluate(() => sleep(500));
  return { alice, bob, finish: () => (release(), opened) };
}

test("what others wrote while the engine was on its way is seen at once", async ({ context }) => {
  const { alice, bob, finish } = await oneBehind(context);
  await alice.evaluate(() => db.insert("tasks", { title: "meanwhile", n: 2 }));
  await finish();
  // Nothing is written here and nobody announces anything more.
  await bob.evaluate(() => until(async () => (await db.query("tasks").count()) === 2, 2_000));
  await bob.evaluate(() => db.insert("tasks", { title: "after", n: 3 }));
  expect(await bob.evaluate(async () => (await db.verify()).problems)).toEqual([]);
  await alice.evaluate(() => until(async () => (await db.query("tasks").count()) === 3, 2_000));
});

test("a database that is deleted while the engine is on its way is made anew", async ({ context }) => {
  const { alice, bob, finish } = await oneBehind(context);
  // Nobody waits for the page whose engine is still on its way.
  await alice.evaluate(() => Promise.race([db.destroy(), sleep(5_000).then(() => Promise.reject(new Error("stuck")))]));
  await finish();
  expect(await bob.evaluate(() => db.query("tasks").count())).toBe(0);
  await bob.evaluate(() => db.insert("tasks", { title: "after", n: 3 }));
  expect(await bob.evaluate(async () => (await db.verify()).rows)).toBe(1);
});

test("an engine that can't be had, or may not run, has a code of its own and says what to do", async ({ context }) => {
  const page = await tab(context);
  const failure = () =>
    page.evaluate(() =>
      openTasks().then(
        () => ["it has opened"],
        (error: { code: string; retryable: boolean; message: string }) => [error.code, error.retryable, error.message],
      ),
    );
  await page.route("**/*.wasm*", (route) => route.abort());
  expect(await failure()).toEqual(["EngineUnavailable", true, expect.stringContaining("offline")]);
  await page.unroute("**/*.wasm*");
  // A server that gives the app's page for whatever is not there: the binary comes as a script.
  await page.route("**/*.wasm*", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
  expect(await failure()).toEqual(["it has opened"]);
  await page.unroute("**/*.wasm*");
  await open(page);
  await page.route(process.env["HOLDFAST_PAGES"]!, async (route) => {
    const response = await route.fetch();
    const headers = { ...response.headers(), "content-security-policy": "script-src 'self'" };
    await route.fulfill({ response, headers });
  });
  await page.reload();
  await page.waitForFunction(() => document.title === "ready");
  expect(await failure()).toEqual(["EngineUnavailable", false, expect.stringContaining("'wasm-unsafe-eval'")]);
});
