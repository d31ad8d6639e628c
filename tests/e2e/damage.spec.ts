// Stored bytes that are not what was written: it is found, told by name, and repaired where it can be.
import { expect, test } from "@playwright/test";
import { NEWER_FORMAT, open, refusal, tab, type Tab } from "./tab.js";

/** A database with pages, a manifest and a log, which is closed. */
async function filled(page: Tab): Promise<void> {
  await open(page, { tuning: { idleMs: 20 } });
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
    await open(page, { tuning: { idleMs: 20 } });
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
      const manifest = (await done(meta.getAll(numbers) as IDBRequest<Uint8Array[]>)).at(-1)!;
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
  expect(message).toBe(NEWER_FORMAT);
});
