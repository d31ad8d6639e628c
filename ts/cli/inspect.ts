/**
 * `holdfast inspect`: what a snapshot holds.
 */
import type { SourceTable } from "../transfer/sources.js";
import { type Command, type Given, onlyFile } from "./arguments.js";
import { readWhole } from "./files.js";
import { Exit } from "./problems.js";
import { loadTransfer, lookInto, sentenceOfAny } from "./snapshot.js";
import { count, many, Progress, say, type Streams } from "./streams.js";

export const inspectCommand: Command = {
  about: "Tells which tables a snapshot has, with their numbers, rows, bytes and times.",
  operands: "<snapshot.zip>",
  options: { json: { about: "Writes JSON, for programs." } },
  more: "It ends with 1 when a table can't be read to its end; `holdfast verify` then says everything.",
  run,
};

/** What is told of a table. */
interface TableFacts {
  name: string;
  /** The number in its ids; null when neither the file nor an id says it. */
  number: number | null;
  rows: number;
  bytes: number;
  /** When its documents were created, in milliseconds; null when it has none. */
  firstCreationTime: number | null;
  lastCreationTime: number | null;
  /** Why it was not read to its end; null when it was. */
  problem: string | null;
}

async function run(given: Given, streams: Streams): Promise<number> {
  const file = onlyFile(given, inspectCommand.operands);
  const { tables, skipped } = await lookInto(file, await readWhole(file, streams));
  const progress = new Progress(streams);
  const facts: TableFacts[] = [];
  for (const table of tables) facts.push(await factsOf(table, progress));
  progress.end();
  if (given.options.has("json")) {
    say(streams.out, JSON.stringify({ file, tables: facts, skipped }, undefined, 2));
  } else {
    const [rows, bytes] = [sum(facts, ({ rows }) => rows), sum(facts, ({ bytes }) => bytes)];
    say(streams.out, `${file}: ${many(facts.length, "table")}, ${many(rows, "row")}, ${many(bytes, "byte")}\n`);
    say(streams.out, asTable(facts));
    if (skipped.length > 0) say(streams.out, `\nAlso in it, and not imported: ${skipped.join(", ")}`);
  }
  const unread = facts.filter(({ problem }) => problem !== null);
  for (const { name, problem } of unread) say(streams.err, `${file}: ${name} was not read to its end. ${problem}`);
  return unread.length === 0 ? Exit.Fine : Exit.Failed;
}

async function factsOf(table: SourceTable, progress: Progress): Promise<TableFacts> {
  const { tableNumberOf } = await loadTransfer();
  const { name, number = null, size: bytes } = table;
  const facts: TableFacts = { name, number, rows: 0, bytes, ...NO_TIMES, problem: null };
  try {
    for await (const { value } of table.rows()) {
      facts.rows += 1;
      const { _id: id, _creationTime: time } = (value ?? {}) as { _id?: unknown; _creationTime?: unknown };
      if (typeof id === "string") facts.number ??= tableNumberOf(id) ?? null;
      if (typeof time === "number") {
        facts.firstCreationTime = Math.min(facts.firstCreationTime ?? time, time);
        facts.lastCreationTime = Math.max(facts.lastCreationTime ?? time, time);
      }
      progress.tell(`reading ${name}: ${facts.rows} rows`);
    }
  } catch (error) {
    facts.problem = await sentenceOfAny(error);
  }
  return facts;
}

const NO_TIMES = { firstCreationTime: null, lastCreationTime: null };

const sum = (facts: readonly TableFacts[], of: (facts: TableFacts) => number) =>
  facts.reduce((total, each) => total + of(each), 0);

function asTable(facts: readonly TableFacts[]): string {
  const header = ["table", "number", "rows", "bytes", "first created", "last created"];
  const lines = facts.map((table) => [
    table.name,
    table.number === null ? "-" : String(table.number),
    count(table.rows),
    count(table.bytes),
    timeText(table.firstCreationTime),
    timeText(table.lastCreationTime),
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]!.length)));
  const isNumber = (column: number) => column >= 1 && column <= 3;
  return [header, ...lines]
    .map((line) =>
      line
        .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A time as people read it, where it is one of a calendar. */
function timeText(time: number | null): string {
  if (time === null) return "-";
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString();
}
