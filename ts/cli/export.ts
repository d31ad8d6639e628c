/**
 * `holdfast export`: the rows of one table of a snapshot in another form.
 */
import { type Command, type Given, onlyFile, required, STANDARD } from "./arguments.js";
import { formatOf, readWhole, requireFree, writeWhole } from "./files.js";
import { Exit, Problem } from "./problems.js";
import { inFile, importing, inMemory, lookInto } from "./snapshot.js";
import { many, pour, Progress, say, type Streams } from "./streams.js";

export const exportCommand: Command = {
  about: "Writes the rows of one table of a snapshot as CSV, JSON lines or a JSON array.",
  operands: "<snapshot.zip>",
  options: {
    table: { value: "name", about: "The table." },
    format: { value: "csv|jsonl|json", about: "The form; else the end of the name of --out tells." },
    out: { value: "file", about: "Where to write; else it goes to the standard output." },
    force: { about: "Replaces a file that is there." },
  },
  more: "Rows come in the order of their creation. CSV has no types, so that not everything comes back from it; from the other two it does.",
  run,
};

async function run(given: Given, streams: Streams): Promise<number> {
  const file = onlyFile(given, exportCommand.operands);
  const table = required(given, "table", "the table whose rows are wanted");
  const wanted = given.options.get("out");
  const out = wanted === STANDARD ? undefined : wanted;
  const format = formatOf(given.options.get("format"), out);
  const snapshot = await readWhole(file, streams);
  if (out !== undefined) await requireFree(out, file, given.options.has("force"));
  const names = (await lookInto(file, snapshot)).tables.map(({ name }) => name);
  if (!names.includes(table)) throw new Problem(`${file} has no table "${table}". Its tables: ${names.join(", ")}.`);
  const progress = new Progress(streams);
  const [blob, rows] = await inFile(
    file,
    inMemory([table], async (db) => {
      const report = await db.import(snapshot, { format: "zip", tables: [table], onProgress: importing(progress) });
      const onProgress = ({ rows, total }: { rows: number; total: number }) =>
        progress.tell(`writing ${table}: ${rows} of ${total} rows`);
      return [await db.export({ format, table, onProgress }), report.rows] as const;
    }),
  );
  progress.end();
  if (out === undefined) await pour(blob, streams.out);
  else {
    await writeWhole(out, blob);
    say(streams.err, `Wrote ${many(rows, "row")} of "${table}" to ${out}.`);
  }
  return Exit.Fine;
}
