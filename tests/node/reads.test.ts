// Reads that wait for pages, with an engine that is played.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bridge } from "../../ts/bridge.js";
import type { Input } from "../../ts/input.js";
import { Status } from "../../ts/mailbox.js";
import { Executor, type Reader } from "../../ts/reads.js";
import type { SerializedQuery } from "../../ts/serialized_query.js";

const query: SerializedQuery = { source: { type: "FullTableScan", tableName: "t", order: "asc" }, operators: [] };

/** A bridge whose engine lacks pages for whatever is asked, and a transaction that ends while one waits for them. */
function ending() {
  const dropped: number[] = [];
  let isOver = false;
  const bridge = {
    isClosed: false,
    engine: { query: () => Status.Missing, dropRun: (run: number) => dropped.push(run) },
    input: { writeQuery: () => 0 } satisfies Partial<Input>,
    takeFresh: () => undefined,
    run: () => 7,
    read: () => 1,
    ready: () => {
      isOver = true;
      return Promise.resolve();
    },
    // A member that has moved out of the bridge is an error here.
  } satisfies { [Member in keyof Bridge]?: unknown };
  const reader: Reader = {
    transaction: 1,
    check() {
      if (isOver) throw new Error("over");
    },
    lost: () => undefined,
    turn: () => undefined,
  };
  return { dropped, executor: new Executor(bridge as unknown as Bridge, reader) };
}

test("a query that waits for pages while its transaction ends is given up", async () => {
  const { dropped, executor } = ending();
  await assert.rejects(executor.collect(query), /over/);
  assert.deepEqual(dropped, [7]);
});

test("so is one that gives its documents one by one", async () => {
  const { dropped, executor } = ending();
  const rows = executor.iterate(query);
  await assert.rejects(rows.next(), /over/);
  assert.deepEqual(dropped, [7]);
  assert.deepEqual(await rows.next(), { done: true, value: undefined });
});
