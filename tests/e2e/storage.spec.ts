// What happens to the browser's storage in earnest: it is full, is cleared while databases are open, or its process dies.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { kill, openPage, processesOf, start, withBrowser } from "./own_browser.js";
import { open } from "./tab.js";

declare global {
  var acknowledged: string[];
  var states: string[];
  var failures: string[];
}

// ---- the process of the storage ----

test("the process of the storage is killed while two tabs write: both go on by themselves", async () => {
  test.setTimeout(90_000);
  await withBrowser(async (running) => {
    const tabs = [await openPage(running), await openPage(running)];
    for (const [index, page] of tabs.entries()) {
      await open(page, { tuning: { idleMs: 20, checkpointLogRecords: 20 } });
      await page.evaluate((index) => {
        globalThis.acknowledged = [];
        globalThis.failures = [];
        globalThis.states = [];
        db.durability.subscribe(() => {
          const { state } = db.durability;
          if (states.at(-1) !== state) states.push(state);
        });
        const live = db.live(db.query("tasks").withIndex("by_title"));
        live.subscribe(() => undefined);
        Object.assign(globalThis, { live, isOver: false });
        for (const worker of [0, 1]) {
          void (async () => {
            for (let n = 0; !(globalThis as { isOver?: boolean }).isOver; n += 1) {
              const title = `t${index}.${worker}.${n}`;
              const code = await codeOf(db.insert("tasks", { title, n }));
              if (code === "no error") acknowledged.push(title);
              else failures.push(`${title} ${code}`);
            }
          })();
        }
      }, index);
    }
    const count = async () =>
      Math.min(...(await Promise.all(tabs.map((page) => page.evaluate(() => acknowledged.length)))));
    await expect.poll(count).toBeGreaterThan(50);
    const services = () => processesOf(running, "storage.mojom.StorageService");
    test.skip(services().length === 0, "This Chromium has no process of its own for storage.");
    for (let round = 0; round < 3; round += 1) {
      await expect.poll(() => services().length, { timeout: 20_000 }).toBeGreaterThan(0);
      for (const pid of services()) process.kill(pid, "SIGKILL");
      const before = await count();
      await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(before + 50);
    }
    const found = [];
    for (const page of tabs) {
      found.push(
        await page.evaluate(async () => {
          Object.assign(globalThis, { isOver: true });
          await until(() => db.durability.state === "saved");
          return { acknowledged, failures, states };
        }),
      );
    }
    for (const page of tabs) {
      const seen = await page.evaluate(async () => {
        const { live } = globalThis as unknown as { live: { value: { title: string }[]; status: string } };
        await until(() => live.status === "ready");
        const titles = (await db.query("tasks").withIndex("by_title").collect()).map((task) => task.title);
        return { titles, shown: live.value.length, problems: (await db.verify()).problems };
      });
      expect(new Set(seen.titles).size, "nothing is written twice").toBe(seen.titles.length);
      const lost = found.flatMap((one) => one.acknowledged).filter((title) => !seen.titles.includes(title));
      expect(lost).toEqual([]);
      expect(seen.problems).toEqual([]);
      expect(seen.shown).toBe(seen.titles.length);
    }
    expect(found.flatMap((one) => one.failures)).toEqual([]);
  });
});

// ---- a full disk ----

test("a disk that is full: writes are refused by name, reads go on, and it heals when there is room", async () => {
  test.skip(process.platform !== "linux" || process.getuid?.() !== 0, "Only root may make a small file system.");
  test.setTimeout(120_000);
  const profile = mkdtempSync(join(tmpdir(), "holdfast-small-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=96m", "tmpfs", profile], { stdio: "pipe" });
  } catch (error) {
    rmSync(profile, { recursive: true });
    test.skip(true, `No small file system can be mounted here: ${String(error)}`);
  }
  let running: Awaited<ReturnType<typeof start>> | undefined;
  try {
    running = await start(profile);
    const page = await openPage(running);
    await open(page, { tuning: { idleMs: 50, checkpointLogRecords: 20 } });
    const seen = await page.evaluate(async () => {
      globalThis.states = [];
      db.durability.subscribe(() => {
        const { state, reason } = db.durability;
        const word = reason ? `${state} ${reason.code}` : state;
        if (states.at(-1) !== word) states.push(word);
      });
      const live = db.live(db.query("tasks"), "count");
      live.subscribe(() => undefined);
      Object.assign(globalThis, { live });
      const { usage, quota } = await db.durability.refresh();
      const text = "x".repeat(200_000);
      const noise = () => crypto.getRandomValues(new Uint8Array(50_000)).join("");
      const codes: string[] = [];
      let written = 0;
      for (let n = 0; n < 2_000 && codes.length < 3; n += 1) {
        const code = await codeOf(db.insert("tasks", { title: `t${n}`, n, text: n < 3 ? text : noise() }));
        if (code === "no error") written += 1;
        else codes.push(code);
      }
      const rows = await db.query("tasks").collect();
      const refused = db.durability.state;
      return {
        usage,
        quota,
        codes,
        written,
        read: rows.length,
        refused,
        reason: db.durability.reason?.code,
        live: live.value,
      };
    });
    expect(seen.codes).toEqual(Array(3).fill("QuotaExceeded"));
    expect(seen.written).toBeGreaterThan(10);
    expect(seen.read).toBe(seen.written);
    expect(seen.live).toBe(seen.written);
    expect([seen.refused, seen.reason]).toEqual(["degraded", "QuotaExceeded"]);
    const healed = await page.evaluate(async () => {
      const rows = await db.query("tasks").collect();
      const end = performance.now() + 60_000;
      // Nothing is promised of these: a deletion has to be written, too.
      for (const { _id } of rows.slice(1)) await codeOf(db.delete(_id));
      let code = "";
      do {
        code = await codeOf(db.insert("tasks", { title: "after", n: 1 }));
        if (code !== "no error") await sleep(500);
      } while (code !== "no error" && performance.now() < end);
      return { inserted: code, deleted: await codeOf(db.delete(rows[0]!._id)), left: await db.get(rows[0]!._id) };
    });
    expect(healed).toEqual({ inserted: "no error", deleted: "no error", left: null });
    expect(await page.evaluate(async () => (await db.verify()).problems)).toEqual([]);
  } finally {
    if (running) await kill(running);
    execFileSync("umount", ["-l", profile]);
    rmSync(profile, { recursive: true, force: true });
  }
});

// ---- cleared ----

for (const how of ["the site's data are cleared", "the database is deleted"]) {
  test(`${how} while two tabs have the database open: both say so, and the next opening works`, async () => {
    await withBrowser(async (running) => {
      const tabs = [await openPage(running), await openPage(running)];
      for (const page of tabs) {
        await open(page);
        await page.evaluate(() => {
          globalThis.failures = [];
          const live = db.live(db.query("tasks"));
          live.subscribe(() => undefined);
          Object.assign(globalThis, { live });
          db.on("problem", (error) => failures.push(error.code));
          void (async () => {
            for (let n = 0; ; n += 1) await db.insert("tasks", { title: `t${n}`, n });
          })().catch((error: { code: string }) => failures.push(`write ${error.code}`));
        });
      }
      const other = await openPage(running);
      if (how === "the database is deleted") {
        await other.evaluate(() => done(indexedDB.deleteDatabase("test")));
      } else {
        const session = await other.context().newCDPSession(other);
        const origin = new URL(other.url()).origin;
        await session.send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
      }
      for (const page of tabs) {
        const seen = await page.evaluate(async () => {
          const { live } = globalThis as unknown as { live: { status: string; error?: { code: string } } };
          await until(() => db.durability.state === "closed" && failures.length === 2);
          return {
            failures: failures.sort(),
            live: [live.status, live.error?.code],
            late: await codeOf(db.insert("tasks", { title: "late", n: 1 })),
            reason: db.durability.reason?.code,
          };
        });
        expect(seen).toEqual({
          failures: ["DatabaseClosed", "write DatabaseClosed"],
          live: ["error", "DatabaseClosed"],
          late: "DatabaseClosed",
          reason: "DatabaseClosed",
        });
      }
      await open(other);
      expect(await other.evaluate(() => db.query("tasks").count())).toBe(0);
      expect(await other.evaluate(() => codeOf(db.insert("tasks", { title: "new", n: 1 })))).toBe("no error");
    });
  });
}
