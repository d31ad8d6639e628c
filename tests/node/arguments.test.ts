// Arguments from plain JavaScript: misspelt, of the wrong kind, or proxies that throw. Each has an error that names it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineSchema, defineTable, HoldfastError, openDatabase, v } from "../../ts/index.js";
import { freshName, open, seed, sleep } from "../fixtures/database.js";

type Query = Record<string, (...values: unknown[]) => Query> & { collect(): Promise<unknown> };
type Untyped = Record<string, (...values: unknown[]) => Promise<unknown>> & { query(table: string): Query };

const schema = defineSchema({ things: defineTable({ text: v.string() }) });

function thrower(): never {
  throw new Error("a trap");
}

/** Objects that can't be looked at: one is revoked, one throws. */
function hostile(target: object = {}): object[] {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return [proxy, new Proxy(target, { get: thrower, ownKeys: thrower, getPrototypeOf: thrower, has: thrower })];
}

async function refuses(use: () => unknown, code: string, message: RegExp): Promise<void> {
  const error = await (async () => use())().then(
    () => assert.fail(`no error: ${String(use)}`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof HoldfastError, `${String(use)}: ${String(error)}`);
  assert.equal(error.code, code, `${String(use)}: ${error.message}`);
  assert.match(error.message, message, String(use));
}

test("options that nobody knows are misspelt", async (t) => {
  const name = freshName();
  const opened = (options: object) => openDatabase({ name, schema, ...options });
  await refuses(() => opened({ durabilty: "strict" }), "InvalidArgument", /`durabilty`.*`durability`/);
  await refuses(
    () => opened({ budgets: { pageCache: 5 } }),
    "InvalidArgument",
    /`budgets\.pageCache`.*`pageCacheBytes`/,
  );
  await refuses(() => opened({ tuning: { idle: 5 } }), "InvalidArgument", /`tuning\.idle`.*`idleMs`/);
  const db = await open(t);
  const any = db as unknown as Untyped;
  await refuses(() => any["mutate"]!(() => 1, { timeout: 5 }), "InvalidArgument", /`timeout`.*`mutate`.*`timeoutMs`/);
  await refuses(
    () => any["verify"]!({ onprogress: () => 1 }),
    "InvalidArgument",
    /`onprogress`.*`verify`.*`onProgress`/,
  );
  await refuses(() => any["repair"]!({ accept: "lose-unreadable", all: true }), "InvalidArgument", /`all`.*`repair`/);
  // What is undefined is not there.
  assert.equal(await any["mutate"]!(() => 1, { timeout: undefined, timeoutMs: 1_000 }), 1);
});

test("options of the wrong kind, and those that can't be read", async (t) => {
  const name = freshName();
  const opened = (options: object) => openDatabase({ name, schema, ...options });
  const db = await open(t);
  const any = db as unknown as Untyped;
  for (const options of [null, 5, "text", [], () => 1, ...hostile()]) {
    await refuses(() => openDatabase(options as never), "InvalidArgument", /openDatabase/);
    await refuses(() => any["mutate"]!(() => 1, options), "InvalidArgument", /mutate/);
    await refuses(() => any["verify"]!(options), "InvalidArgument", /verify/);
    await refuses(() => any["repair"]!(options), "InvalidArgument", /repair/);
    await refuses(() => opened({ budgets: options }), "InvalidArgument", /budgets/);
    await refuses(() => opened({ tuning: options }), "InvalidArgument", /tuning/);
    await refuses(() => opened({ tableNumbers: options }), "InvalidSchema", /tableNumbers/);
    await refuses(() => opened({ schema: options }), "InvalidSchema", /schema/);
  }
  for (const each of hostile()) await refuses(() => opened({ wasmUrl: each }), "InvalidArgument", /wasmUrl/);
  for (const name of [Symbol("name"), 5, null, {}]) {
    await refuses(() => any["mutate"]!(() => sleep(5), { name, timeoutMs: 1 }), "InvalidArgument", /`name`/);
  }
  await refuses(() => any["verify"]!({ onProgress: 5 }), "InvalidArgument", /`onProgress`/);
  // A function's own name may be anything, and it is no argument.
  const odd = Object.defineProperty(() => sleep(50), "name", { value: Symbol("odd") });
  await refuses(() => any["mutate"]!(odd, { timeoutMs: 1 }), "MutationTimeout", /"anonymous"/);
  const numbers = [{ é: 10_003 }, { nothing: 10_003 }, { things: "5" }, { things: 0 }, { "": 5 }, { "_a b": 5 }];
  for (const tableNumbers of numbers) await refuses(() => opened({ tableNumbers }), "InvalidSchema", /./);
  const fields: object[] = [{ é: v.string() }, { "😀": v.string(), "\uffff": v.string() }, { "\ud800": v.string() }];
  for (const each of fields) {
    const make = () => defineSchema({ things: defineTable({ a: v.array(v.object(each as never)) }) });
    await refuses(make, "InvalidSchema", /things/);
    // As Convex's package would give it.
    const type = { type: "object", value: Object.fromEntries(Object.keys(each).map((key) => [key, {}])) };
    const exported = JSON.stringify({ tables: [{ tableName: "things", documentType: type }] });
    await refuses(() => opened({ schema: { tables: {}, export: () => exported } }), "InvalidSchema", /things/);
  }
  const table = defineSchema({ é: defineTable({}) });
  await refuses(() => opened({ schema: table, tableNumbers: { é: 5 } }), "InvalidSchema", /é/);
});

test("what is missing is called undefined, and a method by its whole name", async (t) => {
  const db = await open(t);
  const any = db as unknown as Untyped & { pending: Untyped };
  await refuses(() => any["import"]!(), "InvalidArgument", /Received undefined\.$/);
  await refuses(() => any.pending["has"]!(5), "InvalidArgument", /`db\.pending\.has`.*'number': 5/);
});

test("documents, ranges and filters that can't be looked at", async (t) => {
  const db = await open(t);
  await seed(db);
  const any = db as unknown as Untyped;
  const arrays = hostile([]);
  const array = arrays[1];
  for (const each of [...hostile(), ...arrays]) {
    await refuses(() => any["insertMany"]!("tasks", each), "InvalidArgument", /insertMany/);
    const code = each === array ? "InvalidArgument" : "InvalidValue";
    await refuses(() => any["insertMany"]!("tasks", [each]), code, /values\[0\]/);
    await refuses(() => any.query("tasks")["withIndex"]!("by_project", () => each), "InvalidIndexRange", /range/);
    await refuses(() => any.query("tasks")["filter"]!(() => each).collect(), "InvalidValue", /./);
    await refuses(
      () => any.query("tasks")["filter"]!((q: Query) => q["and"]!(true, each)).collect(),
      "InvalidValue",
      /./,
    );
    await refuses(() => any.query("tasks")["paginate"]!(each), "InvalidArgument", /paginate/);
    await refuses(() => any.query("tasks")["order"]!(each), "InvalidArgument", /order/);
    await refuses(() => any.query("tasks")["take"]!(each), "InvalidArgument", /take/);
  }
});

test("pages of odd sizes, and a first page that is not called so", async (t) => {
  const db = await open(t);
  await seed(db);
  const page = (options: unknown) => (db as unknown as Untyped).query("tasks")["paginate"]!(options);
  for (const numItems of [1.5, Infinity, -1, NaN, "5", null, undefined, Object.create(null), Symbol("n"), 5n]) {
    await refuses(() => page({ numItems, cursor: null }), "InvalidArgument", /numItems/);
  }
  await refuses(() => page({ numItems: 5 }), "InvalidArgument", /cursor.*null/);
  await refuses(() => page({ numItems: 5, cursor: undefined }), "InvalidArgument", /cursor.*null/);
});

test("a filter that compares in JavaScript is told so, and one that is a boolean is one", async (t) => {
  const db = await open(t);
  const { task } = await seed(db);
  await db.insertMany("tasks", [task("a"), task("b")]);
  const filter = (predicate: unknown) => (db as unknown as Untyped).query("tasks")["filter"]!(predicate).collect();
  await refuses(
    () => filter((t: { title: string }) => t.title === "a"),
    "InvalidFilter",
    /`title`.*q\.field\("title"\)/,
  );
  await refuses(() => filter((t: Record<string, unknown>) => t["_id"] === "a"), "InvalidFilter", /q\.field\("_id"\)/);
  // Convex's filters take constants, for those that depend on something else.
  for (const constant of [true, false]) {
    const found = db.query("tasks").filter(() => constant);
    assert.equal((await found.collect()).length, constant ? 2 : 0);
  }
  for (const nothing of [undefined, null, 5, "true", {}, []]) {
    await refuses(() => filter(() => nothing), "InvalidFilter", /boolean/i);
  }
});
