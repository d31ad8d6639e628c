/**
 * Writes imported rows: encoded one by one, saved in batches, each batch one mutation.
 */
import type { Bridge } from "../bridge.js";
import { Status } from "../mailbox.js";
import type { Value } from "../data_model.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import type { Scope } from "../scope.js";
import { heapSink, type Sink } from "../sink.js";
import type { MutationOptions } from "../run.js";
import type { Placed } from "../sync_part.js";
import { mutate } from "../transactions.js";
import { tableNumberOf, withTableNumber } from "./ids.js";
import { type FilePlace, refusedRow } from "./problems.js";
import type { SourceRow } from "./sources.js";

/** How many bytes and rows one mutation writes. */
export const BATCH_BYTES = 2 << 20;
const BATCH_ROWS = 4_000;

/** Flags of a table's number, as in src/browser/writing.rs. */
const IMPORTED = 0x80000000;
const APPENDED = 0x40000000;

/** How a mutation of an import is run: it waits for nobody else's code. */
export const STEP: MutationOptions = { name: "import", timeoutMs: 0, dangling: "inDocuments" };

/**
 * How one is run that writes rows of such tables. A file that has the projects, too, says that a project is gone whose tasks
 * it has; in one of tasks alone the project may be one that has yet to come from another device.
 */
export function stepOf(placed: Placed, tables: readonly { readonly name: string }[]): MutationOptions {
  const roots = Object.keys(placed).filter((name) => placed[name]!.home === "root");
  const hasAll = roots.every((name) => tables.some((table) => table.name === name));
  return hasAll ? { ...STEP, dangling: "anywhere" } : STEP;
}

/** What a batch of rows is. */
export interface Batch {
  readonly sink: Sink;
  /** Where each row begins, and which one it is. */
  readonly starts: { at: number; row: number }[];
}

const utf8 = new TextEncoder();

/** A batch without rows. */
export const emptyBatch = (): Batch => ({ sink: heapSink(1 << 16), starts: [] });

/** Takes the rows of one table. */
export class RowWriter {
  readonly #bridge: Bridge;
  readonly #table: string;
  /** The number of the import; undefined adds to what is there. */
  readonly #import: number | undefined;
  /** Numbers of ids, and what they are to become. */
  readonly #renumbered: ReadonlyMap<number, number>;
  readonly #step: MutationOptions;
  #batch = emptyBatch();
  /** Rows that are saved. */
  #saved = 0;
  /** The batch that is being saved while the next one is made. */
  #saving: Promise<void> = Promise.resolve();

  constructor(
    bridge: Bridge,
    table: string,
    number: number | undefined,
    renumbered: ReadonlyMap<number, number>,
    step: MutationOptions,
  ) {
    this.#bridge = bridge;
    this.#table = table;
    this.#import = number;
    this.#renumbered = renumbered;
    this.#step = step;
  }

  /** How many rows are saved so far: all that ever will be, when `stop` has resolved. */
  get saved(): number {
    return this.#saved;
  }

  /** Takes a row. Resolves when there is room for the next. */
  async add({ value, row }: SourceRow): Promise<void> {
    const { sink, starts } = this.#batch;
    encodeRow(this.#bridge, this.#table, this.#batch, { value, row }, this.#renumbered);
    if (sink.position >= BATCH_BYTES || starts.length >= BATCH_ROWS) await this.#send();
  }

  /** Resolves when all rows are saved. */
  async end(): Promise<void> {
    await this.#send();
    await this.#saving;
  }

  /** Resolves when nothing is being saved any more, well or not. */
  async stop(): Promise<void> {
    await this.#saving.catch(() => undefined);
  }

  async #send(): Promise<void> {
    await this.#saving;
    const batch = this.#batch;
    if (batch.starts.length === 0) return;
    this.#batch = emptyBatch();
    const saving = mutate(
      this.#bridge,
      (scope) => writeBatch(this.#bridge, scope, this.#table, batch, this.#import),
      this.#step,
    ).then(() => {
      this.#saved += batch.starts.length;
    });
    // Whoever comes next waits for it.
    saving.catch(() => undefined);
    this.#saving = saving;
  }
}

/** Encodes a row behind those of a batch. */
export function encodeRow(
  bridge: Bridge,
  table: string,
  { sink, starts }: Batch,
  { value, row }: Pick<SourceRow, "value" | "row">,
  numbers: ReadonlyMap<number, number>,
): void {
  try {
    const document = renumberedRow(value, numbers);
    const start = sink.position;
    sink.ensure(8);
    sink.position += 8;
    const encoder = bridge.encoder(table);
    encoder.encode(sink, document, "insert");
    const length = sink.position - start - 8;
    const id = utf8.encode(idOf(encoder.id));
    sink.ensure(8 + id.length);
    const { bytes, position } = sink;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(start, 8 + id.length, true);
    view.setUint32(start + 4, length, true);
    view.setFloat64(position, timeOf(encoder.creationTime), true);
    bytes.set(id, position + 8);
    sink.position += 8 + id.length;
    starts.push({ at: start, row });
  } catch (error) {
    throw refusedRow(error, { table, row });
  }
}

/** Writes a batch to the table that an import of this number fills, or to what is there. */
export async function writeBatch(
  bridge: Bridge,
  scope: Scope,
  name: string,
  { sink, starts }: Batch,
  number: number | undefined,
): Promise<void> {
  const bytes = sink.written();
  for (let done = 0; done < bytes.length;) {
    scope.check();
    const table = bridge.table(name);
    const { input } = bridge;
    input.clear();
    const rest = bytes.subarray(done);
    input.ensure(rest.length);
    input.bytes.set(rest);
    const flag = number === undefined ? APPENDED : IMPORTED;
    const status = bridge.engine.insert(scope.transaction, (table | flag) >>> 0, number ?? 0, rest.length);
    const reached = done + bridge.number();
    switch (status) {
      case Status.Done:
        break;
      case Status.Missing:
        await bridge.ready(bridge.read());
        break;
      case Status.Stale:
        scope.lost();
        break;
      default: {
        const row = starts.find(({ at }) => at === reached)?.row;
        const place: FilePlace = { table: name, ...(row !== undefined && { row }) };
        throw refusedRow(bridge.error(), place);
      }
    }
    done = reached;
  }
}

/** A row in which ids have other numbers. */
export function renumberedRow(value: unknown, numbers: ReadonlyMap<number, number>): unknown {
  return numbers.size === 0 ? value : renumbered(value as Value, numbers);
}

function idOf(id: unknown): string {
  if (id === undefined || id === null) return "";
  if (typeof id === "string" && id !== "" && id.length < 200) return id;
  throw new HoldfastError("InvalidId", `The _id of a document must be an id, but got ${describe(id)}.`, {
    details: { path: "._id" },
  });
}

function timeOf(time: unknown): number {
  if (time === undefined || time === null) return NaN;
  // -0 is a time as 0 is.
  if (typeof time === "number" && Number.isFinite(time)) return time + 0;
  throw new HoldfastError("InvalidValue", `_creationTime must be a finite number, but got ${describe(time)}.`, {
    details: { path: "._creationTime" },
  });
}

/** A value in which ids have other numbers. */
function renumbered(value: Value, numbers: ReadonlyMap<number, number>): Value {
  if (typeof value === "string") {
    const number = tableNumberOf(value);
    const next = number === undefined ? undefined : numbers.get(number);
    return next === undefined ? value : withTableNumber(value, next);
  }
  if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) return value;
  if (Array.isArray(value)) return value.map((element) => renumbered(element, numbers));
  // The names of a record's fields may be ids, too.
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [renumbered(name, numbers) as string, renumbered(field!, numbers)]),
  );
}
