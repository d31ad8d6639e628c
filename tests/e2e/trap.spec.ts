// The engine fails in the middle of something: what the browser would see of a panic. An exception out of a function that the
// engine calls leaves it as a panic does, and its next call is one. Nothing that was saved is lost, nothing is saved twice,
// and the page goes on.
import { type BrowserContext, expect, test } from "@playwright/test";
import type { HoldfastError } from "../../ts/errors.js";
import { open, tab, type Tab } from "./tab.js";

declare global {
  /** Lets the engine fail at the so-manieth function that it calls from now on, and tells whether it has. */
  var failAt: (times: number) => () => boolean;
  var faults: string[];
}

/** A tab whose engine can be made to fail. */
async function fragileTab(context: BrowserContext): Promise<Tab> {
  await context.addInitScript(() => {
    let left = 0;
    // All that the engine calls, as it is when it fails: half of its work is done.
    const fragile = (imports: WebAssembly.Imports): WebAssembly.Imports =>
      Object.fromEntries(
        Object.entries(imports).map(([module, functions]) => [
          module,
          Object.fromEntries(
            Object.entries(functions).map(([name, value]) => [
              name,
              typeof value !== "function"
                ? value
                : (...args: unknown[]): unknown => {
                    if (left > 0 && --left === 0) throw new Error("Something is broken.");
                    return (value as (...args: unknown[]) => unknown)(...args);
                  },
            ]),
          ),
        ]),
      );
    WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
      construct: (target, [module, imports]: [WebAssembly.Module, WebAssembly.Imports]) =>
        new target(module, fragile(imports)),
    });
    globalThis.failAt = (times) => {
      left = times;
      return () => left === 0;
    };
    globalThis.faults = [];
    addEventListener("error", (event) => {
      // The platform tells of what nobody has caught, and is right.
      if (event.message.includes("broken") || event.message.includes("engine has failed")) event.preventDefault();
    });
  });
  const page = await context.newPage();
  await page.goto(process.env["HOLDFAST_PAGES"]!);
  await page.waitForFunction(() => document.title === "ready");
  return page;
}

/** Opens the database of a tab, which notes its problems. */
const openFragile = (page: Tab) =>
  page.evaluate(async () => {
    globalThis.db = await openTasks({ onProblem: ({ code }) => faults.push(code) });
  });

// Each function that it calls is another place: in a call, in the answer of a commit, between that and the next one, at a timer.
for (const first of [1, 2, 3, 4]) {
  test(`an engine that fails at any moment loses nothing and saves nothing twice (${first})`, async ({ context }) => {
    test.setTimeout(120_000);
    for (let at = first; at < 290; at += 29 + first) {
      const page = await fragileTab(context);
      await openFragile(page);
      const seen = await page.evaluate(async (at) => {
        const before = await db.query("tasks").count();
        const live = db.live(db.query("tasks").withIndex("by_n"));
        let told = 0;
        live.subscribe(() => (told += 1));
        const old = await db.insert("tasks", { title: `old ${at}`, n: -1 });
        const hasFailed = failAt(at);
        const titles = ["one", "two", "three"];
        const more = (async () => {
          for (let n = 0; n < 4; n += 1) {
            await Promise.resolve();
            // One after the other, so that records go out while others are told of.
            void db.insert("tasks", { title: `extra ${n} ${at}`, n: 50 }).catch(() => faults.push("extra"));
            await db.mutate(async (ctx) => {
              const task = await ctx.db.get(old);
              await ctx.db.patch(old, { n: task!.n - 1 });
            });
          }
        })();
        const outcomes = await Promise.allSettled([
          more,
          ...titles.map((title, n) => db.insert("tasks", { title: `${title} ${at}`, n })),
          db.mutate(async (ctx) => {
            const task = await ctx.db.get(old);
            await ctx.db.patch(old, { n: task!.n - 1 });
            await ctx.db.insert("tasks", { title: `in a function ${at}`, n: 4 });
          }),
          db.patch(old, { text: "patched" }),
          db.query("tasks").collect(),
          db.get(old),
          db.read((ctx) => ctx.db.query("tasks").withIndex("by_title").collect()),
        ]);
        const failures = outcomes.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []));
        // Places that this did not come to are come to now.
        for (let n = 0; !hasFailed(); n += 1) await db.insert("tasks", { title: `more ${at} ${n}`, n: 100 });
        await db.insert("tasks", { title: `after ${at}`, n: 5 });
        const rows = await db.query("tasks").withIndex("by_n").collect();
        const counts = new Map<string, number>();
        for (const { title } of rows) counts.set(title, (counts.get(title) ?? 0) + 1);
        await until(() => JSON.stringify(live.value) === JSON.stringify(rows) && live.status === "ready");
        const twice = [...counts].filter(([, count]) => count > 1);
        const missing = [...titles, "in a function", "old", "after"].filter((title) => !counts.has(`${title} ${at}`));
        const { problems } = await db.verify();
        const { n, text } = (await db.get(old))!;
        const { state } = db.durability;
        await db.close();
        return { before, failures, twice, missing, problems, n, text, state, told: told > 0, faults };
      }, at);
      expect(seen, `at ${at}`).toEqual({
        before: seen.before,
        failures: [],
        twice: [],
        missing: [],
        problems: [],
        n: -6,
        text: "patched",
        state: "saved",
        told: true,
        faults: ["EngineFault"],
      });
      // The connection of the engine that has failed holds nobody up.
      const other = await tab(context);
      await open(other);
      expect(await other.evaluate(async () => (await db.verify()).problems)).toEqual([]);
      await other.evaluate(() => db.destroy());
      await other.close();
      await page.close();
    }
  });
}

test("a mutation that the engine fails of twice is rejected, and others are saved", async ({ context }) => {
  const page = await fragileTab(context);
  await openFragile(page);
  const seen = await page.evaluate(async () => {
    let runs = 0;
    const poison = db.mutate(async (ctx) => {
      runs += 1;
      failAt(1);
      await ctx.db.insert("tasks", { title: "poison", n: 0 });
    });
    const good = db.insert("tasks", { title: "good", n: 1 });
    const code = await poison.then(
      () => "no error",
      (error: HoldfastError) => `${error.code} ${error.retryable} ${error.message.includes("Something is broken")}`,
    );
    await good;
    const titles = (await db.query("tasks").collect()).map((task) => task.title);
    return { runs, code, titles, faults, problems: (await db.verify()).problems };
  });
  expect(seen).toEqual({
    runs: 2,
    code: "EngineFault true true",
    titles: ["good"],
    faults: ["EngineFault", "EngineFault"],
    problems: [],
  });
});

test("a function that goes on after the failure does not write for another one", async ({ context }) => {
  const page = await fragileTab(context);
  await openFragile(page);
  const titles = await page.evaluate(async () => {
    let isFirst = true;
    await db.mutate(async (ctx) => {
      await ctx.db.insert("tasks", { title: isFirst ? "first run" : "second run", n: 0 });
      if (!isFirst) return;
      isFirst = false;
      failAt(1);
      await db
        .get(
          (
            await ctx.db
              .query("tasks")
              .first()
              .catch(() => null)
          )?._id ?? ("none" as never),
        )
        .catch(() => null);
      await until(() => faults.length === 1);
      // Others use the next engine meanwhile.
      await db.insert("tasks", { title: "other", n: 1 });
      await ctx.db.insert("tasks", { title: "too late", n: 2 }).catch(() => undefined);
    });
    return (await db.query("tasks").collect()).map((task) => task.title);
  });
  expect(titles.sort()).toEqual(["other", "second run"]);
});

test("an engine that fails again and again is given up, and can be opened anew", async ({ context }) => {
  const page = await fragileTab(context);
  await openFragile(page);
  const seen = await page.evaluate(async () => {
    await db.insert("tasks", { title: "kept", n: 1 });
    const states: string[] = [];
    db.durability.subscribe(() => states.push(db.durability.state));
    let code = "";
    for (let times = 0; times < 20 && db.durability.state !== "closed"; times += 1) {
      failAt(1);
      code = await codeOf(db.insert("tasks", { title: "never", n: 2 }));
      failAt(0);
    }
    const closed = [db.durability.state, db.durability.reason?.code, code];
    const later = await codeOf(db.query("tasks").collect());
    globalThis.db = await openTasks();
    const kept = (await db.query("tasks").collect()).filter((task) => task.title === "kept").length;
    return { closed, later, kept, ok: (await db.verify()).ok };
  });
  expect(seen).toEqual({
    closed: ["closed", "EngineFault", "EngineFault"],
    later: "EngineFault",
    kept: 1,
    ok: true,
  });
});

test("two databases of a page go on after the engine has failed for one", async ({ context }) => {
  const page = await fragileTab(context);
  const seen = await page.evaluate(async () => {
    const [one, two] = [await openTasks(), await openTasks({ name: "other", onProblem: () => undefined })];
    await two.insert("tasks", { title: "there", n: 1 });
    const live = two.live(two.query("tasks"), "count");
    failAt(1);
    await one.insert("tasks", { title: "one", n: 1 });
    await two.insert("tasks", { title: "two", n: 2 });
    await until(() => live.value === 2);
    return [await one.query("tasks").count(), await two.query("tasks").count()];
  });
  expect(seen).toEqual([1, 2]);
});
