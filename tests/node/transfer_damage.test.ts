// Archives that are damaged or not whole: an import finds it before it replaces anything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "../../ts/index.js";
import { type RawFile, rawZip } from "../fixtures/raw_zip.js";
import { opened, refused, rowsOf, unzipped, usersOf } from "../fixtures/transfer.js";

const NUMBERS = '{"name":"users","id":10003}\n{"name":"tasks","id":10004}\n';
const TABLES: RawFile = { name: "_tables/documents.jsonl", text: NUMBERS };
const USERS: RawFile = { name: "users/documents.jsonl", text: '{"name":"Ada"}\n' };
const TASKS: RawFile = { name: "tasks/documents.jsonl", text: "" };
const SHAPE: RawFile = { name: "tasks/generated_schema.jsonl", text: '"uniform"\n' };

test("whichever bit of a snapshot is another, all tables come back as they were, or nothing has changed", async (t) => {
  const db = await opened(t);
  const all = async () => JSON.stringify([await rowsOf(db, "users"), await rowsOf(db, "tasks")]);
  const userId = await db.insert("users", { name: "a" });
  await db.insert("tasks", { title: "t", userId });
  // The tables alone: every bit more is another import.
  const files = Object.entries(await unzipped(await db.export())).filter(([name]) => name.endsWith("documents.jsonl"));
  const whole = new Uint8Array(await rawZip(files.map(([name, text]) => ({ name, text }))).arrayBuffer());
  await db.import(whole, { mode: "replaceAll" });
  const before = await all();
  let refusals = 0;
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const damaged = whole.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const problem = await db.import(damaged, { mode: "replaceAll", format: "zip" }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (problem !== undefined) {
      assert.ok(problem instanceof HoldfastError, `bit ${bit}`);
      assert.equal(problem.code, "InvalidImport", `bit ${bit}: ${problem.message}`);
      refusals += 1;
    }
    // What was refused has not even begun.
    if (problem === undefined || refusals % 100 === 0) assert.equal(await all(), before, `bit ${bit}`);
  }
  assert.ok(refusals > whole.length, `${refusals} bits of ${whole.length} bytes`);
  assert.equal(await all(), before);
  assert.deepEqual((await db.verify()).problems, []);
});

test("an archive that is not what it says is refused, and nothing has changed", async (t) => {
  const db = await opened(t);
  const userId = await db.insert("users", { name: "before" });
  await db.insert("tasks", { title: "before", userId });
  const all = async () => [await rowsOf(db, "users"), await rowsOf(db, "tasks")];
  const before = await all();
  const cases: [string, Blob, RegExp, object?][] = [
    [
      "a table of _tables that has no documents",
      rawZip([TABLES, USERS]),
      /_tables names table "tasks", and the ZIP archive does not have tasks\/documents\.jsonl/,
      { table: "tasks" },
    ],
    [
      "a schema without documents",
      rawZip([USERS, SHAPE]),
      /the ZIP archive has tasks\/generated_schema\.jsonl, and does not have tasks\/documents\.jsonl/,
      { table: "tasks" },
    ],
    ["fewer files than there are", rawZip([USERS, TASKS], { count: 1 }), /not a whole ZIP archive/],
    ["more files than there are", rawZip([USERS], { count: 2 }), /not a whole ZIP archive/],
    ["more in the directory than files", rawZip([USERS], { behind: "more" }), /not a whole ZIP archive/],
    ["something before it", new Blob(["more", rawZip([USERS])]), /not a whole ZIP archive/],
    ["something behind it", new Blob([rawZip([USERS]), "more"]), /not a whole ZIP archive/],
    [
      "a file with two names",
      rawZip([USERS, { ...TASKS, name: "tasks/dobuments.jsonl", localName: "tasks/documents.jsonl" }]),
      /The directory of the ZIP archive has tasks\/dobuments\.jsonl where the file itself has another name/,
    ],
    [
      "a folder that is a file",
      rawZip([USERS, { ...TASKS, attributes: 16 }]),
      /The ZIP archive takes tasks\/documents\.jsonl for a folder/,
    ],
    ["a wrong check", rawZip([{ ...USERS, crc: 1 }]), /users\/documents\.jsonl in the ZIP archive can't be unpacked/],
    [
      "a wrong check of what is stored",
      rawZip([{ ...USERS, crc: 1, isStored: true }]),
      /users\/documents\.jsonl in the ZIP archive can't be unpacked/,
    ],
    [
      "_tables twice",
      rawZip([TABLES, USERS, TASKS, { ...TABLES, name: "a/_tables/documents.jsonl" }]),
      /The ZIP archive has two tables of the name "_tables"/,
    ],
    [
      "a table twice in _tables",
      rawZip([{ ...TABLES, text: `${NUMBERS}{"name":"users","id":10005}\n` }, USERS, TASKS]),
      /Row 3 of _tables names table "users" a second time/,
      { table: "users" },
    ],
  ];
  for (const [what, blob, message, details = {}] of cases) {
    const error = await refused(db.import(blob, { mode: "replaceAll", format: "zip" }), what);
    assert.equal(error.code, "InvalidImport", what);
    assert.match(error.message, message, what);
    assert.deepEqual({ ...error.details, ...details }, error.details, what);
    assert.deepEqual(await all(), before, what);
  }
  // The same files, and nothing wrong with them.
  await db.import(rawZip([TABLES, { ...USERS, isStored: true }, TASKS, SHAPE]), { mode: "replaceAll" });
  assert.deepEqual(
    (await usersOf(db)).map(({ name }) => name),
    ["Ada"],
  );
});

test("whatever is in an archive and not imported is told", async (t) => {
  const db = await opened(t);
  const report = await db.import(
    rawZip([
      { name: "README.md", text: "# A snapshot" },
      { name: "users/", text: "" },
      USERS,
      { name: "users/documents.jsonl.bak", text: "" },
      { name: "_x/documents.jsonl", text: "" },
      { name: "_storage/documents.jsonl", text: "" },
      { name: "_storage/a.png", text: "" },
      { name: "notes.txt", text: "" },
    ]),
  );
  assert.deepEqual(report.skipped, ["users/documents.jsonl.bak", "_x", "_storage", "notes.txt"]);
});
