/**
 * `holdfast verify`: reads all of a snapshot, and imports it into memory.
 */
import type { SourceRow, SourceTable } from "../transfer/sources.js";
import { type Command, type Given, onlyFile } from "./arguments.js";
import { readWhole } from "./files.js";
import { Exit } from "./problems.js";
import { importing, inMemory, loadPackage, loadTransfer, lookInto, sentenceOfAny } from "./snapshot.js";
import { count, many, Progress, say, type Streams } from "./streams.js";

export const verifyCommand: Command = {
  about: "Reads every row of a snapshot, imports it into memory, and says what is wrong.",
  operands: "<snapshot.zip>",
  options: {},
  more: "It ends with 0 when all is well, with 1 when something is wrong, and with 2 when there is no such file or option.",
  run,
};

/** More are counted, and not shown. */
const SHOWN_MAX = 100;

/** What was found. */
class Findings {
  readonly shown: string[] = [];
  total = 0;
  readonly #seen = new Set<string>();

  /** Takes one, unless it is known: an import meets again what was found by reading. */
  add(sentence: string, place: string): void {
    if (this.#seen.has(place)) return;
    this.#seen.add(place);
    this.total += 1;
    if (this.shown.length < SHOWN_MAX) this.shown.push(sentence);
  }
}

async function run(given: Given, streams: Streams): Promise<number> {
  const file = onlyFile(given, verifyCommand.operands);
  const blob = await readWhole(file, streams);
  const { tables } = await lookInto(file, blob);
  const progress = new Progress(streams);
  const findings = new Findings();
  await checkArchive(blob, findings, progress);
  const isNumbered = tables.some(({ number }) => number !== undefined);
  let rows = 0;
  for (const table of tables) rows += await checkTable(table, isNumbered, findings, progress);
  await checkImport(blob, tables, findings, progress);
  progress.end();
  if (findings.total === 0) {
    say(streams.out, `${file} is sound: ${many(tables.length, "table")}, ${many(rows, "row")}.`);
    return Exit.Fine;
  }
  for (const sentence of findings.shown) say(streams.err, sentence);
  const hidden = findings.total - findings.shown.length;
  if (hidden > 0) say(streams.err, `And ${count(hidden)} more.`);
  say(streams.err, `${file} is not sound: ${many(findings.total, "problem")}.`);
  return Exit.Failed;
}

/** Unpacks every file, those that no import reads too. */
async function checkArchive(blob: Blob, findings: Findings, progress: Progress): Promise<void> {
  const { readArchive } = await loadTransfer();
  for (const file of await readArchive(blob)) {
    progress.tell(`unpacking ${file.name}`);
    try {
      await file.stream().pipeTo(new WritableStream());
    } catch (error) {
      const sentence = await sentenceOfAny(error);
      findings.add(sentence, sentence);
    }
  }
}

/** Reads the rows of a table. Answers how many there are. */
async function checkTable(table: SourceTable, isNumbered: boolean, findings: Findings, progress: Progress) {
  const [{ HoldfastError }, { checkedCopy, sentenceOf, tableNumberOf }] = [await loadPackage(), await loadTransfer()];
  const { name } = table;
  const ids = new Map<string, number>();
  let { number } = table;
  let rows = 0;
  if (isNumbered && number === undefined) findings.add(`Table "${name}" is not in _tables.`, `number of ${name}`);
  const add = (row: number, what: string) => findings.add(`Row ${row} of table "${name}": ${what}`, placeOf(name, row));

  const check = ({ value, row }: SourceRow) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return add(row, "it is no document.");
    const { _id: id, _creationTime: time } = value as { _id?: unknown; _creationTime?: unknown };
    const own = typeof id === "string" ? tableNumberOf(id) : undefined;
    if (id === undefined) return add(row, "it has no _id.");
    if (typeof id !== "string" || own === undefined) return add(row, "its _id is no id.");
    number ??= own;
    if (own !== number) return add(row, `its _id ${id} has the number ${own}, and that of the table is ${number}.`);
    const other = ids.get(id);
    if (other !== undefined) return add(row, `row ${other} has the same _id ${id}.`);
    ids.set(id, row);
    if (typeof time !== "number" || !Number.isFinite(time)) {
      return add(row, `its _creationTime is ${time === undefined ? "missing" : "no finite number"}.`);
    }
    try {
      checkedCopy(value);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      add(row, error.message);
    }
  };

  try {
    const unreadable = table.rows((problem) => {
      rows += 1;
      findings.add(sentenceOf(problem), placeOf(name, Number(problem.details["row"])));
    });
    for await (const row of unreadable) {
      rows += 1;
      check(row);
      progress.tell(`reading ${name}: ${rows} rows`);
    }
  } catch (error) {
    const sentence = await sentenceOfAny(error);
    findings.add(sentence, sentence);
  }
  return rows;
}

/** Imports table by table, because an import ends at the first thing that is wrong. */
async function checkImport(blob: Blob, tables: readonly SourceTable[], findings: Findings, progress: Progress) {
  const { HoldfastError } = await loadPackage();
  const add = async (error: unknown, table?: string) => {
    const sentence = await sentenceOfAny(error);
    const row = error instanceof HoldfastError ? error.details["row"] : undefined;
    findings.add(sentence, table !== undefined && typeof row === "number" ? placeOf(table, row) : sentence);
  };
  const names = tables.map(({ name }) => name);
  await inMemory(names, async (db) => {
    for (const name of names) {
      await db
        .import(blob, { format: "zip", tables: [name], onProgress: importing(progress) })
        .catch((error: unknown) => add(error, name));
    }
  }).catch((error: unknown) => add(error));
}

const placeOf = (table: string, row: number) => `${table} ${row}`;
