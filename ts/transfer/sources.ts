/**
 * What an app gives to be imported, as tables with their rows: a Convex snapshot, or the rows of one table as JSON lines,
 * a JSON array or CSV.
 */
import { invalidArgument } from "../arguments.js";
import { describe, describeError } from "../describe.js";
import type { HoldfastError } from "../errors.js";
import { type ArchiveFile, readArchive } from "./archive.js";
import { csvRows } from "./csv.js";
import { readPlainText, readSnapshotText } from "./json_text.js";
import { linesOf } from "./lines.js";
import { invalidImport, invalidLine, invalidRow } from "./problems.js";
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
   * Its rows, each with what it took of the file. A line that can't be read is an error; where somebody listens, it is
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
  /** Its length in the file, roughly. */
  readonly size: number;
}

/** What a file holds. */
export interface Source {
  readonly format: FileFormat;
  readonly tables: readonly SourceTable[];
  /** What is in it and can't be imported: files of Convex's storage, tables of components. */
  readonly skipped: readonly string[];
  /** How much there is to read. */
  readonly size: number;
}

/** The bytes of what was given. */
export async function blobOf(given: unknown): Promise<Blob> {
  if (given instanceof Blob) return given;
  if (typeof given === "string" || given instanceof ArrayBuffer) return new Blob([given]);
  if (given instanceof Uint8Array) return new Blob([given as Uint8Array<ArrayBuffer>]);
  if (given instanceof ReadableStream) {
    try {
      return await new Response(given).blob();
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
): Promise<Source> {
  const form = format ?? (await formatOf(blob));
  if (form === "zip") {
    if (table !== undefined) throw invalidArgument("`table` names the table of one file of rows; a ZIP has its own.");
    return readSnapshot(blob);
  }
  if (table === undefined) {
    throw invalidArgument(`\`table\` must say whose rows they are: the file is ${form.toUpperCase()}.`);
  }
  const lines = () => linesOf(blob.stream(), "The file");
  const rows = {
    jsonl: (onUnreadable?: UnreadableListener) => jsonLines(lines(), table, readPlainText, onUnreadable),
    json: () => jsonArray(blob, table),
    csv: () => csv(lines(), table),
  };
  const { size } = blob;
  return { format: form, tables: [{ name: table, number: undefined, size, rows: rows[form] }], skipped: [], size };
}

/** The form of a file, by its name or its beginning. */
async function formatOf(blob: Blob): Promise<FileFormat> {
  const name = "name" in blob && typeof blob.name === "string" ? blob.name.toLowerCase() : "";
  const byName = FORMATS.find((format) => name.endsWith(`.${format}`));
  if (byName !== undefined) return byName;
  const start = new Uint8Array(await blob.slice(0, 64).arrayBuffer());
  if (start[0] === 0x50 && start[1] === 0x4b) return "zip";
  const text = new TextDecoder().decode(start).trimStart();
  if (text.startsWith("[")) return "json";
  if (text.startsWith("{")) return "jsonl";
  throw invalidArgument('`format` must say what the file is: "zip", "jsonl", "json" or "csv".');
}

// ---- snapshots ----

/** A file of a table, wherever the archive has it. */
const TABLE_FILE = /^(?:.*\/)?([^/]+)\/(documents|generated_schema)\.jsonl$/;
const COMPONENTS = /(?:^|\/)_components\//;
const STORAGE = /(?:^|\/)_storage\//;

async function readSnapshot(blob: Blob): Promise<Source> {
  const files = await readArchive(blob);
  const documents = new Map<string, ArchiveFile>();
  const schemas = new Map<string, ArchiveFile>();
  const skipped = new Set<string>();
  let numbers = new Map<string, number>();
  for (const file of files) {
    const [, name, kind] = TABLE_FILE.exec(file.name) ?? [];
    if (COMPONENTS.test(file.name)) skipped.add("_components");
    else if (STORAGE.test(file.name)) skipped.add("_storage");
    else if (name === undefined) continue;
    else if (name === "_tables") numbers = kind === "documents" ? await readNumbers(file) : numbers;
    else if (name.startsWith("_")) skipped.add(name);
    else {
      const found = kind === "documents" ? documents : schemas;
      if (found.has(name))
        throw invalidImport(`The ZIP archive has two tables of the name "${name}".`, { table: name });
      found.set(name, file);
    }
  }
  if (documents.size === 0)
    throw invalidImport("The ZIP archive has no tables: it is no snapshot of Convex or Holdfast.");
  const tables = [...documents].map(([name, file]) => ({
    name,
    number: numbers.get(name),
    size: file.size,
    rows: (onUnreadable?: UnreadableListener) => snapshotRows(name, file, schemas.get(name), onUnreadable),
  }));
  const size = [...documents.values()].reduce((sum, file) => sum + file.size, 0);
  return { format: "zip", tables, skipped: [...skipped], size };
}

/** The numbers in ids, by the names of their tables. */
async function readNumbers(file: ArchiveFile): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  let row = 0;
  for await (const line of linesOf(file.stream(), file.name)) {
    row += 1;
    if (line.trim() === "") continue;
    let read: unknown;
    try {
      read = readPlainText(line);
    } catch (cause) {
      throw invalidRow(cause, { table: "_tables", row }, "JSON");
    }
    const { name, id } = (read ?? {}) as { name?: unknown; id?: unknown };
    const isNumber = typeof id === "number" && Number.isInteger(id) && id > 0 && id <= 0xffffffff;
    if (typeof name !== "string" || !isNumber) {
      throw invalidImport(`Row ${row} of _tables names no table and its number.`, { table: "_tables", row });
    }
    numbers.set(name, id);
  }
  return numbers;
}

async function* snapshotRows(
  table: string,
  file: ArchiveFile,
  schemaFile?: ArchiveFile,
  onUnreadable?: UnreadableListener,
): AsyncGenerator<SourceRow> {
  const schema = schemaFile && (await readSchema(table, schemaFile));
  const lines = linesOf(file.stream(), file.name);
  if (schema === undefined) {
    yield* jsonLines(lines, table, readSnapshotText, onUnreadable);
    return;
  }
  yield* jsonLines(lines, table, (text) => schema.apply(readPlainText(text)), onUnreadable);
}

/** The types of an older snapshot's table; undefined for today's, whose documents say themselves what they are. */
async function readSchema(table: string, file: ArchiveFile): Promise<GeneratedSchema | undefined> {
  let schema: GeneratedSchema | undefined;
  let row = 0;
  for await (const line of linesOf(file.stream(), file.name)) {
    row += 1;
    if (line.trim() === "") continue;
    try {
      const read = JSON.parse(line) as unknown;
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
  lines: AsyncIterable<string>,
  table: string,
  read: (text: string) => unknown,
  onUnreadable?: UnreadableListener,
): AsyncGenerator<SourceRow> {
  let row = 0;
  for await (const line of lines) {
    row += 1;
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = read(line);
    } catch (cause) {
      const problem = invalidRow(cause, { table, row }, "JSON");
      if (onUnreadable === undefined) throw problem;
      onUnreadable(problem);
      continue;
    }
    yield { value, row, size: line.length + 1 };
  }
}

async function* jsonArray(blob: Blob, table: string): AsyncGenerator<SourceRow> {
  let values: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await blob.arrayBuffer());
    values = readPlainText(text);
  } catch (cause) {
    throw invalidImport("Not a JSON array", { table }, cause);
  }
  if (!Array.isArray(values)) throw invalidImport("Not a JSON array", { table });
  const size = blob.size / values.length;
  for (const [index, value] of values.entries()) yield { value, row: index + 1, size };
}

async function* csv(lines: AsyncIterable<string>, table: string): AsyncGenerator<SourceRow> {
  let size = 0;
  const counted = async function* () {
    for await (const line of lines) {
      size += line.length + 1;
      yield line;
    }
  };
  let row = 0;
  for await (const value of csvRows(counted(), table)) {
    row += 1;
    yield { value, row, size };
    size = 0;
  }
}
