// Rows that several devices move, edit and take back at the same time: wherever they end, nothing that was written is lost.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { counter, linkInMemory, type MemoryLink, root, text, within } from "../../ts/sync/index.js";
import { until } from "../fixtures/sync.js";

const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({
    projectId: v.id("projects"),
    title: v.string(),
    status: v.optional(v.string()),
    tags: v.optional(v.array(v.string())),
    n: v.number(),
    notes: v.string(),
  }),
});
const sync = { projects: root(), tasks: within("projectId", { n: counter(), notes: text() }) };

let count = 0;

/** Devices in a row, each linked with the next, that have the same task in the first of four projects. */
async function devices(t: TestContext, many: number) {
  const all = await Promise.all(
    Array.from({ length: many }, async () => {
      const db = await openDatabase({ name: `moves ${(count += 1)}`, schema, sync });
      t.after(() => db.close());
      return db;
    }),
  );
  const links = all.slice(1).map((db, at) => linkInMemory(all[at]!, db));
  const projects = await all[0]!.insertMany(
    "projects",
    ["P", "Q", "R", "S"].map((name) => ({ name })),
  );
  const task = await all[0]!.insert("tasks", { projectId: projects[0]!, title: "one", n: 0, notes: "n" });
  await met(links);
  for (const db of all) await until("it is there", async () => (await db.get(task)) !== null);
  return {
    all,
    links,
    projects,
    task,
    meet: () => meet(links),
    part: () => links.forEach((link) => link.disconnect()),
  };
}

const met = (links: MemoryLink[]) =>
  until("all have the same", async () => {
    for (let quiet = 0; quiet < 5; quiet += 1) {
      if (!links.every((link) => link.isSynced)) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return true;
  });

async function meet(links: MemoryLink[]) {
  for (const link of links) link.connect();
  await met(links);
}

type Devices = Awaited<ReturnType<typeof devices>>;

/** The task as all have it. */
async function shown({ all, task }: Devices) {
  const rows = await Promise.all(all.map((db) => db.get(task)));
  for (const row of rows) assert.deepEqual(row, rows[0]);
  assert.notEqual(rows[0], null, "it is somewhere");
  for (const db of all) {
    assert.equal((await db.query("tasks").collect()).length, 1);
    assert.deepEqual((await db.verify()).problems, []);
  }
  return rows[0]!;
}

test("moves in a circle that did not know of each other leave a row where it can be seen", async (t) => {
  const ways: [number[], number[], number[]?][] = [
    [[1, 0], [1]],
    [
      [1, 2],
      [2, 1],
    ],
    [[1, 0], [2], [1]],
    [
      [1, 2, 0],
      [2, 0, 1],
    ],
  ];
  for (const way of ways) {
    const world = await devices(t, way.length);
    const { all, projects, task } = world;
    world.part();
    for (const [at, db] of all.entries()) {
      for (const place of way[at]!) await db.patch(task, { projectId: projects[place]! });
      await db.mutate((ctx) => ctx.db.increment(task, "n", 10 ** at));
    }
    await world.meet();
    const { n, projectId } = await shown(world);
    assert.equal(n, [1, 11, 111][all.length - 1], JSON.stringify(way));
    // It can be moved on, and edited, as any other.
    await all.at(-1)!.patch(task, { projectId: projects[3]!, title: "moved on" });
    await world.meet();
    const after = await shown(world);
    assert.deepEqual(
      [after.title, after.projectId === projects[3], projectId === projects[3]],
      ["moved on", true, false],
    );
    for (const db of all) assert.deepEqual(await db.problems().current(), []);
  }
});

test("two who move a row to the same project keep what each has written before and after", async (t) => {
  for (let round = 0; round < 6; round += 1) {
    const world = await devices(t, 2);
    const { all, projects, task } = world;
    const [a, b] = [all[0]!, all[1]!];
    world.part();
    await a.mutate((ctx) => ctx.db.increment(task, "n", 2));
    await a.mutate((ctx) => ctx.db.splice(task, "notes", 0, 0, "A"));
    await a.patch(task, { tags: ["a"] });
    await b.mutate((ctx) => ctx.db.increment(task, "n", 3));
    await a.patch(task, { projectId: projects[1]! });
    await b.patch(task, { projectId: projects[1]!, status: "b" });
    await a.mutate((ctx) => ctx.db.increment(task, "n", 10));
    await b.mutate((ctx) => ctx.db.increment(task, "n", 20));
    await b.mutate((ctx) => ctx.db.splice(task, "notes", 1, 0, "B"));
    await world.meet();
    const row = await shown(world);
    assert.deepEqual([row.n, row.notes, row.tags, row.status], [35, "AnB", ["a"], "b"]);
    for (const db of all) assert.deepEqual(await db.conflicts(task), []);
  }
});

test("a row that was moved to two projects has what was written in both, and choosing one ends it", async (t) => {
  for (const choice of ["shown", "other", "delete"] as const) {
    const world = await devices(t, 2);
    const { all, projects, task } = world;
    const [a, b] = [all[0]!, all[1]!];
    world.part();
    await a.patch(task, { projectId: projects[1]!, tags: ["a"] });
    await b.patch(task, { projectId: projects[2]!, status: "b" });
    await b.mutate((ctx) => ctx.db.increment(task, "n", 3));
    await b.mutate((ctx) => ctx.db.splice(task, "notes", 1, 0, " from b"));
    await a.mutate((ctx) => ctx.db.increment(task, "n", 4));
    await world.meet();
    const before = await shown(world);
    assert.deepEqual([before.n, before.notes, before.tags, before.status], [7, "n from b", ["a"], "b"]);
    const other = before.projectId === projects[1] ? projects[2]! : projects[1]!;
    for (const db of all) {
      const conflict = (await db.conflicts(task)).find(({ path }) => path[0] === "projectId");
      assert.deepEqual(conflict?.others, [other]);
      assert.deepEqual(
        (await db.problems().current()).map(({ kind }) => kind),
        ["duplicate"],
      );
    }
    if (choice === "delete") await a.delete(task);
    else await a.patch(task, { projectId: choice === "shown" ? before.projectId : other });
    await world.meet();
    for (const db of all) {
      assert.deepEqual(await db.problems().current(), [], choice);
      assert.deepEqual(await db.conflicts(task), []);
    }
    if (choice === "delete") {
      for (const db of all) assert.equal(await db.get(task), null);
      await b.restore(task);
      await world.meet();
    }
    const after = await shown(world);
    assert.equal(after.projectId, choice === "other" ? other : before.projectId);
    assert.deepEqual([after.n, after.notes, after.tags, after.status], [7, "n from b", ["a"], "b"]);
  }
});

test("of a row that was moved to two projects, what a copy has from the move is nobody's conflict", async (t) => {
  type Db = Devices["all"][number];
  const edits: [(db: Db, task: Devices["task"]) => Promise<unknown>, string, unknown][] = [
    [(db, task) => db.patch(task, { title: "two" }), "title", "two"],
    [(db, task) => db.patch(task, { tags: ["a"] }), "tags", ["a"]],
    [(db, task) => db.mutate((ctx) => ctx.db.increment(task, "n", 3)), "n", 3],
    [(db, task) => db.mutate((ctx) => ctx.db.splice(task, "notes", 1, 0, "!")), "notes", "n!"],
  ];
  // Which of the two copies counts is a matter of chance.
  for (const who of [0, 1]) {
    for (const [isBefore, hasBeenThere] of [
      [true, false],
      [false, false],
      [false, true],
    ]) {
      const world = await devices(t, 2);
      const { all, projects, task } = world;
      if (hasBeenThere) {
        for (const [at, title] of [
          [1, "there"],
          [0, "back"],
        ] as const) {
          await all[0]!.patch(task, { projectId: projects[at]! });
          await all[0]!.patch(task, { title });
        }
        await world.meet();
      }
      world.part();
      if (isBefore) for (const [edit] of edits) await edit(all[who]!, task);
      await all[0]!.patch(task, { projectId: projects[1]! });
      await all[1]!.patch(task, { projectId: projects[2]! });
      if (!isBefore) for (const [edit] of edits) await edit(all[who]!, task);
      await world.meet();
      const row = await shown(world);
      for (const [, field, value] of edits) assert.deepEqual((row as Record<string, unknown>)[field], value, field);
      const others = [row.projectId === projects[1] ? projects[2]! : projects[1]!];
      const conflicts = () => Promise.all(all.map((db) => db.conflicts(task)));
      for (const told of await conflicts()) assert.deepEqual(told, [{ path: ["projectId"], others }]);
      // What was made again where it counts was seen there, and somebody has decided.
      await all[1 - who]!.patch(task, { title: "three", tags: [], n: 0, notes: "" });
      await world.meet();
      for (const told of await conflicts()) assert.deepEqual(told, [{ path: ["projectId"], others }]);
    }
  }
});

test("of two who move a row to two projects and write the same field there, the other value is told once", async (t) => {
  const world = await devices(t, 2);
  const { all, projects, task } = world;
  world.part();
  for (const [at, db] of all.entries()) {
    await db.patch(task, { projectId: projects[at + 1]! });
    await db.patch(task, { title: `from ${at}` });
    await db.mutate((ctx) => ctx.db.increment(task, "n", at + 1));
  }
  await world.meet();
  const { title, n, projectId } = await shown(world);
  assert.equal(n, 3);
  for (const db of all) {
    assert.deepEqual(await db.conflicts(task), [
      { path: ["title"], others: [title === "from 0" ? "from 1" : "from 0"] },
      { path: ["projectId"], others: [projectId === projects[1] ? projects[2]! : projects[1]!] },
    ]);
  }
});

test("what was written on the way to a copy that does not count is told of, if it is not where the row counts", async (t) => {
  const world = await devices(t, 2);
  const { all, projects, task } = world;
  world.part();
  const move = (db: Devices["all"][number], to: number) => db.patch(task, { projectId: projects[to]! });
  await move(all[0]!, 1);
  await all[0]!.mutate((ctx) => ctx.db.increment(task, "n", 3));
  for (const to of [2, 1]) await move(all[0]!, to);
  for (const to of [2, 0]) await move(all[1]!, to);
  await world.meet();
  const { n, title } = await shown(world);
  assert.equal(title, "one");
  for (const db of all) {
    const told = (await db.conflicts(task)).filter(({ path }) => path[0] !== "projectId");
    assert.deepEqual(told, n === 3 ? [] : [{ path: ["n"], others: [3] }]);
  }
});

test("a row that goes back brings along what was written where it was", async (t) => {
  const world = await devices(t, 2);
  const { all, projects, task } = world;
  const [a, b] = [all[0]!, all[1]!];
  await a.patch(task, { projectId: projects[1]! });
  await world.meet();
  world.part();
  await a.patch(task, { projectId: projects[0]! });
  await b.patch(task, { title: "late" });
  await b.mutate((ctx) => ctx.db.increment(task, "n", 5));
  await world.meet();
  const row = await shown(world);
  assert.deepEqual([row.title, row.n, row.projectId], ["late", 5, projects[0]]);
});

/** Does what a script says, one thing after another: which device, what, and with what. */
async function play(world: Devices, script: string) {
  const { all, projects, task } = world;
  const undo = all.map((db) => db.undoManager());
  for (const manager of undo) await manager.ready;
  for (const line of script.split("; ")) {
    const [who = "", what = "", value = ""] = line.split(" ");
    const db = all[Number(who)]!;
    if (who === "meet") await world.meet();
    else if (who === "part") world.part();
    else if (what === "to") await db.patch(task, { projectId: projects["PQRS".indexOf(value)]! });
    else if (what === "add") await db.mutate((ctx) => ctx.db.increment(task, "n", Number(value)));
    else if (what === "note") await db.mutate((ctx) => ctx.db.splice(task, "notes", 1, 0, value));
    else if (what === "tag") await db.patch(task, { tags: [...((await db.get(task))!.tags ?? []), value] });
    else if (what === "title") await db.patch(task, { title: value });
    else if (what === "status") await db.patch(task, { status: value });
    else if (what === "delete") await db.delete(task);
    else if (what === "undo") await undo[Number(who)]!.undo();
    else assert.fail(line);
  }
}

/** What two devices do that have not met, and fields of the task after that. Ids decide much of it: it is played several times. */
const scripts: [script: string, fields: object][] = [
  // Two ways to the same place, one of them by another.
  ["0 add 9; 0 to Q; 1 to S; 1 to Q", { n: 9 }],
  ["0 title a; 0 add 9; 0 to Q; 1 to R; 1 to Q; 1 status b", { n: 9, title: "a", status: "b" }],
  ["1 add 3; 1 to Q; 1 to R; 0 to R", { n: 3 }],
  ["0 to Q; 0 to P; 1 to R; 1 add 4; 1 to P", { n: 4 }],
  // One that goes away and comes back, and again.
  ["0 to Q; meet; part; 0 title a; 0 add 5; 1 to P; 1 to S; 1 to P", { n: 5, title: "a" }],
  // What has come by one way is not to come by another one as well.
  ["0 to R; meet; part; 0 to P; 1 add 64; 1 to P; 1 to Q", { n: 64 }],
  ["0 add 3; 0 to Q; 1 to S; 1 undo; 1 to Q", { n: 3 }],
  ["0 to R; 1 to R; 1 add 2; 1 to P", { n: 2 }],
  ["0 add 4; 0 note a; 0 to Q; 1 to S; meet; 0 to Q; meet; part; 0 to R; 1 to S", { n: 4, notes: "na" }],
  ["0 to Q; 0 tag a; meet; part; 1 to P; 0 to R; 0 tag b", { tags: ["a", "b"] }],
  // The last value that a device has written is the last one.
  ["0 to R; 1 title a; 1 to R; 1 title b", { title: "b" }],
  // Who deletes it does not know that it has gone elsewhere.
  ["0 to Q; 0 delete; 1 to R; 1 add 3", { n: 3 }],
];
for (const [script, fields] of scripts) {
  test(`wherever it goes, a task has all that is written to it, once: ${script}`, async (t) => {
    for (let round = 0; round < 6; round += 1) {
      const world = await devices(t, 2);
      world.part();
      await play(world, script);
      await world.meet();
      const row = await shown(world);
      assert.deepEqual({ ...row, ...fields }, row);
      for (const db of world.all) {
        const told = (await db.conflicts(world.task)).map(({ path }) => path[0]);
        assert.ok(!told.includes("title"), "nobody has written it at the same time");
        // Nothing is listed as another copy of a row that is not there.
        for (const { kind } of await db.problems().current()) assert.equal(kind, "duplicate");
        await db.close();
      }
    }
  });
}

/** Random numbers that are the same for a seed. */
function randomOf(seed: number) {
  let state = seed * 2654435761 + 1;
  return (below: number) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

test("what is added counts once, wherever a row is moved", async (t) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = randomOf(seed);
    const world = await devices(t, 2 + (seed % 2));
    const { all, projects, task } = world;
    let sum = 0;
    for (let round = 0; round < 3; round += 1) {
      world.part();
      for (const db of all) {
        for (let step = random(5); step > 0; step -= 1) {
          if (random(3) > 0) {
            const by = 1 + random(9);
            sum += by;
            await db.mutate((ctx) => ctx.db.increment(task, "n", by));
          } else {
            await db.patch(task, { projectId: projects[random(4)]!, title: `${seed} ${round}` });
          }
        }
      }
      await world.meet();
      const row = await shown(world);
      assert.equal(row.n, sum, `seed ${seed}, round ${round}`);
    }
  }
});
