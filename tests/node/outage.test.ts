// The engine fails: what that means for databases in memory. Those on a disk are tested in a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, freshName, open } from "../fixtures/database.js";

test("a database in memory is gone with the engine, says so, and can be opened anew", async (t) => {
  const name = freshName();
  const problems: string[] = [];
  const db = await open(t, { name, onProblem: ({ code }) => problems.push(code) });
  await db.insert("users", { betterAuthId: "a", email: "a", createdAt: 1 });
  const live = db.live(db.query("users"));
  const original = performance.now.bind(performance);
  performance.now = () => {
    if (!/wasm/.test(new Error().stack ?? "")) return original();
    performance.now = original;
    throw new Error("The clock is broken.");
  };
  const error = await db.insert("users", { betterAuthId: "b", email: "b", createdAt: 1 }).then(
    () => undefined,
    (error: { code: string; message: string }) => error,
  );
  assert.equal(error?.code, "EngineFault");
  assert.match(error?.message ?? "", /clock is broken.*in memory only, and is gone/);
  assert.equal(await codeOf(db.query("users").collect()), "EngineFault");
  assert.deepEqual([live.status, db.durability.state], ["error", "closed"]);
  assert.deepEqual(problems, ["EngineFault"]);
  await db.close();
  const next = await open(t, { name });
  assert.deepEqual(await next.query("users").collect(), []);
  await next.insert("users", { betterAuthId: "c", email: "c", createdAt: 1 });
  assert.equal(await next.query("users").count(), 1);
  await next.close();
});
