// Bad days of a tab's surroundings: the channel is flooded, the clock is set.
import { expect, test } from "@playwright/test";
import { open, tab } from "./tab.js";

test("a flood of messages on the channel breaks nothing, and the page comes back", async ({ context }) => {
  const [one, two] = [await tab(context), await tab(context)];
  await open(one);
  await open(two);
  await one.evaluate(() => {
    const live = db.live(db.query("tasks").withIndex("by_n"));
    live.subscribe(() => undefined);
    Object.assign(globalThis, { live });
  });
  const flooding = two.evaluate(async () => {
    const channel = new BroadcastChannel("holdfast:test");
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const odd = [
      null,
      NaN,
      "holdfast 1",
      ["holdfast 1"],
      ["holdfast 1", 1e15, 1e15, 400],
      ["holdfast 1", "7", {}, []],
      ["holdfast 2", 1, 2, 3, { more: true }],
      ["holdfast 1", 2 ** 53, -0, 2 ** 40],
      cycle,
      new Map([["holdfast 1", new Set([1n])]]),
      new ArrayBuffer(1_000),
      new Date(NaN),
      /holdfast 1/,
      Object.assign(["holdfast 1"], { length: 4_000_000_000 }),
      new Blob(["holdfast 1"]),
      new Error("holdfast 1"),
    ];
    for (let n = 0; n < 100_000; n += 1) {
      channel.postMessage(odd[n % odd.length]);
      if (n % 10_000 === 0) channel.postMessage(["holdfast 1", 0, 0, "x".repeat(1 << 20)]);
      if (n % 2_000 === 0) await sleep(0);
    }
    // And of a database of another name, with which this one has nothing to do.
    new BroadcastChannel("holdfast:other").postMessage(["holdfast 1", 9, 9, 0]);
    channel.close();
  });
  const during = await one.evaluate(async () => {
    const codes = [];
    for (let n = 0; n < 20; n += 1) codes.push(await codeOf(db.insert("tasks", { title: `t${n}`, n })));
    return codes;
  });
  await flooding;
  expect(during).toEqual(Array(20).fill("no error"));
  const after = await one.evaluate(async () => {
    const { live } = globalThis as unknown as { live: { value: unknown[]; status: string } };
    const began = performance.now();
    await until(() => live.status === "ready" && live.value.length === 20);
    // Whoever waits for others by their wish waits a moment only.
    const code = await codeOf(db.insert("tasks", { title: "after", n: 99 }));
    return { code, ms: performance.now() - began, state: db.durability.state, problems: (await db.verify()).problems };
  });
  expect(after).toMatchObject({ code: "no error", state: "saved", problems: [] });
  expect(after.ms).toBeLessThan(5_000);
  // What is true is still heard.
  await one.evaluate(() => db.insert("tasks", { title: "heard", n: 100 }));
  await two.evaluate(() => until(async () => (await db.query("tasks").count()) === 22));
});

test("a clock that jumps back and forth changes neither ids, order, durability nor live queries", async ({
  context,
}) => {
  const [one, two] = [await tab(context), await tab(context)];
  await open(one, { tuning: { idleMs: 50, checkpointLogRecords: 5 } });
  await open(two);
  await two.evaluate(() => {
    const live = db.live(db.query("tasks"));
    live.subscribe(() => undefined);
    Object.assign(globalThis, { live });
  });
  const result = await one.evaluate(async () => {
    const live = db.live(db.query("tasks"));
    const states = new Set<string>();
    db.durability.subscribe(() => states.add(db.durability.state));
    live.subscribe(() => undefined);
    const { now } = Date;
    const codes: string[] = [];
    const ids: string[] = [];
    let n = 0;
    for (const hours of [0, -1, 0, 1, -1, 2, 0]) {
      Date.now = () => now() + hours * 3_600_000;
      for (let round = 0; round < 6; round += 1) {
        const write = db.insert("tasks", { title: `t${n}`, n });
        codes.push(await codeOf(write));
        ids.push(await write);
        n += 1;
      }
      await sleep(150);
    }
    await until(() => db.durability.state === "saved" && live.status === "ready");
    const rows = await db.query("tasks").collect();
    return {
      codes: [...new Set(codes)],
      inOrder: rows.every((row, index) => row._id === ids[index]),
      times: rows.every((row, index) => index === 0 || row._creationTime > rows[index - 1]!._creationTime),
      shown: live.value!.map((row) => row._id).join() === ids.join(),
      states: [...states].filter((state) => state !== "saved" && state !== "pending"),
      problems: (await db.verify()).problems,
    };
  });
  expect(result).toMatchObject({ codes: ["no error"], inOrder: true, times: true, shown: true, problems: [] });
  await two.evaluate(async () => {
    const { live } = globalThis as unknown as { live: { value: unknown[] } };
    await until(() => live.value.length === 42);
  });
});

test("a private window keeps what is written as long as it is open, and says that it is not persisted", async ({
  browser,
}) => {
  // A context of Playwright's is a private window.
  const context = await browser.newContext();
  const page = await tab(context);
  await open(page);
  await page.evaluate(() => db.insert("tasks", { title: "private", n: 1 }));
  await page.close();
  const again = await tab(context);
  await open(again);
  const seen = await again.evaluate(async () => {
    const count = await db.query("tasks").count();
    const { state, persisted } = await db.durability.refresh();
    return { count, state, persisted };
  });
  expect(seen).toEqual({ count: 1, state: "saved", persisted: false });
  await context.close();
  const next = await browser.newContext();
  const late = await tab(next);
  await open(late);
  expect(await late.evaluate(() => db.query("tasks").count())).toBe(0);
  await next.close();
});
