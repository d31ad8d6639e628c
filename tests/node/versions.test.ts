// Two versions of an app with one database: the older one is never told that its calls are wrong when they are not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { codeOf, freshName } from "../fixtures/database.js";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const anything = defineSchema({ things: defineTable({ x: v.any() }) });
/** Gives a number to a name that the other has as text. */
const named = defineSchema({ things: defineTable({ x: v.any(), inner: v.optional(v.string()) }) });

test("a name inside of anything may get a number while a function runs", async (t) => {
  const name = freshName();
  const db = await openDatabase({ name, schema: anything });
  t.after(() => db.close());
  let runs = 0;
  const id = await db.mutate(async (ctx) => {
    runs += 1;
    await ctx.db.query("things").collect();
    if (runs === 1) {
      const newer = await openDatabase({ name, schema: named });
      t.after(() => newer.close());
      await pause(5);
    }
    return ctx.db.insert("things", { x: { inner: 1 } });
  });
  assert.deepEqual((await db.get(id))?.x, { inner: 1 });
});

test("a name inside of anything may get a number while a write waits", async () => {
  for (let delay = 0; delay < 60; delay += 1) {
    const name = freshName();
    const db = await openDatabase({ name, schema: anything });
    const first = await db.insert("things", { x: 1 });
    await pause(1);
    const opening = openDatabase({ name, schema: named });
    for (let turn = 0; turn < delay; turn += 1) await Promise.resolve();
    const writing = db.insert("things", { x: { inner: 1 } });
    const patching = db.patch(first, { x: [{ inner: 2 }] });
    const replaced = await writing;
    await patching;
    assert.deepEqual((await db.get(replaced))?.x, { inner: 1 });
    assert.deepEqual((await db.get(first))?.x, [{ inner: 2 }]);
    const newer = await opening;
    assert.ok((await newer.verify()).ok);
    await Promise.all([db.close(), newer.close()]);
  }
});

const by = (field: "x" | "y") =>
  defineSchema({ things: defineTable({ x: v.number(), y: v.optional(v.number()) }).index("by", [field]) });

test("an index that has other fields now does not answer for the one that it was", async (t) => {
  const name = freshName();
  const old = await openDatabase({ name, schema: by("x") });
  t.after(() => old.close());
  await old.insertMany(
    "things",
    Array.from({ length: 10 }, (_, n) => ({ x: n, y: 9 - n })),
  );
  const largest = () => old.query("things").withIndex("by").order("desc").first();
  assert.equal((await largest())?.x, 9);
  const newer = await openDatabase({ name, schema: by("y") });
  t.after(() => newer.close());
  await pause(20);
  await assert.rejects(largest(), { code: "SchemaChanged", message: /other fields\. Reload the page\.$/ });
  const equal = old.query("things").withIndex("by", (q) => q.eq("x", 3));
  assert.equal(await codeOf(equal.collect()), "SchemaChanged");
  assert.equal((await old.query("things").collect()).length, 10);
});

test("a document that only the newer version knows how to write can't be changed by the older one", async (t) => {
  const name = freshName();
  const old = await openDatabase({ name, schema: defineSchema({ things: defineTable({ title: v.string() }) }) });
  t.after(() => old.close());
  const schema = defineSchema({ things: defineTable({ title: v.string(), due: v.optional(v.number()) }) });
  const newer = await openDatabase({ name, schema });
  t.after(() => newer.close());
  const id = await newer.insert("things", { title: "a", due: 1 });
  await pause(20);
  assert.equal(await codeOf(old.patch(id as never, { title: "b" })), "SchemaChanged");
  const own = await old.insert("things", { title: "c" });
  assert.equal(await codeOf(old.patch(own, { title: 5 as never })), "SchemaEnforcementError");
  await old.patch(own, { title: "d" });
});

test("who opened first hears of another version, which may be the older one", async (t) => {
  const name = freshName();
  const texts = defineTable({ title: v.string() });
  const first = await openDatabase({
    name,
    schema: defineSchema({ things: defineTable({ title: v.union(v.string(), v.number()) }), others: texts }),
  });
  t.after(() => first.close());
  const id = await first.insert("things", { title: "a" });
  const second = await openDatabase({ name, schema: defineSchema({ things: texts }) });
  t.after(() => second.close());
  await pause(20);
  const refused = (message: RegExp) => ({ code: "SchemaChanged", message });
  const other = "^Another tab runs another version of this app";
  await assert.rejects(first.insert("things", { title: 5 }), refused(new RegExp(`${other}.* rejects this document`)));
  await assert.rejects(first.patch(id, { title: 5 }), refused(new RegExp(other)));
  await assert.rejects(first.insert("others", { title: "b" }), refused(new RegExp(`${other}.* no table "others"`)));
});
