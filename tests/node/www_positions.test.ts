// The demo's lists are opened at any place: what is there is what a list of everything has there.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openDatabase } from "holdfast";
import type { Row } from "../../www/fields.js";
import { type AnyReader, type Choice, type Condition, plan as planOf } from "../../www/plan.js";
import { rowsAt } from "../../www/positions.js";
import { schema } from "../../www/schema.js";
import { freshName } from "../fixtures/database.js";

const day = 86_400_000;

/** Days that many share, one by itself, none, and fractions. */
const dueDate = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 6 }).map((n) => n * day) },
  { weight: 1, arbitrary: fc.double({ min: -1e9, max: 1e15, noNaN: true }) },
  { weight: 2, arbitrary: fc.constant(undefined) },
);
const status = fc.constantFrom("todo" as const, "done" as const);
const bound = fc.option(
  fc.integer({ min: -1, max: 7 }).map((n) => n * day),
  { nil: undefined },
);
const choice = fc.record({
  by: fc.constantFrom(undefined, "dueDate"),
  order: fc.constantFrom("asc" as const, "desc" as const),
  status: fc.option(status, { nil: undefined }),
  isOfProject: fc.boolean(),
  from: bound,
  below: bound,
});

test("rows at a place are those that a list of everything has there", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(dueDate, status), { minLength: 1, maxLength: 700, size: "max" }),
      choice,
      fc.array(fc.nat(720), { minLength: 6, maxLength: 6 }),
      fc.integer({ min: 1, max: 60 }),
      async (tasks, { by, order, status, isOfProject, from, below }, places, count) => {
        const db = await openDatabase({ name: freshName(), schema, storage: "memory" });
        const [projectId, other] = [db.newId("projects"), db.newId("projects")];
        const documents = tasks.map(([dueDate, status], i) => ({
          projectId: i % 3 === 0 ? other : projectId,
          title: `Task ${i}`,
          status,
          priority: "low" as const,
          createdAt: 0,
          updatedAt: 0,
          ...(dueDate !== undefined && { dueDate }),
        }));
        // In parts, so that the times of creation are not all beside each other.
        for (let i = 0; i < documents.length; i += 97) await db.insertMany("tasks", documents.slice(i, i + 97));
        const conditions = new Map<string, Condition>();
        if (by === "dueDate" && (from ?? below) !== undefined) conditions.set("dueDate", { from, below });
        else if (by === undefined && status !== undefined) conditions.set("status", { eq: status });
        if (isOfProject) conditions.set("projectId", { eq: projectId });
        const asked: Choice = { conditions, by, order };
        const plan = planOf("tasks", asked);
        assert.equal(plan.isFiltered, false);
        const reader = db as unknown as AnyReader;
        const all = await plan.query(reader).take(10_000);
        for (const place of [...places, all.length - 1, all.length].filter((place) => place >= 0)) {
          const rows = await rowsAt(reader, plan, place, count);
          const titles = (some: readonly Row[]) => some.map((row) => row["title"]);
          assert.deepEqual(titles(rows), titles(all.slice(place, place + count)), `place ${place} of ${all.length}`);
        }
        await db.close();
      },
    ),
    { numRuns: 100 },
  );
});
