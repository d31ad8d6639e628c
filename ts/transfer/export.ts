/**
 * Exports what is stored, as it is at one moment: a snapshot as Convex's, or the rows of one table.
 */
import { invalidArgument } from "../arguments.js";
import type { Bridge } from "../bridge.js";
import { convexToJson } from "../convex/convex_json.js";
import type { GenericDocument, Value } from "../data_model.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import { readOptions } from "../options.js";
import { queryTable } from "../query.js";
import { Executor } from "../reads.js";
import type { Scope } from "../scope.js";
import { newId, read } from "../transactions.js";
import { ArchiveWriter, bytesOf } from "./archive.js";
import { Caller } from "./caller.js";
import { csvLine } from "./csv.js";
import { tableNumberOf, withTableNumber } from "./ids.js";
import { snapshotText } from "./json_text.js";
import { checkFileOptions } from "./options.js";
import type { FileFormat } from "./sources.js";

/** Options of `export`. */
export interface ExportOptions {
  /** What to make: `"zip"`, a snapshot as Convex's, unless it is said; or the rows of one table. */
  format?: FileFormat;
  /** The table whose rows are wanted: for everything but a ZIP. */
  table?: string;
  /** For a ZIP, the tables that are wanted. Else all of the schema. */
  tables?: readonly string[];
  /** Hears how far it is. One that throws, or whose promise is rejected, ends it. */
  onProgress?: (progress: ExportProgress) => void;
  /** Ends it: the export is rejected with the signal's reason. */
  signal?: AbortSignal;
}

/** How far an export is. */
export interface ExportProgress {
  /** The table that is being written. */
  readonly table: string;
  /** Rows written so far, of all tables. */
  readonly rows: number;
  /** How many there are. */
  readonly total: number;
}

/** The database to export. */
export interface ExportOrigin {
  readonly bridge: Bridge;
  readonly name: string;
  readonly tables: readonly string[];
}

/** How often it may begin again, when what it reads is gone before it has read it. */
const TRIES = 5;
/** A listener hears at most so often. */
const PROGRESS_ROWS = 500;
/** Text is handed on in pieces of this length. */
const PIECE = 1 << 16;

const MEDIA: Record<FileFormat, string> = {
  zip: "application/zip",
  jsonl: "application/x-ndjson",
  json: "application/json",
  csv: "text/csv",
};

/** Makes a file of what is stored. */
export async function exportFrom(origin: ExportOrigin, given: ExportOptions): Promise<Blob> {
  const { format = "zip", table, tables, onProgress, signal } = checkedOptions(origin, given);
  const caller = new Caller(onProgress, signal);
  const names = table === undefined ? [...new Set(tables ?? origin.tables)].sort() : [table];
  let tries = 0;
  const make = async (scope: Scope) => {
    tries += 1;
    if (tries > TRIES) {
      const message = `The export could not keep up: other writes replaced what it was reading ${TRIES} times. Try again.`;
      throw new HoldfastError("StorageFailed", message);
    }
    const rows = new Rows(origin.bridge, scope, caller);
    for (const name of names) rows.total += await rows.query(name).count();
    if (format === "zip") return snapshot(origin, names, rows);
    const blob = await new Response(bytesOf(rowsAs(format, table!, rows))).blob();
    return blob.slice(0, blob.size, MEDIA[format]);
  };
  return caller
    .during(() => read(origin.bridge, make))
    .catch((error: unknown) => {
      // Chromium keeps large files on the disk until they are saved, and fails without a word when that is full.
      if (error === undefined) throw new HoldfastError("StorageFailed", NO_ROOM);
      throw error;
    });
}

const NO_ROOM = "The file could not be made: the browser has no room for it. Make some, or export tables one by one.";

function checkedOptions({ tables: known }: ExportOrigin, given: ExportOptions): ExportOptions {
  const options = readOptions(given, "The options of `export`", ["format", "table", "tables", "onProgress", "signal"]);
  checkFileOptions(options);
  const { format = "zip", table, tables } = options;
  if (format === "zip" && table !== undefined) {
    throw invalidArgument("`table` names the table whose rows are wanted. For a ZIP, give `tables`.");
  }
  if (format !== "zip" && (table === undefined || tables !== undefined)) {
    throw invalidArgument(`\`table\` must name the one table whose rows are wanted as ${format.toUpperCase()}.`);
  }
  for (const name of table === undefined ? (tables ?? []) : [table]) {
    if (!known.includes(name)) {
      throw new HoldfastError("TableNotFound", `Table ${describe(name)} is not in the schema.`);
    }
  }
  return options;
}

/** The rows of one moment. */
class Rows {
  total = 0;
  /** What stands for the tables in their ids. */
  readonly numbers: ReadonlyMap<string, number>;
  #rows = 0;
  readonly #executor: Executor;
  readonly #ids: OwnIds;
  readonly #caller: Caller<ExportProgress>;

  constructor(bridge: Bridge, scope: Scope, caller: Caller<ExportProgress>) {
    this.#executor = new Executor(bridge, scope);
    const numberOf = (table: string) => tableNumberOf(newId(bridge, scope.transaction, table))!;
    this.numbers = new Map(bridge.tableNames.map((table) => [table, numberOf(table)]));
    this.#ids = new OwnIds(bridge, this.numbers);
    this.#caller = caller;
  }

  query(table: string) {
    return queryTable(this.#executor, table);
  }

  /** The rows of a table, in the order of their creation. */
  async *of(table: string): AsyncGenerator<GenericDocument> {
    for await (const row of this.stored(table)) {
      yield this.#ids.in(row) as GenericDocument;
      this.#rows += 1;
      if (this.#rows % PROGRESS_ROWS === 0) this.tell(table);
    }
    this.tell(table);
  }

  /** The same, as they are stored. */
  async *stored(table: string): AsyncGenerator<GenericDocument> {
    for await (const row of this.query(table)) {
      if (this.#caller.isDue) await this.#caller.rest();
      yield row;
    }
  }

  tell(table: string): void {
    this.#caller.tell({ table, rows: this.#rows, total: this.total });
  }
}

/**
 * Ids as their tables give them now. What refers to a document may have the number that its table had before an import:
 * here that is known, and wherever the file comes to it would be no id.
 */
class OwnIds {
  readonly #bridge: Bridge;
  /** The tables' numbers in the state that is exported. */
  readonly #tables: ReadonlyMap<string, number>;
  readonly #own = new Map<number, number | undefined>();

  constructor(bridge: Bridge, tables: ReadonlyMap<string, number>) {
    this.#bridge = bridge;
    this.#tables = tables;
    for (const number of tables.values()) this.#own.set(number, undefined);
  }

  /** A value in which all ids are so. */
  in(value: Value): Value {
    if (typeof value === "string") return this.#id(value);
    if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) return value;
    if (Array.isArray(value)) return value.map((element) => this.in(element));
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [this.#id(name), this.in(field!)]));
  }

  #id(text: string): string {
    const number = tableNumberOf(text);
    if (number === undefined) return text;
    if (!this.#own.has(number)) this.#own.set(number, this.#find(text));
    const own = this.#own.get(number);
    return own === undefined ? text : withTableNumber(text, own);
  }

  /** The number of the table that takes an id for its own. */
  #find(id: string): number | undefined {
    const bridge = this.#bridge;
    const isOf = (name: string) => {
      // First: a name that is new to the engine goes through the same place as the id.
      const table = bridge.table(name);
      return bridge.engine.isIdOf(bridge.input.writeText(id), table);
    };
    const table = bridge.tableNames.find(isOf);
    return table === undefined ? undefined : this.#tables.get(table);
  }
}

async function snapshot({ name }: ExportOrigin, tables: readonly string[], rows: Rows): Promise<Blob> {
  const archive = new ArchiveWriter();
  const numbered = tables.map((table) => ({ name: table, id: rows.numbers.get(table)! }));
  numbered.sort((a, b) => a.id - b.id);
  await archive.add("README.md", [readme(name)]);
  await archive.add("_tables/documents.jsonl", [numbered.map((table) => `${JSON.stringify(table)}\n`).join("")]);
  for (const table of tables) {
    await archive.add(`${table}/documents.jsonl`, pieces(linesOf(rows.of(table))));
    await archive.add(`${table}/generated_schema.jsonl`, ['"uniform"\n']);
  }
  return archive.finish();
}

const readme = (name: string) => `# A snapshot of the database ${JSON.stringify(name)}

Made by Holdfast, in the form of a Convex snapshot: \`npx convex import\` and Holdfast's \`db.import()\` read it. Each
folder is a table, whose documents are in \`documents.jsonl\`, one a line; \`_tables\` has the numbers in their ids.
`;

async function* linesOf(rows: AsyncIterable<GenericDocument>): AsyncGenerator<string> {
  for await (const row of rows) yield `${snapshotText(row)}\n`;
}

async function* rowsAs(format: FileFormat, table: string, rows: Rows): AsyncGenerator<string> {
  const json = (row: GenericDocument) => JSON.stringify(convexToJson(row));
  if (format === "jsonl") {
    yield* pieces(mapped(rows.of(table), (row) => `${json(row)}\n`));
  } else if (format === "json") {
    let before = "[\n";
    const separated = (row: GenericDocument) => {
      const text = before + json(row);
      before = ",\n";
      return text;
    };
    yield* pieces(mapped(rows.of(table), separated));
    yield before === "[\n" ? "[]\n" : "\n]\n";
  } else {
    // The columns are known when all rows were seen; the same ones are there to be read again.
    const names = new Set(["_id", "_creationTime"]);
    for await (const row of rows.stored(table)) for (const name of Object.keys(row)) names.add(name);
    const [id, time, ...others] = names;
    const header = [id!, time!, ...others.sort()];
    yield csvLine(header);
    yield* pieces(mapped(rows.of(table), (row) => csvLine(header, row)));
  }
}

async function* mapped<T, U>(items: AsyncIterable<T>, map: (item: T) => U): AsyncGenerator<U> {
  for await (const item of items) yield map(item);
}

/** Short texts as fewer long ones. */
async function* pieces(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = "";
  for await (const text of texts) {
    piece += text;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}
