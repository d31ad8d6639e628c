// Whoever asks for an export or import hears how far it is, and may end it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExportOptions, ImportOptions } from "../../ts/index.js";
import { filled, opened, refused, rowsOf, usersOf, zipped } from "../fixtures/transfer.js";

const enough = new Error("enough");
const lines = (count: number, name = "a") => `${JSON.stringify({ name })}\n`.repeat(count);

/** What a promise is rejected with. */
const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("it was not ended"),
    (reason: unknown) => reason,
  );

test("an import that is cancelled ends with the signal's reason, and nothing has changed", async (t) => {
  const db = await filled(t);
  const all = async () => [await rowsOf(db, "users"), await rowsOf(db, "tasks")];
  const before = await all();
  const table = "users";
  const files: [string | Blob, ImportOptions][] = [
    [lines(6_000), { format: "jsonl", table }],
    [`[${lines(6_000).trim().replaceAll("\n", ",")}]`, { format: "json", table }],
    [`name\n${"a\n".repeat(6_000)}`, { format: "csv", table }],
    [await zipped({ "users/documents.jsonl": lines(6_000), "tasks/documents.jsonl": "" }), {}],
  ];
  for (const [file, options] of files) {
    const what = options.format ?? "zip";
    const early = db.import(file, { ...options, mode: "replace", signal: AbortSignal.abort(enough) });
    assert.equal(await reasonOf(early), enough, what);
    for (const rows of [500, 6_000]) {
      const cancel = new AbortController();
      const onProgress = (now: { rows: number }) => now.rows === rows && cancel.abort(enough);
      const importing = db.import(file, { ...options, mode: "replace", signal: cancel.signal, onProgress });
      assert.equal(await reasonOf(importing), enough, `${what} after ${rows} rows`);
      assert.deepEqual(await all(), before, what);
    }
  }
  // The signal of one that has ended means nothing any more.
  const cancel = new AbortController();
  await db.import(lines(1, "last"), { format: "jsonl", table, mode: "replace", signal: cancel.signal });
  cancel.abort();
  assert.deepEqual(
    (await usersOf(db)).map(({ name }) => name),
    ["last"],
  );
  assert.deepEqual((await db.verify()).problems, []);
});

test("an import that waits for bytes is cancelled, too", async (t) => {
  const db = await opened(t);
  let isCancelled = 0;
  const stream = () =>
    new ReadableStream<Uint8Array>({
      pull: () => new Promise(() => undefined),
      cancel: () => void (isCancelled += 1),
    });
  for (const [n, file] of [stream(), Object.assign(new Blob(["{}"]), { stream })].entries()) {
    const cancel = new AbortController();
    const importing = db.import(file, { format: "jsonl", table: "users", signal: cancel.signal });
    setTimeout(() => cancel.abort(enough), 20);
    assert.equal(await reasonOf(importing), enough);
    assert.equal(isCancelled, n + 1);
  }
});

test("what is added before an import is cancelled stays", async (t) => {
  const db = await opened(t);
  const cancel = new AbortController();
  const onProgress = ({ rows }: { rows: number }) => rows === 10_000 && cancel.abort(enough);
  const options = { format: "jsonl", table: "users", mode: "append", signal: cancel.signal, onProgress } as const;
  assert.equal(await reasonOf(db.import(lines(20_000), options)), enough);
  const count = await db.query("users").count();
  assert.ok(count > 0 && count < 20_000 && count % 4_000 === 0, `${count} rows`);
});

test("an export that is cancelled ends with the signal's reason", async (t) => {
  const db = await opened(t);
  await db.import(lines(3_000), { format: "jsonl", table: "users" });
  const forms: ExportOptions[] = [
    {},
    { format: "jsonl", table: "users" },
    { format: "json", table: "users" },
    { format: "csv", table: "users" },
  ];
  for (const form of forms) {
    assert.equal(await reasonOf(db.export({ ...form, signal: AbortSignal.abort(enough) })), enough, form.format);
    const cancel = new AbortController();
    const onProgress = () => cancel.abort(enough);
    assert.equal(await reasonOf(db.export({ ...form, signal: cancel.signal, onProgress })), enough, form.format);
  }
  const file = await db.export({ signal: new AbortController().signal });
  assert.ok(file.size > 0);
});

test("timers have their turns while an import or export goes on, so that one of them may end it", async (t) => {
  const db = await opened(t);
  const rows = lines(60_000);
  const importing = (signal?: AbortSignal) =>
    db.import(rows, { format: "jsonl", table: "users", mode: "replace", ...(signal && { signal }) });
  assert.equal(((await reasonOf(importing(AbortSignal.timeout(60)))) as Error).name, "TimeoutError");
  assert.equal(await db.query("users").count(), 0);
  const blank = "\n".repeat(1 << 24);
  const options = { format: "jsonl", table: "users", signal: AbortSignal.timeout(20) } as const;
  assert.equal(((await reasonOf(db.import(blank, options))) as Error).name, "TimeoutError");
  await importing();
  assert.equal(((await reasonOf(db.export({ signal: AbortSignal.timeout(60) }))) as Error).name, "TimeoutError");
});

test("what is no signal is refused", async (t) => {
  const db = await opened(t);
  for (const signal of [null, 7, {}, { aborted: false }] as never[]) {
    for (const call of [db.import("[]", { table: "users", signal }), db.export({ signal })]) {
      const error = await refused(call);
      assert.equal(error.code, "InvalidArgument");
      assert.match(error.message, /`signal` must be an AbortSignal/);
    }
  }
});

test("a listener whose promise is rejected ends an import or export, as one that throws does", async (t) => {
  const db = await filled(t);
  const before = await usersOf(db);
  // TypeScript lets an app give one, too.
  const onProgress = (() => Promise.resolve().then(() => Promise.reject(enough))) as () => void;
  const options = { format: "jsonl", table: "users", mode: "replace", onProgress } as const;
  for (const count of [1, 5_000]) assert.equal(await reasonOf(db.import(lines(count), options)), enough);
  assert.deepEqual(await usersOf(db), before);
  assert.equal(await reasonOf(db.export({ onProgress })), enough);
});

test("progress goes by bytes, whatever letters are in them, and by the tables that were chosen", async (t) => {
  const db = await opened(t);
  const heard = async (file: string | Blob, options: ImportOptions) => {
    const progress: number[] = [];
    await db.import(file, { mode: "replace", onProgress: ({ done }) => progress.push(done), ...options });
    return progress;
  };
  const greek = lines(4_000, "αβγδεζηθικ");
  const zip = await zipped({ "users/documents.jsonl": greek, "tasks/documents.jsonl": "\n".repeat(200_000) });
  const all: [string | Blob, ImportOptions][] = [
    [greek, { format: "jsonl", table: "users" }],
    [`[${greek.trim().replaceAll("\n", ",")}]`, { format: "json", table: "users" }],
    [`name\n${"αβγδεζηθικ\n".repeat(4_000)}`, { format: "csv", table: "users" }],
    [zip, { tables: ["users"] }],
  ];
  for (const [file, options] of all) {
    const progress = await heard(file, options);
    const wanted = [1, 2, 3, 4, 5, 6, 7, 8, 8].map((eighth) => eighth / 8);
    assert.equal(progress.length, wanted.length);
    for (const [n, done] of progress.entries()) {
      assert.ok(Math.abs(done - wanted[n]!) < 0.01, `${options.format ?? "zip"}: ${progress.join(" ")}`);
    }
    assert.equal(progress.at(-1), 1);
  }
  const both = await heard(zip, {});
  assert.ok(both.at(-2)! < 0.6, both.join(" "));
});

test("an export for which the browser has no room says so", async (t) => {
  const db = await filled(t);
  // Chromium fails without a word when its disk is full.
  t.mock.method(Response.prototype, "blob", async function (this: Response) {
    await this.arrayBuffer();
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the browser's, not ours
    return Promise.reject(undefined);
  });
  for (const options of [{}, { format: "jsonl", table: "users" }] as const) {
    const error = await refused(db.export(options));
    assert.equal(error.code, "StorageFailed");
    assert.match(error.message, /no room/);
  }
});

test("blank lines cost next to nothing", async (t) => {
  const db = await opened(t);
  const blank = "\n".repeat(20 << 20);
  const started = performance.now();
  await db.import(`${lines(1)}${blank}${lines(1)}`, { format: "jsonl", table: "users" });
  await db.import(`name\na\n${blank}b\n`, { format: "csv", table: "users", mode: "replace" });
  await db.import(await zipped({ "users/documents.jsonl": blank }), { mode: "replace" });
  const seconds = (performance.now() - started) / 1000;
  // As lines like others they would take half a minute and more.
  assert.ok(seconds < 15, `${seconds} s`);
  await db.import(`name\n"a\n${"\n".repeat(1_000)}b"\n`, { format: "csv", table: "users", mode: "replace" });
  assert.equal((await usersOf(db))[0]!.name.length, 1_003, "inside quotes they are text");
  const wrong = await refused(db.import(`\n \n\r\n{"name":7}`, { format: "jsonl", table: "users", mode: "replace" }));
  assert.equal(wrong.details["row"], 4, "rows are lines");
});
