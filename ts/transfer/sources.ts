/**
 * What an app gives to be imported, as tables with their rows: a Convex snapshot, or the rows of one table as JSON lines,
 * a JSON array or CSV.
 */
import { invalidArgument } from "../arguments.js";
import { describe, describeError } from "../describe.js";
import type { HoldfastError } from "../errors.js";
import { type ArchiveFile, readArchive } from "./archive.js";
import { type Caller, nobody } from "./caller.js";
import { csvRows } from "./csv.js";
import { elementsOf, readPlainText, readSnapshotText } from "./json_text.js";
import { type LineTaker, linesOf, type TextFile } from "./lines.js";
import { invalidImport, invalidLine, invalidRow, unreadable } from "./problems.js";
import { GeneratedSchema } from "./shapes.js";

/** The forms of files. */
export type FileFormat = "zip" | "jsonl" | "json" | "csv";

/** The forms of files, for checks. */
export const FORMATS: readonly FileFormat[] = ["zip", "jsonl", "json", "csv"];

/** What can be imported: a file, its bytes or its text. */
export type ImportSource = Blob | ArrayBuffer | Uint8Array | string | ReadableStream<Uint8Array>;

/** A table of a file. */
export interface SourceTable {
  readonly name: string;
  /** The number in its ids, if the file says it. */
  readonly number: number | undefined;
  /** How much of the file it is, in bytes, unpacked. */
  readonly size: number;
  /**
   * Its rows, in the order of the file. A line that can't be read is an error; where somebody listens, it is
   * told instead, and left out.
   */
  rows(onUnreadable?: UnreadableListener): AsyncIterable<SourceRow>;
}

/** Hears of a line that can't be read. */
export type UnreadableListener = (problem: HoldfastError) => void;

/** One row. */
export interface SourceRow {
  readonly value: unknown;
  /** Which it is, from 1. */
  readonly row: number;
  /** How many bytes of the table's file end with it, roughly. */
  readonly read: number;
}

/** What a file holds. */
export interface Source {
  readonly format: FileFormat;
  readonly tables: readonly SourceTable[];
  /** What is in it and can't be imported: files of Convex's storage, tables of components. */
  readonly skipped: readonly string[];
}

/** The bytes of what was given. */
export async function blobOf(given: unknown, { signal }: Caller<never>): Promise<Blob> {
  if (given instanceof Blob) return given;
  if (typeof given === "string" || given instanceof ArrayBuffer) return new Blob([given]);
  if (given instanceof Uint8Array) return new Blob([given as Uint8Array<ArrayBuffer>]);
  if (given instanceof ReadableStream) {
    try {
      const stream = given as ReadableStream<Uint8Array<ArrayBuffer>>;
      return await new Response(stream.pipeThrough(new TransformStream(), signal && { signal })).blob();
    } catch (cause) {
      throw invalidImport(`The stream can't be read: ${describeError(cause)}`, {}, cause);
    }
  }
  throw invalidArgument(
    `\`import\` takes a Blob or File, bytes, a text or a stream of bytes. Received ${describe(given)}.`,
  );
}

/** Reads what a file holds, and of rows no more than where they begin. */
export async function readSource(
  blob: Blob,
  format: FileFormat | undefined,
  table: string | undefined,
  caller: Caller<never> = nobody,
): Promise<Source> {
  const form = format ?? (await formatOf(blob));
  if (form === "zip") {
    if (table !== undefined) throw invalidArgument("`table` names the table of one file of rows; a ZIP has its own.");
    return readSnapshot(blob, caller);
  }
  if (table === undefined) {
    throw invalidArgument(`\`table\` must say whose rows they are: the file is ${form.toUpperCase()}.`);
  }
  const file = { name: "The file", stream: () => blob.stream() };
  const rows = {
    jsonl: (onUnreadable?: UnreadableListener) => jsonLines(file, table, readPlainText, caller, onUnreadable),
    json: () => jsonArray(blob, table),
    csv: () => csvRows(file, table, caller),
  };
  return { format: form, tables: [{ name: table, number: undefined, size: blob.size, rows: rows[form] }], skipped: [] };
}

/** The form of a file, by its name or its beginning. */
async function formatOf(blob: Blob): Promise<FileFormat> {
  const name = "name" in blob && typeof blob.name === "string" ? blob.name.toLowerCase() : "";
  const byName = FORMATS.find((format) => name.endsWith(`.${format}`));
  if (byName !== undefined) return byName;
  const start = await bytesOf(blob.slice(0, 64));
  if (start[0] === 0x50 && start[1] === 0x4b) return "zip";
  const text = new TextDecoder().decode(start).trimStart();
  if (text.startsWith("[")) return "json";
  if (text.startsWith("{")) return "jsonl";
  throw invalidArgument('`format` must say what the file is: "zip", "jsonl", "json" or "csv".');
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw unreadable(cause, "The file");
  }
}

// ---- snapshots ----

/** A file of a table, wherever the archive has it. */
const TABLE_FILE = /^(?:.*\/)?([^/]+)\/(documents|generated_schema)\.jsonl$/;
const COMPONENTS = /(?:^|\/)_components\//;
const STORAGE = /(?:^|\/)_storage\//;
/** What snapshots say of themselves, for people. */
const README = /(?:^|\/)README\.md$/;

async function readSnapshot(blob: Blob, caller: Caller<never>): Promise<Source> {
  const documents = new Map<string, ArchiveFile>();
  const schemas = new Map<string, ArchiveFile>();
  const skipped = new Set<string>();
  for (const file of await readArchive(blob)) {
    if (caller.isDue) await caller.rest();
    const [, name, kind] = TABLE_FILE.exec(file.name) ?? [];
    // Convex's storage may have any number of files, and none of them is a table, whatever it is called.
    if (COMPONENTS.test(file.name)) skipped.add("_components");
    else if (STORAGE.test(file.name)) skipped.add("_storage");
    else {
      // What would be left out under a damaged name may be a table.
      await file.checkName();
      if (README.test(file.name)) continue;
      else if (name === undefined) skipped.add(file.name);
      else if (name.startsWith("_") && name !== TABLES) skipped.add(name);
      else {
        const found = kind === "documents" ? documents : schemas;
        if (found.has(name))
          throw invalidImport(`The ZIP archive has two tables of the name "${name}".`, { table: name });
        found.set(name, file);
      }
    }
  }
  const numbersFile = documents.get(TABLES);
  documents.delete(TABLES);
  schemas.delete(TABLES);
  const numbers = numbersFile === undefined ? new Map<string, number>() : await readNumbers(numbersFile, caller);
  requireDocuments(documents, schemas, numbers);
  if (documents.size === 0)
    throw invalidImport("The ZIP archive has no tables: it is no snapshot of Convex or Holdfast.");
  const tables = [...documents].map(([name, file]) => ({
    name,
    number: numbers.get(name),
    size: file.size,
    rows: (onUnreadable?: UnreadableListener) => snapshotRows(name, file, schemas.get(name), caller, onUnreadable),
  }));
  return { format: "zip", tables, skipped: [...skipped] };
}

/** The folder in which a snapshot tells its tables' numbers. */
const TABLES = "_tables";

/** A table that is only spoken of has lost its documents: an import that goes on would empty it. */
function requireDocuments(
  documents: ReadonlyMap<string, unknown>,
  schemas: ReadonlyMap<string, ArchiveFile>,
  numbers: ReadonlyMap<string, number>,
): void {
  const without = (name: string) => !documents.has(name);
  for (const [table, { name }] of schemas) {
    if (!without(table)) continue;
    const message = `It is not whole: the ZIP archive has ${name}, and does not have ${table}/documents.jsonl.`;
    throw invalidImport(message, { table });
  }
  const named = [...numbers.keys()].find((name) => !name.startsWith("_") && without(name));
  if (named !== undefined) {
    const message = `It is not whole: _tables names table "${named}", and the ZIP archive does not have ${named}/documents.jsonl.`;
    throw invalidImport(message, { table: named });
  }
}

/** A line of JSON. */
interface JsonLine {
  readonly text: string;
  readonly row: number;
  readonly read: number;
}

/** Blank lines are none. */
const JSON_LINES: LineTaker<JsonLine> = {
  ignoresEmpty: true,
  take: (text, row, read) => (text.trim() === "" ? undefined : { text, row, read }),
};

/** The numbers in ids, by the names of their tables. */
async function readNumbers(file: ArchiveFile, caller: Caller<never>): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  for await (const { text, row } of linesOf(file, JSON_LINES, caller)) {
    let read: unknown;
    try {
      read = readPlainText(text);
    } catch (cause) {
      throw invalidRow(cause, { table: "_tables", row }, "JSON");
    }
    const { name, id } = (read ?? {}) as { name?: unknown; id?: unknown };
    const isNumber = typeof id === "number" && Number.isInteger(id) && id > 0 && id <= 0xffffffff;
    if (typeof name !== "string" || !isNumber) {
      throw invalidImport(`Row ${row} of _tables names no table and its number.`, { table: "_tables", row });
    }
    if (numbers.has(name)) {
      throw invalidImport(`Row ${row} of _tables names table "${name}" a second time.`, { table: name, row });
    }
    numbers.set(name, id);
  }
  return numbers;
}

async function* snapshotRows(
  table: string,
  file: ArchiveFile,
  schemaFile: ArchiveFile | undefined,
  caller: Caller<never>,
  onUnreadable?: UnreadableListener,
): AsyncGenerator<SourceRow> {
  const schema = schemaFile && (await readSchema(table, schemaFile, caller));
  const read = schema === undefined ? readSnapshotText : (text: string) => schema.apply(readPlainText(text));
  yield* jsonLines(file, table, read, caller, onUnreadable);
}

/** The types of an older snapshot's table; undefined for today's, whose documents say themselves what they are. */
async function readSchema(
  table: string,
  file: ArchiveFile,
  caller: Caller<never>,
): Promise<GeneratedSchema | undefined> {
  let schema: GeneratedSchema | undefined;
  for await (const { text, row } of linesOf(file, JSON_LINES, caller)) {
    try {
      const read = JSON.parse(text) as unknown;
      if (schema !== undefined) schema.add(read);
      else if (typeof read !== "string") throw new SyntaxError("first line of generated_schema must be a string");
      else if (read === "uniform") return undefined;
      else schema = new GeneratedSchema(read);
    } catch (cause) {
      throw invalidLine(cause, { table, row }, file.name);
    }
  }
  return schema;
}

// ---- rows of one table ----

async function* jsonLines(
  file: TextFile,
  table: string,
  readText: (text: string) => unknown,
  caller: Caller<never>,
  onUnreadable?: UnreadableListener,
): AsyncGenerator<SourceRow> {
  for await (const { text, row, read } of linesOf(file, JSON_LINES, caller)) {
    let value: unknown;
    try {
      value = readText(text);
    } catch (cause) {
      const problem = invalidRow(cause, { table, row }, "JSON");
      if (onUnreadable === undefined) throw problem;
      onUnreadable(problem);
      continue;
    }
    yield { value, row, read };
  }
}

async function* jsonArray(blob: Blob, table: string): AsyncGenerator<SourceRow> {
  const bytes = await bytesOf(blob);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalidImport("The file is not UTF-8.", { table }, cause);
  }
  if (!text.trimStart().startsWith("[")) throw invalidImport("Not a JSON array", { table });
  let values: unknown[];
  try {
    values = readPlainText(text) as unknown[];
  } catch (cause) {
    throw brokenArray(text, table, cause);
  }
  for (const [index, value] of values.entries()) {
    yield { value, row: index + 1, read: (blob.size * (index + 1)) / values.length };
  }
}

/** Finds the row that is wrong. Parsers name a letter at best, and not all of them do. */
function brokenArray(text: string, table: string, cause: unknown): HoldfastError {
  let row = 0;
  for (const element of elementsOf(text)) {
    row += 1;
    try {
      readPlainText(element);
    } catch (cause) {
      return invalidRow(cause, { table, row }, "JSON");
    }
  }
  const message = `The JSON array is broken behind row ${row}: ${describeError(cause)}`;
  return invalidImport(message, { table, row }, cause);
}
