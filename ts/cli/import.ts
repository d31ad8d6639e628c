/**
 * `holdfast import`: the rows of a file as a table of a snapshot.
 */
import { type Command, type Given, onlyFile, required, STANDARD } from "./arguments.js";
import { formatOf, readIfThere, readWhole, writeWhole } from "./files.js";
import { Exit, Problem, usageProblem } from "./problems.js";
import { inFile, importing, inMemory, lookInto } from "./snapshot.js";
import { many, Progress, say, type Streams } from "./streams.js";

export const importCommand: Command = {
  about: "Adds the rows of a file to a snapshot, as one of its tables.",
  operands: "<file>",
  options: {
    table: { value: "name", about: "The table, new or one of the snapshot's." },
    into: { value: "snapshot.zip", about: "The snapshot; it is made if there is none." },
    format: { value: "csv|jsonl|json", about: "What the file is; else the end of its name tells." },
    append: { about: "Adds to the rows that the table has." },
    replace: { about: "Puts the rows in the place of those that the table has." },
  },
  more: "Without --append or --replace a table that has rows is an error. The snapshot is replaced when the new one is whole.",
  run,
};

async function run(given: Given, streams: Streams): Promise<number> {
  const file = onlyFile(given, importCommand.operands);
  const table = required(given, "table", "the table whose rows they become");
  const into = required(given, "into", "the snapshot that they are added to");
  const format = formatOf(given.options.get("format"), file);
  const mode = modeOf(given);
  if (into === STANDARD) throw usageProblem("--into must name a file: it is read and written.");
  const rows = await readWhole(file, streams);
  const before = await readIfThere(into);
  const source = before && (await lookInto(into, before));
  if (source !== undefined && source.skipped.length > 0) {
    throw new Problem(
      `${into} also has ${source.skipped.join(" and ")}, which would be lost. Import into another snapshot.`,
    );
  }
  const names = (source?.tables ?? []).map(({ name }) => name);
  const progress = new Progress(streams);
  const onProgress = importing(progress);
  const [snapshot, had, added, total] = await inFile(
    into,
    inMemory([...new Set([...names, table])], async (db) => {
      const kept = before && (await db.import(before, { format: "zip", onProgress }));
      const had = kept?.tables[table] ?? 0;
      const isTaken = mode === undefined && had > 0;
      const report = await inFile(file, db.import(rows, { format, table, ...(mode && { mode }), onProgress })).catch(
        (error: unknown) => {
          if (!isTaken || !(error instanceof Problem)) throw error;
          throw new Problem(`${error.message}\nHere these are --append and --replace.`);
        },
      );
      const total = await db.query(table).count();
      return [await db.export(), had, report.rows, total] as const;
    }),
  );
  progress.end();
  await writeWhole(into, snapshot);
  const did =
    mode === "replace" && had > 0
      ? `Replaced the ${many(had, "row")} of "${table}" in ${into} by ${many(added, "row")}.`
      : `Added ${many(added, "row")} to "${table}" in ${into}, which has ${many(total, "row")} there now.`;
  say(streams.out, did);
  return Exit.Fine;
}

function modeOf({ options }: Given): "append" | "replace" | undefined {
  const [append, replace] = [options.has("append"), options.has("replace")];
  if (append && replace) throw usageProblem("--append and --replace exclude each other: give one of them.");
  return append ? "append" : replace ? "replace" : undefined;
}
