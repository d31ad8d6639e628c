/**
 * Replaces what synced tables have by what a file has: as changes of their documents like any other, so that their history
 * and what others have written at the same time stay. They are shared, so no table can take the place of another; it is done
 * batch by batch, and doing it again completes what was begun.
 */
import type { Bridge } from "../bridge.js";
import { HoldfastError } from "../errors.js";
import { queryTable } from "../query.js";
import { Executor } from "../reads.js";
import type { MutationOptions } from "../run.js";
import type { Placed } from "../sync_part.js";
import { mutate, newId, TransactionDatabase } from "../transactions.js";
import { tableNumberOf } from "./ids.js";
import { invalidImport, refusedRow } from "./problems.js";
import type { SourceRow, SourceTable } from "./sources.js";
import { BATCH_BYTES, emptyBatch, encodeRow, renumberedRow, writeBatch } from "./writer.js";

/** So many rows are written in one mutation: each is compared with what is there. */
const ROWS_AT_ONCE = 500;

interface Row {
  readonly value: Record<string, unknown> & { readonly _id: string };
  readonly row: number;
}

/** Rows of synced tables, on their way from a file. */
export class SyncedReplacement {
  readonly #bridge: Bridge;
  readonly #placed: Placed;
  readonly #step: MutationOptions;
  /** The ids that a table is to have in the end: about a hundred bytes for each row of the file. */
  readonly #ids = new Map<string, Set<string>>();
  /** How many rows of the file are written. */
  #written = 0;
  #deleted = 0;

  constructor(bridge: Bridge, placed: Placed, step: MutationOptions) {
    this.#bridge = bridge;
    this.#placed = placed;
    this.#step = step;
  }

  /** Whether a table is one of those. */
  has(name: string): boolean {
    return Object.hasOwn(this.#placed, name) && this.#placed[name]!.home !== "local";
  }

  /** What others lie within comes first. */
  sorted(tables: readonly SourceTable[]): SourceTable[] {
    const isRoot = ({ name }: SourceTable) => this.#placed[name]!.home === "root";
    const synced = tables.filter(({ name }) => this.has(name));
    return [...synced.filter(isRoot), ...synced.filter((table) => !isRoot(table))];
  }

  /** Looks through a file for what can't be done, before anything is. */
  async check(tables: readonly SourceTable[], numbers: ReadonlyMap<string, number>, rest: () => Promise<void>) {
    for (const table of this.sorted(tables)) {
      const { name } = table;
      const own = tableNumberOf(newId(this.#bridge, 0, name))!;
      const given = numbers.get(name) ?? own;
      if (given !== own) throw otherNumber(name, given, own);
      const ids = new Set<string>();
      let rows = 0;
      for await (const { value, row } of table.rows()) {
        const id = (value as { _id?: unknown } | null)?._id;
        if (typeof id === "string") {
          const number = tableNumberOf(id);
          if (number !== undefined && number !== own) throw otherNumber(name, number, own, row);
          if (ids.has(id)) {
            throw invalidImport(`Row ${row} of table "${name}" has the _id of another row: ${id}.`, {
              table: name,
              row,
            });
          }
          ids.add(id);
        }
        if ((rows += 1) % ROWS_AT_ONCE === 0) await rest();
      }
    }
  }

  /** Takes rows of a table. */
  writer(name: string, numbers: ReadonlyMap<number, number>) {
    let rows: Row[] = [];
    let begin = 0;
    let end = 0;
    const ids = new Set<string>();
    this.#ids.set(name, ids);
    const send = async () => {
      if (rows.length === 0) return;
      const batch = rows;
      [rows, begin] = [[], end];
      await this.#write(name, batch, numbers);
      this.#written += batch.length;
    };
    return {
      add: async ({ value, row, read }: SourceRow): Promise<void> => {
        const document = renumberedRow(value, numbers) as Record<string, unknown>;
        const given = (document as Record<string, unknown> | null)?._id ?? undefined;
        // One that brings none gets one, to be told from those that are to go.
        const id = given === undefined ? newId(this.#bridge, 0, name) : given;
        if (typeof document !== "object" || document === null || typeof id !== "string") {
          // It says what is wrong with it.
          encodeRow(this.#bridge, name, emptyBatch(), { value, row }, numbers);
          throw invalidImport(`Row ${row} of table "${name}" is not valid.`, { table: name, row });
        }
        ids.add(id);
        rows.push({ value: { ...document, _id: id }, row });
        end = read;
        if (rows.length >= ROWS_AT_ONCE || end - begin >= BATCH_BYTES) await send();
      },
      end: send,
      stop: () => Promise.resolve(),
    };
  }

  /** Writes rows: those that are there become what the file says, others come, or come back. */
  async #write(name: string, rows: readonly Row[], numbers: ReadonlyMap<number, number>): Promise<void> {
    const bridge = this.#bridge;
    await mutate(
      bridge,
      async (scope) => {
        const database = new TransactionDatabase(bridge, scope);
        const batch = emptyBatch();
        for (const { value, row } of rows) {
          try {
            // A document that is what it is to be is not written.
            if ((await database.get(name, value._id)) !== null) await database.replace(name, value._id, value);
            else encodeRow(bridge, name, batch, { value, row }, numbers);
          } catch (error) {
            throw refusedRow(error, { table: name, row });
          }
        }
        if (batch.starts.length > 0) await writeBatch(bridge, scope, name, batch, undefined);
      },
      this.#step,
    );
  }

  /** Deletes what the file does not have, of these tables: what lies within others first. */
  async deleteOthers(names: readonly string[], check: () => void): Promise<void> {
    const isRoot = (name: string) => this.#placed[name]!.home === "root";
    for (const name of [...names.filter((name) => !isRoot(name)), ...names.filter(isRoot)]) {
      const kept = this.#ids.get(name);
      let cursor: string | null = null;
      for (let isDone = false; !isDone;) {
        check();
        const from: string | null = cursor;
        const step = await mutate(
          this.#bridge,
          async (scope) => {
            const database = new TransactionDatabase(this.#bridge, scope);
            const query = queryTable(new Executor(this.#bridge, scope), name);
            const found = await query.paginate({ cursor: from, numItems: ROWS_AT_ONCE });
            const others = found.page.filter(({ _id }) => kept?.has(_id as string) !== true);
            for (const { _id } of others) await database.delete(name, _id as string);
            return { cursor: found.continueCursor, isDone: found.isDone, deleted: others.length };
          },
          this.#step,
        );
        ({ cursor, isDone } = step);
        this.#deleted += step.deleted;
      }
    }
  }

  /** The error of one that has ended on its way, with what was done before. */
  failed(error: unknown): unknown {
    const [saved, deleted] = [this.#written, this.#deleted];
    if (saved + deleted === 0 || !(error instanceof HoldfastError)) return error;
    const { code, message, retryable, cause } = error;
    const said = `${message} Of synced tables ${saved} rows of the file were written before, and ${deleted} others deleted: import it again to complete that.`;
    return new HoldfastError(code, said, { details: { ...error.details, saved, deleted }, retryable, cause });
  }
}

function otherNumber(table: string, given: number, own: number, row?: number): HoldfastError {
  const message =
    `Table "${table}" is synced, and its ids have the table number ${own}. Those of the file have ${given}: ` +
    'other devices would not know them, and so they can\'t replace what is there. Use `mode: "append"` to add them under other ids.';
  return invalidImport(message, { table, ...(row !== undefined && { row }) });
}
