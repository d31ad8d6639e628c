/**
 * Comma-separated values: what a cell means, and what is written into one.
 */
import Papa from "papaparse";
import { fieldNameProblem } from "../checked.js";
import type { GenericDocument, Value } from "../data_model.js";
import type { HoldfastError } from "../errors.js";
import type { Caller } from "./caller.js";
import { snapshotText } from "./json_text.js";
import { LINE_MAX, linesOf, type LineTaker, type TextFile } from "./lines.js";
import { invalidImport } from "./problems.js";

/** What Rust, in which Convex reads cells, takes for a float64. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NO_NUMBER = /^[+-]?(inf|infinity|nan)$/i;

/** A cell as a value: a number if it can be one, null if that is none that JSON has, else a text. */
export function cellValue(cell: string): string | number | null {
  if (NUMBER.test(cell)) {
    const number = Number(cell);
    return Number.isFinite(number) ? number : null;
  }
  return NO_NUMBER.test(cell) ? null : cell;
}

/** A row of a CSV text. */
export interface CsvRow {
  readonly value: Record<string, unknown>;
  /** Which it is, from 1. */
  readonly row: number;
  /** How many bytes of the file end with it, roughly. */
  readonly read: number;
}

/** Makes rows of lines: a line break inside quotes does not end one. */
class CsvRows implements LineTaker<CsvRow> {
  readonly #table: string;
  /** The lines of a record whose quote is open, and how long they are. */
  #open: string[] = [];
  #length = 0;
  #header: string[] | undefined;
  #row = 0;

  constructor(table: string) {
    this.#table = table;
  }

  /** An empty line is no record, but part of one that goes on. */
  get ignoresEmpty(): boolean {
    return this.#open.length === 0;
  }

  take(line: string, _number: number, read: number): CsvRow | undefined {
    const text = this.#record(line);
    if (text === undefined || text === "") return undefined;
    const row = this.#nextRow;
    const { data, errors } = Papa.parse<string[]>(text, { delimiter: ",", newline: "\n" });
    if (errors.length > 0 || data.length !== 1) {
      throw this.#problem(row, `can't be read: ${errors[0]?.message ?? "it is no record"}.`);
    }
    const cells = data[0]!;
    if (this.#header === undefined) {
      this.#header = headerOf(cells, this.#table);
      return undefined;
    }
    this.#row = row;
    const header = this.#header;
    if (cells.length < header.length) throw this.#problem(row, "doesn't have all of the fields in the header");
    if (cells.length > header.length) throw this.#problem(row, "has more fields than the header");
    return { value: Object.fromEntries(header.map((name, index) => [name, cellValue(cells[index]!)])), row, read };
  }

  /** Takes the end. */
  end(): void {
    if (this.#open.length > 0) throw this.#problem(this.#nextRow, "has a quote that is not closed.");
    if (this.#header === undefined) throw invalidImport("The CSV file has no header.", { table: this.#table });
  }

  /** Which row the next record is; the header is none, and is called 0. */
  get #nextRow(): number {
    return this.#header === undefined ? 0 : this.#row + 1;
  }

  /** The record that ends with a line; undefined when it goes on. */
  #record(line: string): string | undefined {
    const isOpen = isOpenAfter(line, this.#open.length > 0);
    if (isOpen) {
      this.#open.push(line);
      this.#length += line.length + 1;
      if (this.#length > LINE_MAX) {
        throw this.#problem(this.#nextRow, "is longer than 16 MiB. Is a quote not closed?");
      }
      return undefined;
    }
    const lines = [...this.#open, line.endsWith("\r") ? line.slice(0, -1) : line];
    this.#open = [];
    this.#length = 0;
    return lines.join("\n");
  }

  #problem(row: number, said: string): HoldfastError {
    return invalidImport(`CSV row ${row} ${said}`, { table: this.#table, row });
  }
}

/** Whether a quote is open at the end of a line. One in the middle of a cell that has none at its beginning is a letter. */
function isOpenAfter(line: string, isOpenBefore: boolean): boolean {
  if (!line.includes('"')) return isOpenBefore;
  let isOpen = isOpenBefore;
  let isCellStart = !isOpenBefore;
  for (let index = 0; index < line.length; index += 1) {
    const letter = line[index];
    if (isOpen) {
      if (letter === '"' && line[index + 1] === '"') index += 1;
      else if (letter === '"') isOpen = false;
    } else if (letter === '"' && isCellStart) isOpen = true;
    isCellStart = !isOpen && letter === ",";
  }
  return isOpen;
}

/** The rows of a CSV text. */
export async function* csvRows(file: TextFile, table: string, caller: Caller<never>): AsyncGenerator<CsvRow> {
  const rows = new CsvRows(table);
  yield* linesOf(file, rows, caller);
  rows.end();
}

/** The names of fields. */
function headerOf(cells: readonly string[], table: string): string[] {
  const header = cells.map((name) => name.trim());
  for (const name of header) {
    const problem = name === "" ? "A field's name in the header is empty." : fieldNameProblem(name);
    if (problem !== undefined) throw invalidImport(`The CSV header can't be used: ${problem}`, { table });
  }
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw invalidImport(`The CSV header names "${twice}" twice.`, { table });
  return header;
}

/** A line of CSV for a document, or for the header. */
export function csvLine(fields: readonly string[], document?: GenericDocument): string {
  const cells = document === undefined ? [...fields] : fields.map((name) => cellOf(document[name]));
  return `${Papa.unparse([cells], { newline: "\n" })}\n`;
}

function cellOf(value: Value | undefined): string {
  switch (typeof value) {
    case "undefined":
      return "";
    case "object":
      return value === null ? "" : snapshotText(value);
    default:
      return String(value);
  }
}
