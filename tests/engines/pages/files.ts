/** Files in and out, which stand on the browser's streams, blobs and compression. */
import { check, codeOf, equal, isSound, tasks, until, upTo } from "./check.js";

check("a snapshot is compressed, and comes back as it was", async ({ open }) => {
  const db = await open();
  await db.insertMany("tasks", tasks(upTo(3_000), "the same text again and again ".repeat(5)));
  const odd = [NaN, -0, Infinity, -(2n ** 63n), Uint8Array.from([1, 2, 3]).buffer, null, "é\0", { a: [1n] }];
  await db.insertMany(
    "values",
    odd.map((value) => ({ value })),
  );
  const content = async () => [await db.query("tasks").collect(), await db.query("values").collect()];
  const before = await content();
  const backup = await db.export();
  equal(backup.type, "application/zip");
  equal(backup.size < 200_000, true, "Whether the file is small");
  await db.insertMany("tasks", tasks(upTo(10)));
  const { rows } = await db.import(backup, { mode: "replaceAll" });
  equal(rows, 3_008);
  equal(await content(), before, "What was imported");
  await isSound(db);
  // What was there before is deleted in the background.
  await db.close();
  const again = await open();
  equal(await again.query("tasks").count(), 3_000);
});

check("files are imported as File, Blob and text", async ({ open }) => {
  const db = await open();
  const lines = '{"title":"a","n":1}\n{"title":"é","n":2}\n';
  const into = { table: "tasks", mode: "append" } as const;
  await db.import(new File([lines], "tasks.jsonl"), into);
  await db.import(new Blob([lines]), { ...into, format: "jsonl" });
  await db.import(lines, { ...into, format: "jsonl" });
  await db.import(new File(["title,n\nb,3\n"], "tasks.csv"), into);
  await db.import(new File(['[{"title":"c","n":4}]'], "tasks.json"), into);
  equal(
    (await db.query("tasks").withIndex("by_n").collect()).map(({ title, n }) => `${title}${n}`),
    ["a1", "a1", "a1", "é2", "é2", "é2", "b3", "c4"],
  );
  const csv = await (await db.export({ format: "csv", table: "tasks" })).text();
  equal(csv.split("\n")[0]!.includes("title"), true);
  const text = await (await db.export({ format: "jsonl", table: "tasks" })).text();
  equal(text.trim().split("\n").length, 8);
});

check("a file that is damaged changes nothing, and neither does an import that is called off", async ({ open }) => {
  const db = await open();
  await db.insertMany("tasks", tasks(upTo(2_000)));
  const backup = await db.export();
  const bytes = new Uint8Array(await backup.arrayBuffer());
  bytes[bytes.length >> 1]! ^= 0xff;
  await db.insert("tasks", { title: "since", n: -1 });
  equal(await codeOf(db.import(new Blob([bytes]), { mode: "replaceAll" })), "InvalidImport");
  equal(await codeOf(db.import(backup.slice(0, backup.size - 30), { mode: "replaceAll" })), "InvalidImport");
  const cancel = new AbortController();
  const reason = new Error("Enough.");
  const importing = db.import(backup, {
    mode: "replaceAll",
    signal: cancel.signal,
    onProgress: () => cancel.abort(reason),
  });
  equal((await importing.catch((error: unknown) => error)) === reason, true, "Whether it was called off");
  equal(await db.query("tasks").count(), 2_001);
  await until(async () => (await db.verify()).problems.length === 0);
});

check("a second import is refused while one is under way", async ({ open }) => {
  const [one, two] = [await open(), await open()];
  const line = '{"title":"a","n":1}\n';
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  // A file that does not come to its end before the second import was refused.
  const stream = () =>
    new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(line.repeat(12_000))),
      pull: (controller) => ended.then(() => controller.close()),
    });
  const file = Object.assign(new Blob([line]), { stream });
  const options = { table: "tasks", format: "jsonl", mode: "replace" } as const;
  const before = one.stats().sequence;
  const first = codeOf(one.import(file, options));
  // An import looks through 10,000 rows for an id before it begins.
  await until(() => one.stats().sequence > before);
  equal(await codeOf(two.import(line, options)), "StorageFailed");
  end();
  equal(await first, "no error");
  await until(async () => (await two.query("tasks").count()) === 12_000);
});
