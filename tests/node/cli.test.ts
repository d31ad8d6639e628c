// The command line: what each command does, what it says of mistakes, and what it ends with.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { BlobReader, TextReader, TextWriter, Uint8ArrayWriter, ZipReader, ZipWriter } from "@zip.js/zip.js";
import { run } from "../../ts/cli/main.js";
import { defineSchema, defineTable, openDatabase, v } from "../../ts/index.js";
import { withTableNumber } from "../../ts/transfer/ids.js";
import { freshName } from "../fixtures/database.js";

const folder = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** A file in the folder. */
function file(name: string, content?: string | Uint8Array): string {
  files += 1;
  const path = join(folder, `${files}-${name}`);
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs a command, and finds no stack trace in what it says. */
async function holdfast(...argv: string[]): Promise<Ended> {
  return holdfastOn("", ...argv);
}

/** The same with something on the standard input. */
async function holdfastOn(input: string | Uint8Array, ...argv: string[]): Promise<Ended> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const texts = Promise.all([text(out), text(err)]);
  const code = await run(argv, { in: Readable.from([input], { objectMode: false }), out, err });
  out.end();
  err.end();
  const [said, complained] = await texts;
  assert.doesNotMatch(complained, /^\s+at /m);
  return { code, out: said, err: complained };
}

/** Runs a command that must succeed. */
async function done(...argv: string[]): Promise<string> {
  const { code, out, err } = await holdfast(...argv);
  assert.equal(code, 0, err);
  return out;
}

const schema = defineSchema({ tasks: defineTable(v.any()), users: defineTable(v.any()) });
const ADA = { name: "Ada", big: 2n ** 62n, half: 0.5, bytes: new Uint8Array([0, 255]).buffer };

/** A snapshot by the API: two users and three tasks, and their ids. */
async function snapshot() {
  const db = await openDatabase({ name: freshName(), schema, storage: "memory" });
  try {
    const users = (await db.insertMany("users", [ADA, { name: "Bob" }])) as string[];
    await db.insertMany("tasks", [{ title: "a" }, { title: 'b, "c"' }, { title: "d" }]);
    const bytes = new Uint8Array(await (await db.export()).arrayBuffer());
    return { path: file("snapshot.zip", bytes), bytes, users };
  } finally {
    await db.close();
  }
}

async function unzipped(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await new ZipReader(new BlobReader(new Blob([readFileSync(path)]))).getEntries()) {
    if (!entry.directory) found[entry.filename] = await entry.getData(new TextWriter());
  }
  return found;
}

async function zipped(texts: Record<string, string>): Promise<string> {
  const zip = new ZipWriter(new Uint8ArrayWriter());
  for (const [name, content] of Object.entries(texts)) await zip.add(name, new TextReader(content));
  return file("made.zip", await zip.close());
}

/** The snapshot with one of its files changed. */
async function changed(path: string, name: string, change: (content: string) => string): Promise<string> {
  const texts = await unzipped(path);
  return zipped({ ...texts, [name]: change(texts[name]!) });
}

const lines = (content: string) => content.split("\n").filter((line) => line !== "");

// ---- inspect ----

test("inspect tells the tables with their numbers, rows, bytes and times", async () => {
  const { path } = await snapshot();
  const content = await unzipped(path);
  const read = JSON.parse(await done("inspect", path, "--json")) as { tables: Record<string, unknown>[] };
  const numbers = lines(content["_tables/documents.jsonl"]!).map((line) => JSON.parse(line));
  assert.deepEqual(
    read.tables.map(({ name, number, rows, bytes, problem }) => ({ name, number, rows, bytes, problem })),
    ["tasks", "users"].map((name) => ({
      name,
      number: numbers.find((one) => one.name === name).id,
      rows: name === "tasks" ? 3 : 2,
      bytes: content[`${name}/documents.jsonl`]!.length,
      problem: null,
    })),
  );
  const { firstCreationTime, lastCreationTime } = read.tables[0] as Record<string, number>;
  assert.ok(lastCreationTime! > firstCreationTime! && Math.abs(Date.now() - firstCreationTime!) < 60_000);

  const shown = lines(await done("inspect", path));
  assert.match(shown[0]!, /2 tables, 5 rows, \d+ bytes$/);
  assert.match(shown[1]!, /^table +number +rows +bytes +first created +last created$/);
  assert.match(shown[2]!, /^tasks +\d+ +3 +\d+ +20\S+Z +20\S+Z$/);
});

test("inspect tells what imports leave out, and which table has no rows", async () => {
  const path = await zipped({
    "snapshot/_tables/documents.jsonl": '{"name":"users","id":10003}\n',
    "snapshot/users/documents.jsonl": "",
    "snapshot/_storage/documents.jsonl": "",
    "snapshot/_components/c/t/documents.jsonl": "",
  });
  const said = await done("inspect", path);
  assert.match(said, /^users +10003 +0 +0 +- +-$/m);
  assert.match(said, /Also in it, and not imported: _storage, _components/);
  const read = JSON.parse(await done("inspect", path, "--json")) as { skipped: unknown; tables: unknown[] };
  assert.deepEqual(read.skipped, ["_storage", "_components"]);
});

test("inspect says which table it could not read to its end", async () => {
  const { path } = await snapshot();
  const broken = await changed(path, "users/documents.jsonl", (content) => content.replace("}\n", "\n"));
  const { code, out, err } = await holdfast("inspect", broken);
  assert.equal(code, 1);
  assert.match(out, /^tasks +\d+ +3 /m);
  assert.match(err, /users was not read to its end\. Row 1 of table "users" wasn't valid JSON/);
});

// ---- verify ----

test("verify says that a snapshot is sound", async () => {
  const { path } = await snapshot();
  assert.equal(await done("verify", path), `${path} is sound: 2 tables, 5 rows.\n`);
});

test("verify says what is wrong with which row, of all rows", async () => {
  const { users } = await snapshot();
  const id = (n: number) => withTableNumber(users[0]!, n);
  const row = (fields: string) => `{"_creationTime":1.0,${fields}}`;
  const tables = '{"name":"users","id":10003}\n{"name":"tasks","id":10004}\n';
  const broken = await zipped({
    "_tables/documents.jsonl": tables,
    "users/documents.jsonl": [
      row(`"_id":"${id(10_003)}"`),
      '{"name":',
      "7",
      row('"name":"x"'),
      row('"_id":"x"'),
      row(`"_id":"${id(10_004)}"`),
      row(`"_id":"${id(10_003)}"`),
      `{"_id":"${withTableNumber(users[1]!, 10_003)}","_creationTime":"now"}`,
      "",
    ].join("\n"),
    "tasks/documents.jsonl": `${row(`"_id":"${id(10_004)}","é":1.0`)}\n`,
    "others/documents.jsonl": "",
  });
  const { code, out, err } = await holdfast("verify", broken);
  assert.equal(code, 1);
  assert.equal(out, "");
  const expected: (string | RegExp)[] = [
    'Table "others" is not in _tables.',
    /^Row 1 of table "tasks": Field name é has invalid character/,
    /^Row 2 of table "users" wasn't valid JSON: /,
    'Row 3 of table "users": it is no document.',
    'Row 4 of table "users": it has no _id.',
    'Row 5 of table "users": its _id is no id.',
    `Row 6 of table "users": its _id ${id(10_004)} has the number 10004, and that of the table is 10003.`,
    `Row 7 of table "users": row 1 has the same _id ${id(10_003)}.`,
    'Row 8 of table "users": its _creationTime is no finite number.',
    `${broken} is not sound: 9 problems.`,
  ];
  const said = lines(err);
  assert.equal(said.length, expected.length, err);
  for (const [index, one] of expected.entries()) {
    if (typeof one === "string") assert.equal(said[index], one);
    else assert.match(said[index]!, one);
  }
});

test("verify finds what only the database refuses", async () => {
  const { path } = await snapshot();
  const deep = "[".repeat(20) + "]".repeat(20);
  const broken = await changed(path, "tasks/documents.jsonl", (content) =>
    content.replace('"title":"d"', `"title":${deep}`),
  );
  const { code, err } = await holdfast("verify", broken);
  assert.equal(code, 1);
  assert.match(err, /^Row 3 of table "tasks": .*nest/m);
  assert.match(err, /is not sound: 1 problem\.$/m);
});

test("verify finds damage of any byte of the archive's files", async () => {
  const { path, bytes } = await snapshot();
  for (const name of ["users/documents.jsonl", "README.md"]) {
    const flipped = bytes.slice();
    const start = new TextDecoder("latin1").decode(bytes).indexOf(name);
    flipped[start + name.length + 40]! ^= 0xff;
    const broken = file("flipped.zip", flipped);
    const { code, err } = await holdfast("verify", broken);
    assert.equal(code, 1, name);
    assert.ok(err.includes(`The file ${name} in the ZIP archive can't be unpacked`), err);
  }
  const cut = await holdfast("verify", file("cut.zip", bytes.subarray(0, bytes.length >> 1)));
  assert.equal(cut.code, 1);
  assert.match(cut.err, /not a whole ZIP archive/);
  assert.equal((await holdfast("verify", path)).code, 0);
});

test("verify says that a table is not there, or not under its name", async () => {
  const { path, bytes } = await snapshot();
  const texts = await unzipped(path);
  delete texts["tasks/documents.jsonl"];
  const without = await holdfast("verify", await zipped(texts));
  assert.equal(without.code, 1);
  assert.match(without.err, /has tasks\/generated_schema\.jsonl, and does not have tasks\/documents\.jsonl\.\n$/);
  const flipped = bytes.slice();
  flipped[new TextDecoder("latin1").decode(bytes).lastIndexOf("tasks/documents.jsonl") + 8]! ^= 1;
  const renamed = await holdfast("verify", file("renamed.zip", flipped));
  assert.equal(renamed.code, 1);
  assert.match(renamed.err, /has tasks\/do\wuments\.jsonl where the file itself has another name/);
});

test("verify shows a hundred problems and counts the others", async () => {
  const path = await zipped({ "t/documents.jsonl": "7\n".repeat(150) });
  const { code, err } = await holdfast("verify", path);
  assert.equal(code, 1);
  assert.match(err, /^And 50 more\.$/m);
  assert.equal(lines(err).length, 102);
});

// ---- export and import ----

test("export writes the rows of a table as JSON lines, a JSON array or CSV", async () => {
  const { path, users } = await snapshot();
  const [ada, bob] = lines(await done("export", path, "--table", "users", "--format", "jsonl"));
  assert.match(ada!, new RegExp(`"_id":"${users[0]}","big":\\{"\\$integer":"AAAAAAAAAEA="\\},"bytes":`));
  assert.match(bob!, /"name":"Bob"\}$/);
  const array = JSON.parse(await done("export", path, "--table", "users", "--format=json")) as unknown[];
  assert.deepEqual(
    array,
    [ada, bob].map((line) => JSON.parse(line!)),
  );
  const [header, , second] = (await done("export", "--format", "csv", "--table", "tasks", path)).split("\n");
  assert.equal(header, "_id,_creationTime,title");
  assert.match(second!, /,"b, ""c"""$/);
});

test("export writes a file, whose name may tell the form, and says so elsewhere than the rows go", async () => {
  const { path } = await snapshot();
  const csv = file("tasks.csv", "before");
  const { code, out, err } = await holdfast("export", path, "--table", "tasks", "--out", csv, "--force");
  assert.deepEqual([code, out, err], [0, "", `Wrote 3 rows of "tasks" to ${csv}.\n`]);
  assert.equal(readFileSync(csv, "utf8"), await done("export", path, "--table", "tasks", "--format", "csv"));
});

test("export writes over no file unless it is told to, and never over the snapshot", async () => {
  const { path, bytes } = await snapshot();
  const csv = file("tasks.csv", "before");
  const command = ["export", path, "--table", "tasks", "--format", "csv", "--out"];
  const { code, err } = await holdfast(...command, csv);
  assert.equal(code, 2);
  assert.match(err, /^There is a file .*tasks\.csv already: --force replaces it\.$/m);
  assert.equal(readFileSync(csv, "utf8"), "before");
  const link = file("link.zip");
  symlinkSync(path, link);
  for (const out of [path, join(folder, ".", path.slice(folder.length)), link]) {
    const refused = await holdfast(...command, out, "--force");
    assert.equal(refused.code, 2, out);
    assert.match(refused.err, /is what is read\. Write to another file\./);
    assert.deepEqual(new Uint8Array(readFileSync(path)), bytes);
  }
});

test("a file that is called - is the standard input, and as --out the standard output", async () => {
  const { path, bytes } = await snapshot();
  assert.equal((await holdfastOn(bytes, "verify", "-")).out, "- is sound: 2 tables, 5 rows.\n");
  assert.match((await holdfastOn(bytes, "inspect", "-")).out, /^-: 2 tables, 5 rows/);
  const table = ["--table", "tasks", "--format", "csv"];
  const csv = await done("export", path, ...table);
  assert.equal((await holdfastOn(bytes, "export", "-", ...table, "--out", "-")).out, csv);
  const into = file("made.zip");
  const imported = await holdfastOn(csv, "import", "-", ...table, "--into", into);
  assert.equal(imported.code, 0, imported.err);
  assert.equal(await done("export", into, ...table), csv);
});

test("import makes a snapshot, and what was exported comes back as it was", async () => {
  const { path } = await snapshot();
  const into = file("new.zip");
  for (const [table, format] of [
    ["users", "jsonl"],
    ["tasks", "json"],
  ] as const) {
    const rows = file(`rows.${format}`);
    await done("export", path, "--table", table, "--out", rows);
    const said = await done("import", rows, "--table", table, "--into", into);
    const many = table === "users" ? 2 : 3;
    assert.equal(said, `Added ${many} rows to "${table}" in ${into}, which has ${many} rows there now.\n`);
  }
  const [before, now] = [await unzipped(path), await unzipped(into)];
  delete before["README.md"]; // It has the database's name.
  delete now["README.md"];
  assert.deepEqual(now, before);
  await done("verify", into);
});

test("import takes CSV, and the other tables of a snapshot stay as they are", async () => {
  const { path } = await snapshot();
  const before = await unzipped(path);
  await done("import", file("stock", "name,n\nnail,7\n"), "--format", "csv", "--table", "stock", "--into", path);
  const now = await unzipped(path);
  assert.match(now["stock/documents.jsonl"]!, /"n":7\.0,"name":"nail"\}\n$/);
  for (const table of ["users", "tasks"]) {
    assert.equal(now[`${table}/documents.jsonl`], before[`${table}/documents.jsonl`]);
  }
  await done("verify", path);
});

test("import refuses a table that has rows, unless it is told what becomes of them", async () => {
  const { path, bytes } = await snapshot();
  const rows = file("rows.csv", "title\ne\n");
  const command = ["import", rows, "--table", "tasks", "--into", path];
  const { code, err } = await holdfast(...command);
  assert.equal(code, 1);
  assert.equal(
    err,
    `${rows}: Table tasks already exists. Please choose a new table name or use replace/append modes.\n` +
      "Here these are --append and --replace.\n",
  );
  assert.deepEqual(new Uint8Array(readFileSync(path)), bytes);
  assert.match(await done(...command, "--append"), /^Added 1 row .* has 4 rows there now/);
  assert.equal(await done(...command, "--replace"), `Replaced the 4 rows of "tasks" in ${path} by 1 row.\n`);
  assert.match(
    await done("import", rows, "--table", "new", "--into", path, "--replace"),
    /^Added 1 row to "new" .* has 1 row there now/,
  );
  assert.match(await done("export", path, "--table", "tasks", "--format", "csv"), /,e\n$/);
});

test("import leaves a snapshot as it was when a row is wrong, and nothing beside it", async () => {
  const { path, bytes } = await snapshot();
  const rows = file("rows.jsonl", '{"a":1}\n{"a":\n');
  const before = readdirSync(folder);
  const { code, err } = await holdfast("import", rows, "--table", "tasks", "--into", path, "--append");
  assert.equal(code, 1);
  assert.ok(err.startsWith(`${rows}: Row 2 of table "tasks" wasn't valid JSON: `), err);
  assert.deepEqual(new Uint8Array(readFileSync(path)), bytes);
  const made = file("made-by-nobody.zip");
  assert.equal((await holdfast("import", rows, "--table", "tasks", "--into", made)).code, 1);
  assert.equal(existsSync(made), false);
  assert.deepEqual(readdirSync(folder), before);
});

test("import keeps the permissions of a snapshot, and leaves no temporary file", async () => {
  const { path } = await snapshot();
  chmodSync(path, 0o600);
  await done("import", file("rows.csv", "a\n1\n"), "--table", "new", "--into", path);
  if (process.platform !== "win32") assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("import refuses a snapshot of which it would lose something", async () => {
  const { path } = await snapshot();
  const texts = await unzipped(path);
  const full = await zipped({ ...texts, "_storage/documents.jsonl": "", "_components/c/t/documents.jsonl": "" });
  const { code, err } = await holdfast("import", file("rows.csv", "a\n1\n"), "--table", "new", "--into", full);
  assert.equal(code, 1);
  assert.match(err, /also has _storage and _components, which would be lost\./);
});

// ---- mistakes and help ----

const usage: [string, string[], string][] = [
  ["no command", [], "Usage: holdfast <command>"],
  ["an unknown command", ["exprot"], 'There is no command "exprot". The commands: inspect, verify, export, import.'],
  ["an unknown option before all", ["--verbose"], "Unknown option --verbose: `holdfast` has --help, --version."],
  ["options before the command", ["--version", "verify"], "The command comes first, before --version."],
  ["no file", ["verify"], "The command needs a file: <snapshot.zip>."],
  ["two files", ["verify", "a.zip", "b.zip"], 'The command takes one file, and "b.zip" is another.'],
  ["an unknown option", ["inspect", "a.zip", "--jsn"], "Unknown option --jsn: `holdfast inspect` has --json, --help."],
  ["an unknown letter", ["inspect", "a.zip", "-j"], "Unknown option -j"],
  ["an option's name that objects have", ["inspect", "a.zip", "--toString"], "Unknown option --toString"],
  ["a value where there is none", ["inspect", "a.zip", "--json=yes"], "--json takes no value."],
  ["no value at the end", ["export", "a.zip", "--table"], "--table needs a value: --table <name>."],
  ["an option for a value", ["export", "a.zip", "--table", "--format", "csv"], "--table needs a value"],
  ["an option twice", ["export", "a.zip", "--table", "a", "--table", "b"], "--table is given twice."],
  ["no table", ["export", "a.zip", "--format", "csv"], "--table is missing: it names the table whose rows are wanted."],
  ["no form", ["export", "a.zip", "--table", "t"], "--format is missing: csv, jsonl or json."],
  ["another form", ["export", "a.zip", "--table", "t", "--format", "xml"], "--format must be csv, jsonl or json"],
  ["no snapshot", ["import", "a.csv", "--table", "t"], "--into is missing: it names the snapshot"],
  [
    "both modes",
    ["import", "a.csv", "--table", "t", "--into", "b.zip", "--append", "--replace"],
    "--append and --replace exclude each other",
  ],
  ["a snapshot that is a stream", ["import", "a.csv", "--table", "t", "--into", "-"], "--into must name a file"],
  ["a file that is not there", ["verify", "nowhere.zip"], "There is no file nowhere.zip."],
  ["a folder", ["verify", folder], "is a folder, and a file is needed."],
];

for (const [what, argv, sentence] of usage) {
  test(`${what} is answered by a sentence, and by 2`, async () => {
    const { code, out, err } = await holdfast(...argv);
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.ok(err.includes(sentence), err);
  });
}

test("a table that a snapshot does not have is told with those that it has", async () => {
  const { path } = await snapshot();
  const { code, err } = await holdfast("export", path, "--table", "user", "--format", "csv");
  assert.deepEqual([code, err], [1, `${path} has no table "user". Its tables: tasks, users.\n`]);
});

test("a table's name that can't be one is told", async () => {
  const rows = file("rows.csv", "a\n1\n");
  const { code, err } = await holdfast("import", rows, "--table", "a b", "--into", file("new.zip"));
  assert.equal(code, 1);
  assert.match(err, /Invalid table name: "a b"/);
});

test("a place that can't be written to is told", async () => {
  const { path } = await snapshot();
  const out = join(folder, "nowhere", "tasks.csv");
  const { code, err } = await holdfast("export", path, "--table", "tasks", "--out", out);
  assert.equal(code, 1);
  assert.match(err, /^A file can't be read or written: ENOENT/);
});

test("help tells the commands, and each its options", async () => {
  const all = await done("--help");
  assert.equal(await done("-h"), all);
  for (const command of ["inspect", "verify", "export", "import"]) {
    assert.match(all, new RegExp(`^ {2}${command} <`, "m"));
    assert.equal(await done(command, "-h"), await done(command, "--help"));
    assert.match(await done(command, "--help"), new RegExp(`^Usage: holdfast ${command} <`, "m"));
  }
  const help = await done("import", "--help");
  for (const option of ["--table", "--into", "--format", "--append", "--replace"]) assert.ok(help.includes(option));
});

// ---- the built command ----

const built = join(process.cwd(), "dist", "cli.js");

/** Runs dist/cli.js; whoever reads its output may stop after the first piece. */
async function spawned(argv: string[], reads: "all" | "little" = "all"): Promise<Ended> {
  const child = spawn(process.execPath, [built, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const out =
    reads === "all" ? text(child.stdout) : new Promise<string>((resolve) => child.stdout.once("data", resolve));
  if (reads === "little") void out.then(() => child.stdout.destroy());
  const err = text(child.stderr);
  const code = await new Promise<number>((resolve) => child.on("close", resolve));
  return { code, out: String(await out), err: await err };
}

test("the built command works, and ends with what it should", async () => {
  const { path } = await snapshot();
  const { version } = JSON.parse(readFileSync(join(process.cwd(), "package.json"), "utf8")) as { version: string };
  assert.deepEqual(await spawned(["--version"]), { code: 0, out: `${version}\n`, err: "" });
  assert.deepEqual(await spawned(["verify", path]), {
    code: 0,
    out: `${path} is sound: 2 tables, 5 rows.\n`,
    err: "",
  });
  assert.equal((await spawned(["verify", "nowhere.zip"])).code, 2);
  assert.equal((await spawned(["verify", file("no.zip", "text")])).code, 1);
  const start = readFileSync(built, "utf8").slice(0, 20);
  assert.equal(start, "#!/usr/bin/env node\n");
  if (process.platform !== "win32") assert.equal(statSync(built).mode & 0o111, 0o111);
});

test("a full disk behind the output is told in a sentence", { skip: !existsSync("/dev/full") }, async () => {
  const { path } = await snapshot();
  for (const argv of [
    ["inspect", path],
    ["export", path, "--table", "users", "--format", "csv"],
  ]) {
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [built, ...argv], { stdio: ["ignore", full, "pipe"] });
    const err = text(child.stderr!);
    const code = await new Promise<number>((resolve) => child.on("close", resolve));
    closeSync(full);
    assert.deepEqual([code, await err], [1, "The output can't be written: ENOSPC: no space left on device, write.\n"]);
  }
});

test("a reader that has read enough is no error", async () => {
  const rows = file("rows.csv", `text\n${`${"long ".repeat(100)}\n`.repeat(2_000)}`);
  const into = file("long.zip");
  await done("import", rows, "--table", "long", "--into", into);
  const { code, err } = await spawned(["export", into, "--table", "long", "--format", "csv"], "little");
  assert.deepEqual([code, err], [0, ""]);
});
