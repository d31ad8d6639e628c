// Changes as they are stored, deflated as stock automerge does it.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as Automerge from "@automerge/automerge";
import { compressed } from "../../ts/sync/compress.js";

const KIND = 8;

/** Changes of which some are long, none of them deflated. */
function changes() {
  const actor = "aa".repeat(16);
  let startOp = 1;
  const made: Uint8Array[] = [];
  for (const [seq, count] of [3, 400, 1].entries()) {
    const ops = Array.from({ length: count }, (_, at) => ({
      action: "set" as const,
      obj: "_root",
      key: `key ${seq} ${at}`,
      value: "again and again",
      pred: [],
    }));
    const deps = made.slice(-1).map((bytes) => Automerge.decodeChange(bytes).hash);
    const change = { actor, seq: seq + 1, startOp, time: 0, message: null, deps, ops };
    made.push(Automerge.encodeChange(change as unknown as Parameters<typeof Automerge.encodeChange>[0]));
    startOp += count;
  }
  return made;
}

const joined = (parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

test("long changes take less space, and stock automerge reads them", async () => {
  const made = changes();
  assert.deepEqual(
    made.map((bytes) => bytes[KIND]),
    [1, 1, 1],
    "automerge has not deflated them",
  );
  const whole = joined(made);
  const smaller = await compressed(whole);
  assert.ok(smaller !== undefined && smaller.length < whole.length / 4);
  assert.deepEqual(smaller.subarray(0, made[0]!.length), made[0], "a short one is as it was");
  assert.equal(smaller[made[0]!.length + KIND], 2);
  const load = (bytes: Uint8Array) => Automerge.loadIncremental(Automerge.init<Record<string, unknown>>(), bytes);
  const [one, two] = [load(whole), load(smaller)];
  assert.deepEqual(Automerge.toJS(two), Automerge.toJS(one));
  assert.deepEqual(Automerge.getHeads(two), Automerge.getHeads(one));
  assert.equal(Object.keys(Automerge.toJS(two)).length, 404);
});

test("what gets no smaller, and what are no changes, stays as it is", async () => {
  const [short] = changes();
  assert.equal(await compressed(short!), undefined);
  assert.equal(await compressed(new Uint8Array()), undefined);
  assert.equal(await compressed((await compressed(joined(changes())))!), undefined, "a second time");
  const cut = joined(changes()).slice(0, -1);
  assert.equal(await compressed(cut), undefined);
  assert.equal(await compressed(Uint8Array.from({ length: 9000 }, () => 7)), undefined);
});
