// Queries that are not read to their end: what they hold goes with the mutation or read that began them.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { codeOf, freshName } from "../fixtures/database.js";

const ROWS = 1_000;
const schema = defineSchema({ things: defineTable({ text: v.string() }) });

/** A database with a mebibyte of documents, which need many steps to be read. */
async function filled(context: TestContext) {
  const db = await openDatabase({ name: freshName(), schema, storage: "memory" });
  context.after(() => db.close());
  const ids = await db.insertMany(
    "things",
    Array.from({ length: ROWS }, (_, n) => ({ text: `${n} ${"x".repeat(1024)}` })),
  );
  return { db, ids };
}

type Filled = Awaited<ReturnType<typeof filled>>;

const ways: [string, (given: Filled) => Promise<unknown>][] = [
  ["a mutation", ({ db }) => db.mutate(async (ctx) => void (await firstOf(ctx.db.query("things"))))],
  [
    "a mutation that fails",
    ({ db }) =>
      codeOf(
        db.mutate(async (ctx) => {
          await firstOf(ctx.db.query("things"));
          throw new Error("no");
        }),
      ),
  ],
  [
    "a mutation that runs out of time",
    ({ db }) =>
      codeOf(
        db.mutate(
          async (ctx) => {
            for await (const _ of ctx.db.query("things")) await new Promise(() => undefined);
          },
          { timeoutMs: 5 },
        ),
      ),
  ],
  ["a read", ({ db }) => db.read(async (ctx) => void (await firstOf(ctx.db.query("things"))))],
];

async function firstOf<T>(query: AsyncIterable<T>): Promise<T | undefined> {
  const { value } = await query[Symbol.asyncIterator]().next();
  return value as T | undefined;
}

test("a query that is not read to its end does not stay in memory for ever", async (t) => {
  // One database for all: what a closed one gives back would hide what the next one takes.
  const given = await filled(t);
  const rounds = async (leave: (given: Filled) => Promise<unknown>) => {
    const before = given.db.stats().wasmMemoryBytes;
    for (let round = 0; round < 50; round += 1) await Promise.all(Array.from({ length: 10 }, () => leave(given)));
    return given.db.stats().wasmMemoryBytes - before;
  };
  await rounds(ways[0]![1]);
  // Each holds some 20 KiB, though all hold the same state: if they stayed, it would be 10 MiB. The heap of a busy machine
  // has grown by 3 without that.
  for (const [what, leave] of ways) {
    const grown = await rounds(leave);
    assert.ok(grown < 6 << 20, `${what}: memory has grown by ${grown} bytes`);
  }
});

test("what is left of an ended query ends no other", async (t) => {
  const { db } = await filled(t);
  type Rows = AsyncIterator<{ text: string }, undefined>;
  const left: Rows[] = [];
  await db.mutate(async (ctx) => {
    for (let count = 0; count < 3; count += 1) {
      const rows: Rows = ctx.db.query("things")[Symbol.asyncIterator]();
      await rows.next();
      left.push(rows);
    }
  });
  await db.read(async (ctx) => {
    const rows: Rows = ctx.db.query("things")[Symbol.asyncIterator]();
    let count = 0;
    while (!(await rows.next()).done) {
      count += 1;
      // One says that it is not wanted any more, one is asked for more than it has at hand.
      if (count === 1) await left[0]!.return?.();
      if (count === 2) assert.equal(await codeOf(drain(left[1]!)), "TransactionClosed");
      if (count === ROWS / 2) await left[2]!.return?.();
    }
    assert.equal(count, ROWS);
  });
});

async function drain(rows: AsyncIterator<unknown>): Promise<void> {
  while (!(await rows.next()).done);
}

test("a mutation that runs again begins its queries again", async (t) => {
  const { db, ids } = await filled(t);
  let runs = 0;
  let earlier: AsyncIterator<unknown> | undefined;
  const counted = await db.mutate(async (ctx) => {
    runs += 1;
    const rows = ctx.db.query("things")[Symbol.asyncIterator]();
    await rows.next();
    if (runs === 1) {
      earlier = rows;
      await db.patch(ids[0]!, { text: "changed" });
      await ctx.db.patch(ids[1]!, { text: "lost" });
      return 0;
    }
    assert.equal(await codeOf(drain(earlier!)), "TransactionClosed");
    let count = 1;
    while (!(await rows.next()).done) count += 1;
    return count;
  });
  assert.deepEqual([runs, counted], [2, ROWS]);
});
