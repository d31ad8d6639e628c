/**
 * Comma-separated values: what a cell means, and what is written into one.
 */
import Papa from "papaparse";
import { fieldNameProblem } from "../checked.js";
import type { GenericDocument, Value } from "../data_model.js";
import { snapshotText } from "./json_text.js";
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

/** The records of a CSV text, given its lines: a line break inside quotes does not end one. */
export async function* recordsOf(lines: AsyncIterable<string>, table: string): AsyncGenerator<string[]> {
  let text = "";
  let isOpen = false;
  let record = 0;
  for await (const line of lines) {
    const before = isOpen;
    isOpen = isOpenAfter(line, isOpen);
    const part = !isOpen && line.endsWith("\r") ? line.slice(0, -1) : line;
    text = before ? `${text}\n${part}` : part;
    if (isOpen || text === "") continue;
    record += 1;
    const { data, errors } = Papa.parse<string[]>(text, { delimiter: ",", newline: "\n" });
    if (errors.length > 0 || data.length !== 1) {
      const said = errors[0]?.message ?? "it is no record";
      throw invalidImport(`CSV row ${record - 1} can't be read: ${said}.`, { table, row: record - 1 });
    }
    yield data[0]!;
  }
  if (isOpen) throw invalidImport(`CSV row ${record} has a quote that is not closed.`, { table, row: record });
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

/** The rows of a CSV text, given its lines. */
export async function* csvRows(lines: AsyncIterable<string>, table: string): AsyncGenerator<Record<string, unknown>> {
  let header: string[] | undefined;
  let row = 0;
  for await (const cells of recordsOf(lines, table)) {
    if (header === undefined) {
      header = cells.map((name) => name.trim());
      for (const name of header) {
        const problem = name === "" ? "A field's name in the header is empty." : fieldNameProblem(name);
        if (problem !== undefined) throw invalidImport(`The CSV header can't be used: ${problem}`, { table });
      }
      const twice = header.find((name, index) => header!.indexOf(name) !== index);
      if (twice !== undefined) throw invalidImport(`The CSV header names "${twice}" twice.`, { table });
      continue;
    }
    row += 1;
    if (cells.length !== header.length) {
      const message =
        cells.length < header.length
          ? `CSV row ${row} doesn't have all of the fields in the header`
          : `CSV row ${row} has more fields than the header`;
      throw invalidImport(message, { table, row });
    }
    yield Object.fromEntries(cells.map((cell, index) => [header![index]!, cellValue(cell)]));
  }
  if (header === undefined) throw invalidImport("The CSV file has no header.", { table });
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
