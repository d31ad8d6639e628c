// Files that are not what they should be, and imports that fail: what is said, and that nothing has changed.
import assert from "node:assert/strict";
import { mkdtempSync, openAsBlob, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ImportOptions } from "../../ts/index.js";
import { opened, refused, rowsOf, usersOf, zipped } from "../fixtures/transfer.js";

test("what is wrong with a file is said with its row, and nothing has changed", async (t) => {
  const db = await opened(t);
  const user = await db.insert("users", { name: "Ada" });
  const before = [await rowsOf(db, "users"), await rowsOf(db, "tasks")];
  const whole = new Uint8Array(await (await db.export()).arrayBuffer());
  const flipped = whole.slice();
  const name = "users/documents.jsonl";
  flipped[new TextDecoder("latin1").decode(whole).indexOf(name) + name.length + 40]! ^= 0xff;
  const tables = async (files: Record<string, string>) => zipped({ "users/documents.jsonl": "", ...files });
  const cases: [string, string | Blob | Uint8Array, ImportOptions, string, RegExp, object?][] = [
    [
      "no JSON",
      '{"name":"a"}\n{"name":',
      { table: "users" },
      "InvalidImport",
      /Row 2 of table "users" wasn't valid JSON/,
      { row: 2 },
    ],
    [
      "not a document",
      '{"name":"a"}\n7\n',
      { table: "users" },
      "InvalidArgument",
      /Row 2 of table "users": A document must be an object/,
    ],
    [
      "does not fit",
      '{"name":"a"}\n{"name":7}',
      { table: "users" },
      "SchemaEnforcementError",
      /Row 2 .*name/s,
      { row: 2, path: ".name" },
    ],
    [
      "another table's id",
      `{"title":"t","userId":"${user.slice(0, -1)}"}`,
      { table: "tasks" },
      "SchemaEnforcementError",
      /Row 1/,
    ],
    ["no id", '{"_id":"x","name":"a"}', { table: "users" }, "InvalidId", /Row 1 .*_id|Unable to decode/s],
    [
      "an id twice",
      `{"_id":"${user}","name":"a"}\n{"_id":"${user}","name":"b"}`,
      { table: "users" },
      "DuplicateId",
      /Row 2/,
    ],
    [
      "a time that is none",
      '{"_creationTime":"now","name":"a"}',
      { table: "users" },
      "InvalidValue",
      /_creationTime must be a finite number/,
    ],
    ["no array", '{"a":1}', { table: "users", format: "json" }, "InvalidImport", /Not a JSON array/],
    ["an array that has no end", "[1", { table: "users", format: "json" }, "InvalidImport", /broken behind row 1: /],
    [
      "an array with more behind it",
      '[{"name":"a"}] 7',
      { table: "users", format: "json" },
      "InvalidImport",
      /The JSON array is broken behind row 1: /,
    ],
    [
      "an element that is none",
      '[{"name":"a, [\\"b"},{"name":}]',
      { table: "users" },
      "InvalidImport",
      /Row 2 of table "users" wasn't valid JSON: SyntaxError/,
      { table: "users", row: 2 },
    ],
    [
      "an element's value that is none",
      '[{"name":"a"},\n{"name":{"$bytes":"A"}}]',
      { table: "users" },
      "InvalidImport",
      /Row 2 of table "users" wasn't valid JSON: .*"\$bytes":"A".* is not the JSON of a Convex value/,
      { row: 2 },
    ],
    [
      "an element's number beyond all",
      '[{"name":1e999}]',
      { table: "users" },
      "InvalidImport",
      /Row 1 .* too large for a float64/,
      { row: 1 },
    ],
    [
      "an array that is not UTF-8",
      new Uint8Array([0x5b, 0xff, 0x5d]),
      { table: "users", format: "json" },
      "InvalidImport",
      /The file is not UTF-8/,
    ],
    [
      "a short line",
      "name,data\na\n",
      { table: "users", format: "csv" },
      "InvalidImport",
      /CSV row 1 doesn't have all of the fields in the header/,
      { row: 1 },
    ],
    ["a long line", "name\na,b\n", { table: "users", format: "csv" }, "InvalidImport", /CSV row 1 has more fields/],
    ["an open quote", 'name\n"a\n', { table: "users", format: "csv" }, "InvalidImport", /quote that is not closed/],
    [
      "an open quote before much",
      `name\n"${"a\n".repeat(1 << 24)}`,
      { table: "users", format: "csv" },
      "InvalidImport",
      /CSV row 1 is longer than 16 MiB\. Is a quote not closed\?/,
      { row: 1 },
    ],
    ["no header", "", { table: "users", format: "csv" }, "InvalidImport", /no header/],
    ["a name twice", "name,name\na,b\n", { table: "users", format: "csv" }, "InvalidImport", /names "name" twice/],
    [
      "not UTF-8",
      new Uint8Array([0x7b, 0xff, 0xfe]),
      { table: "users", format: "jsonl" },
      "InvalidImport",
      /not UTF-8/,
    ],
    [
      "no end",
      `{"name":"${"x".repeat(1 << 25)}`,
      { table: "users", format: "jsonl" },
      "InvalidImport",
      /a line of more than 16 MiB/,
    ],
    ["too large", `{"name":"${"x".repeat(1 << 21)}"}`, { table: "users", format: "jsonl" }, "ValueTooLarge", /Row 1/],
    // 40 MB in 40 kB.
    [
      "a bomb",
      await zipped({ "users/documents.jsonl": "x".repeat(40 << 20) }),
      {},
      "InvalidImport",
      /a line of more than 16 MiB/,
    ],
    ["cut", whole.slice(0, whole.length - 30), {}, "InvalidImport", /not a whole ZIP archive/],
    ["flipped", flipped, {}, "InvalidImport", /users\/documents\.jsonl in the ZIP archive can't be unpacked/],
    ["no snapshot", await zipped({ "a.txt": "b" }), {}, "InvalidImport", /no tables/],
    [
      "two of a name",
      await tables({ "x/users/documents.jsonl": "" }),
      {},
      "InvalidImport",
      /two tables of the name "users"/,
    ],
    [
      "an unknown table",
      await tables({ "others/documents.jsonl": "" }),
      {},
      "TableNotFound",
      /"others" is not in the schema/,
    ],
    ["a table that is not there", await tables({}), { tables: ["tasks"] }, "InvalidImport", /no table "tasks"/],
    [
      "int64 beyond",
      await tables({ "users/documents.jsonl": '{"name":"a","data":9223372036854775808}' }),
      {},
      "InvalidImport",
      /64-bit/,
    ],
    [
      "a shape that is none",
      await tables({ "users/generated_schema.jsonl": '"{bad"' }),
      {},
      "InvalidImport",
      /^Hit an error while importing:\nLine 1 of users\/generated_schema\.jsonl isn't valid: /,
      { table: "users", row: 1 },
    ],
    [
      "a number for two tables",
      await tables({
        "_tables/documents.jsonl": '{"name":"users","id":9}\n{"name":"tasks","id":9}',
        "tasks/documents.jsonl": "",
      }),
      {},
      "InvalidImport",
      /Tables "users" and "tasks" both have the table number 9/,
    ],
    [
      "no number",
      await tables({ "_tables/documents.jsonl": '{"name":"users","id":0}' }),
      {},
      "InvalidImport",
      /Row 1 of _tables/,
    ],
    ...[
      '{"name":"a","name":"a"}',
      '{"name":"a","data":{"x":1.0,"y":"}:","x" : 2.0}}',
      '{"data":[{"x":1,"x":1}]}',
    ].flatMap((row): typeof cases => [
      [
        "a field twice in JSON",
        row,
        { table: "users" },
        "InvalidImport",
        /Row 1 .* the field "(name|x)" is there twice/,
      ],
      ["a field twice in an array", `[{}, ${row}]`, { table: "users" }, "InvalidImport", /Row 2 .* is there twice/],
    ]),
    [
      "a field twice in a snapshot",
      await tables({ "users/documents.jsonl": '{"name":"a","data":{"x":1,"x":1}}' }),
      {},
      "InvalidImport",
      /Row 1 .* the field "x" is there twice/,
    ],
    ["whose rows?", "[]", {}, "InvalidArgument", /`table` must say/],
    [
      "lone carriage returns",
      "name\rAda\rBob\r",
      { table: "users", format: "csv" },
      "InvalidImport",
      /header can't be used/,
    ],
    ["a header of nothing", " \n", { table: "users", format: "csv" }, "InvalidImport", /header is empty/],
    ["beyond all numbers", '{"name":"a","data":1e400}', { table: "users" }, "InvalidImport", /too large for a float64/],
    ["what?", "x", { table: "users" }, "InvalidArgument", /`format` must say/],
  ];
  for (const override of ["null", '"weird"', "7", '{"data":null}', '{"data":[7]}']) {
    const file = await tables({ "users/generated_schema.jsonl": `"string"\n{"x":${override}}\n` });
    cases.push([
      override,
      file,
      {},
      "InvalidImport",
      /Line 2 of users\/generated_schema\.jsonl isn't valid.*no override/,
    ]);
  }
  for (const [what, file, options, code, message, details = {}] of cases) {
    const error = await refused(db.import(file, { mode: "replace", ...options }), what);
    assert.equal(error.code, code, `${what}: ${error.message}`);
    assert.match(error.message, message, what);
    assert.deepEqual({ ...error.details, ...details }, error.details, what);
    assert.deepEqual([await rowsOf(db, "users"), await rowsOf(db, "tasks")], before, what);
  }
  assert.equal((await refused(db.import(7 as never))).code, "InvalidArgument");
  assert.equal((await refused(db.import("", { mode: "merge" as never }))).code, "InvalidArgument");
  assert.equal((await refused(db.export({ format: "csv" }))).code, "InvalidArgument");
  assert.equal((await refused(db.export({ tables: ["nope"] }))).code, "TableNotFound");
  assert.deepEqual((await db.verify()).problems, []);
  await db.close();
  assert.equal((await refused(db.export())).code, "DatabaseClosed");
});

test("a file that is changed while it is read is said to be", async (t) => {
  const db = await opened(t);
  const folder = mkdtempSync(join(tmpdir(), "holdfast-transfer-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "rows.jsonl");
  const rows = '{"name":"a"}\n'.repeat(20_000);
  writeFileSync(path, rows);
  const blob = await openAsBlob(path);
  const onProgress = () => writeFileSync(path, "{}");
  const message = /The file can't be read, or was changed meanwhile: NotReadableError/;
  const during = await refused(db.import(blob, { table: "users", format: "jsonl", onProgress }));
  assert.equal(during.code, "InvalidImport");
  assert.match(during.message, message);
  for (const format of [undefined, "json", "zip"] as const) {
    const table = format === "zip" ? {} : { table: "users" };
    const before = await refused(db.import(blob, { ...table, ...(format && { format }) }), format);
    assert.equal(before.code, "InvalidImport");
    assert.match(before.message, message);
  }
  assert.deepEqual(await usersOf(db), []);
});

test("times and listeners that an import has to be careful with", async (t) => {
  const db = await opened(t);
  await db.import('{"name":"a","_creationTime":-0.0}', { table: "users", format: "jsonl" });
  assert.equal((await usersOf(db))[0]!._creationTime, 0);
  await db.export({ format: "jsonl", table: "users" });
  const onProgress = () => {
    throw new Error("a listener");
  };
  await assert.rejects(
    db.import('{"name":"b"}', { table: "users", format: "jsonl", mode: "replace", onProgress }),
    /a listener/,
  );
  assert.deepEqual(
    (await usersOf(db)).map(({ name }) => name),
    ["a"],
    "nothing has changed",
  );
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("no network")) });
  assert.match((await refused(db.import(broken, { table: "users", format: "jsonl" }))).message, /no network/);
});

test("rows that are added one batch after the other: an error says how many stay", async (t) => {
  const db = await opened(t);
  const lines = (count: number, last: unknown) =>
    [...Array.from({ length: count }, (_, n) => ({ name: `user ${n}` })), last].map((row) => JSON.stringify(row));
  const append = (rows: string[]) =>
    refused(db.import(rows.join("\n"), { table: "users", format: "jsonl", mode: "append" }));
  for (const [count, last] of [
    [3, { name: 5 }],
    [9_000, { name: 5 }],
    [9_000, "no document"],
  ] as const) {
    const before = await db.query("users").count();
    const { details } = await append(lines(count, last));
    const added = (await db.query("users").count()) - before;
    assert.deepEqual(
      { ...details, path: undefined },
      { table: "users", row: count + 1, saved: added, path: undefined },
    );
    assert.equal(added > 0, count > 4_000, String(added));
  }
  // Of all tables, those before too.
  const files = { "users/documents.jsonl": '{"name":"Ada"}\n{"name":"Bob"}', "tasks/documents.jsonl": '{"title":"t"}' };
  const before = await db.query("users").count();
  const { code, details } = await refused(db.import(await zipped(files), { mode: "append" }));
  assert.equal(code, "SchemaEnforcementError");
  assert.equal(details["saved"], (await db.query("users").count()) - before + (await db.query("tasks").count()));
  assert.equal(details["table"], "tasks");
  // The other modes save all or nothing.
  assert.equal("saved" in (await refused(db.import("{", { table: "users", mode: "replace" }))).details, false);
});
