/**
 * Imports a file. Rows go into tables that nobody sees; when all are there, those take the places of the tables of their
 * names, in one commit. Until then nothing of them has changed, whatever happens. What goes into synced tables is written
 * like anything else (`./synced.ts`), before that commit.
 */
import { invalidArgument } from "../arguments.js";
import type { Bridge } from "../bridge.js";
import { Status } from "../mailbox.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import { readOptions } from "../options.js";
import { Executor } from "../reads.js";
import { queryTable } from "../query.js";
import type { Scope } from "../scope.js";
import type { Placed } from "../sync_part.js";
import { mutate, newId } from "../transactions.js";
import { Caller } from "./caller.js";
import { tableNumberOf } from "./ids.js";
import { exclusively, type ImportPlace, whenAbandoned } from "./lock.js";
import { checkFileOptions } from "./options.js";
import { blobOf, type FileFormat, type ImportSource, readSource, type Source, type SourceTable } from "./sources.js";
import { invalidImport, withSaved } from "./problems.js";
import { SyncedReplacement } from "./synced.js";
import { BEGIN, FINISH, GIVE_UP, unfinishedImport } from "./step.js";
import { RowWriter, STEP, stepOf } from "./writer.js";

/** What becomes of the documents that are there. */
export type ImportMode = "append" | "replace" | "replaceAll";

/** Options of `import`. */
export interface ImportOptions {
  /** What the file is. Else its name or its beginning tells. */
  format?: FileFormat;
  /** The table whose rows the file has: for everything but a ZIP. */
  table?: string;
  /** Of a ZIP, the tables to import. Else all. */
  tables?: readonly string[];
  /**
   * Without a mode a table that has documents already is an error. `"replace"` puts what is imported in their place,
   * `"replaceAll"` also empties the tables that are not in the file, and `"append"` adds to what is there: batch by
   * batch, so that an error leaves those before it; its `details.saved` says how many documents they are. The others do so
   * in synced tables, where what is there is changed to what the file says; the same import again completes it.
   */
  mode?: ImportMode;
  /** Hears how far it is. One that throws, or whose promise is rejected, ends it. */
  onProgress?: (progress: ImportProgress) => void;
  /** Ends it: the import is rejected with the signal's reason, and nothing has changed, but in synced tables. */
  signal?: AbortSignal;
}

/** How far an import is. */
export interface ImportProgress {
  /** The table that is being read. */
  readonly table: string;
  /** Rows read so far, of all tables. */
  readonly rows: number;
  /** How much of the file is read, from 0 to 1. */
  readonly done: number;
}

/** What was imported. */
export interface ImportReport {
  /** Rows, by table. */
  readonly tables: Readonly<Record<string, number>>;
  /** Rows of all tables. */
  readonly rows: number;
  /** What is in the file and was left out, such as `_storage`. */
  readonly skipped: readonly string[];
}

/** The database to import into. */
export interface ImportTarget extends ImportPlace {
  /** The tables of the app's schema. */
  readonly tables: readonly string[];
  /** Where those lie that are synced. */
  readonly placed: Placed;
}

const MODES: readonly unknown[] = [undefined, "append", "replace", "replaceAll"];
/** A listener hears at most so often. */
const PROGRESS_ROWS = 500;

/** Imports a file. */
export async function importInto(
  target: ImportTarget,
  given: ImportSource,
  options: ImportOptions,
): Promise<ImportReport> {
  const { format, table, tables, mode, onProgress, signal } = checkedOptions(options);
  const caller = new Caller(onProgress, signal);
  const source = await caller.during(async () => readSource(await blobOf(given, caller), format, table, caller));
  const chosen = chooseTables(target, source, tables);
  if (mode === "replaceAll") requireAll(target, source, chosen);
  const report = { tables: {} as Record<string, number>, rows: 0, skipped: source.skipped };
  const total = Math.max(
    1,
    chosen.reduce((sum, { size }) => sum + size, 0),
  );
  /** Bytes of the tables that are read to their end. */
  let finished = 0;
  const tell = (name: string, done: number) =>
    caller.tell({ table: name, rows: report.rows, done: Math.min(1, done / total) });
  const copy = async (from: SourceTable, writer: Writer) => {
    report.tables[from.name] = 0;
    try {
      for await (const row of from.rows()) {
        await writer.add(row);
        report.rows += 1;
        report.tables[from.name]! += 1;
        if (report.rows % PROGRESS_ROWS === 0) tell(from.name, finished + row.read);
        if (caller.isDue) await caller.rest();
      }
      await writer.end();
    } finally {
      await writer.stop();
    }
    finished += from.size;
    tell(from.name, from === chosen.at(-1) ? total : finished);
    await caller.rest();
  };
  const numbers = await numbersOf(source, target);
  await exclusively(target, () =>
    mode === "append" ? append(target, chosen, numbers, copy) : replace(target, chosen, mode, numbers, copy, caller),
  );
  return report;
}

function checkedOptions(given: ImportOptions): ImportOptions {
  const names = ["format", "table", "tables", "mode", "onProgress", "signal"] as const;
  const options = readOptions(given, "The options of `import`", names);
  checkFileOptions(options);
  const { mode } = options;
  if (!MODES.includes(mode)) {
    throw invalidArgument(`\`mode\` must be "append", "replace" or "replaceAll". Received ${describe(mode)}.`);
  }
  return options;
}

/** The tables of the file that are to be imported. All must be in the schema. */
function chooseTables(target: ImportTarget, source: Source, wanted: readonly string[] | undefined): SourceTable[] {
  const missing = wanted?.find((name) => !source.tables.some((table) => table.name === name));
  if (missing !== undefined) throw invalidImport(`The file has no table "${missing}".`, { table: missing });
  const chosen = source.tables.filter(({ name }) => wanted === undefined || wanted.includes(name));
  const unknown = chosen.filter(({ name }) => !target.tables.includes(name)).map(({ name }) => `"${name}"`);
  if (unknown.length === 0) return chosen;
  const hint = source.format === "zip" ? " Name the tables to import: { tables: [ … ] }." : "";
  const message =
    unknown.length === 1
      ? `Table ${unknown[0]} is not in the schema.${hint}`
      : `Tables ${unknown.join(", ")} are not in the schema.${hint}`;
  throw new HoldfastError("TableNotFound", message);
}

/** A table that is in the file must not become empty because it was not chosen. */
function requireAll(target: ImportTarget, source: Source, chosen: readonly SourceTable[]): void {
  const left = source.tables.find((table) => target.tables.includes(table.name) && !chosen.includes(table));
  if (left === undefined) return;
  throw invalidArgument(
    `\`tables\` leaves out "${left.name}", which the file has, and \`mode: "replaceAll"\` would empty it: choose it too, or use "replace".`,
  );
}

type Writer = Pick<RowWriter, "add" | "end" | "stop">;
type Copy = (from: SourceTable, writer: Writer) => Promise<void>;

/** The numbers in the ids of a file's tables. No two may have one. */
async function numbersOf(source: Source, target: ImportTarget): Promise<ReadonlyMap<string, number>> {
  const numbers = new Map<string, number>();
  for (const table of source.tables.filter(({ name }) => target.tables.includes(name))) {
    const number = table.number ?? (await firstNumber(table));
    if (number === undefined) continue;
    const other = [...numbers].find(([, taken]) => taken === number)?.[0];
    if (other !== undefined) {
      throw invalidImport(`Tables "${other}" and "${table.name}" both have the table number ${number}.`, {
        table: table.name,
      });
    }
    numbers.set(table.name, number);
  }
  return numbers;
}

/** From the numbers in a file's ids to those that the tables have here, of all tables but some. */
function ownNumbers(
  bridge: Bridge,
  numbers: ReadonlyMap<string, number>,
  except: readonly string[] = [],
): Map<number, number> {
  const own = new Map<number, number>();
  for (const [name, number] of numbers) {
    if (except.includes(name)) continue;
    const here = tableNumberOf(newId(bridge, 0, name));
    if (here !== undefined && here !== number) own.set(number, here);
  }
  return own;
}

async function replace(
  target: ImportTarget,
  tables: SourceTable[],
  mode: ImportMode | undefined,
  numbers: ReadonlyMap<string, number>,
  copy: Copy,
  caller: Caller,
): Promise<void> {
  const { bridge } = target;
  const all = tables.map(({ name }) => name);
  if (mode === "replaceAll") all.push(...target.tables.filter((name) => !all.includes(name)));
  const step = stepOf(target.placed, tables);
  const synced = new SyncedReplacement(bridge, target.placed, step);
  const syncedNames = all.filter((name) => synced.has(name));
  const names = all.filter((name) => !synced.has(name));
  const isNew = mode === undefined;
  await synced.check(tables, numbers, () => caller.rest());
  if (isNew && syncedNames.length > 0) {
    await mutate(
      bridge,
      async (scope) => {
        for (const name of syncedNames) await requireEmpty(bridge, scope, name);
      },
      STEP,
    );
  }
  /** What documents share is written last, and before that commit in which the others are replaced. */
  const writeSynced = async (renumbered: ReadonlyMap<number, number>) => {
    try {
      for (const table of synced.sorted(tables)) await copy(table, synced.writer(table.name, renumbered));
      // What has come meanwhile into tables that were empty is nobody's to delete.
      if (!isNew) await synced.deleteOthers(syncedNames, () => caller.check());
    } catch (error) {
      throw synced.failed(error);
    }
  };
  if (names.length === 0 && all.length > 0) return writeSynced(ownNumbers(bridge, numbers, all));
  const take = (step: number, argument: () => number) =>
    mutate(
      bridge,
      async (scope) => {
        if (step !== GIVE_UP) caller.check();
        // It has read them: what somebody adds meanwhile lets the step be taken again, and fail here.
        if (isNew && step !== GIVE_UP) for (const name of names) await requireEmpty(bridge, scope, name);
        if (bridge.engine.importStep(scope.transaction, step, argument()) === Status.Failed) throw bridge.error();
      },
      STEP,
    );
  const begin = (numbers: ReadonlyMap<string, number>) => {
    const lines = names.map((name) => `${name} ${numbers.get(name) ?? ""}`).join("\n");
    return take(BEGIN, () => {
      bridge.input.clear();
      return bridge.input.appendText(lines);
    });
  };
  // What is replaced takes the file's numbers. Tables that are not keep theirs, and rows may refer to them.
  let renumbered = ownNumbers(bridge, numbers, all);
  try {
    await begin(numbers);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "InvalidSchema") throw error;
    // Another table has one of these numbers here, as when two deployments have given them in another order.
    renumbered = ownNumbers(bridge, numbers);
    await begin(new Map());
  }
  const number = unfinishedImport(bridge)!;
  try {
    for (const table of tables) {
      if (!synced.has(table.name)) await copy(table, new RowWriter(bridge, table.name, number, renumbered, step));
    }
    await writeSynced(renumbered);
    await take(FINISH, () => number);
  } catch (error) {
    // Else whoever opens the database next does it.
    if (!bridge.isClosed) await take(GIVE_UP, () => number).catch(() => undefined);
    throw error;
  }
}

async function requireEmpty(bridge: Bridge, scope: Scope, name: string): Promise<void> {
  const rows = queryTable(new Executor(bridge, scope), name);
  if ((await rows.first()) === null) return;
  throw invalidImport(`Table ${name} already exists. Please choose a new table name or use replace/append modes.`, {
    table: name,
  });
}

/** Adds to what is there. Ids get the numbers that the tables have here, and so does what refers to them. */
async function append(
  { bridge, placed }: ImportTarget,
  tables: SourceTable[],
  numbers: ReadonlyMap<string, number>,
  copy: Copy,
): Promise<void> {
  const renumbered = ownNumbers(bridge, numbers);
  const step = stepOf(placed, tables);
  let saved = 0;
  for (const table of tables) {
    const writer = new RowWriter(bridge, table.name, undefined, renumbered, step);
    try {
      await copy(table, writer);
    } catch (error) {
      throw withSaved(error, saved + writer.saved);
    }
    saved += writer.saved;
  }
}

/** Rows that may come before one with an id. */
const ROWS_WITHOUT_ID_MAX = 10_000;

/** The number in the ids of a table whose file does not say it. */
async function firstNumber(table: SourceTable): Promise<number | undefined> {
  let rows = 0;
  for await (const { value } of table.rows()) {
    const id = (value as { _id?: unknown } | null)?._id;
    if (typeof id === "string") return tableNumberOf(id);
    if ((rows += 1) === ROWS_WITHOUT_ID_MAX) break;
  }
  return undefined;
}

/** Gives up an import whose page is gone, or is gone later, if nobody has done it before. */
export async function clearAway(place: ImportPlace): Promise<void> {
  const { bridge } = place;
  await whenAbandoned(place, (number) =>
    mutate(
      bridge,
      async (scope) => {
        // Another one may have begun meanwhile.
        if (unfinishedImport(bridge) !== number) return;
        if (bridge.engine.importStep(scope.transaction, GIVE_UP, number) === Status.Failed) throw bridge.error();
      },
      STEP,
    ),
  );
}
