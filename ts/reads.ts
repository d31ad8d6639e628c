/**
 * Runs queries: on what the tab shows, or on the state of a transaction. When everything is in memory, an answer takes
 * one call of the engine; else it waits for pages and goes on.
 */
import type { Bridge } from "./bridge.js";
import { Status } from "./mailbox.js";
import type { GenericDocument } from "./data_model.js";
import { HoldfastError, rejected } from "./errors.js";
import { type PageJournal, type PageRequest, type PaginationResult, type QueryExecutor, uniqueOf } from "./query.js";
import type { SerializedQuery } from "./serialized_query.js";

/** Whose reads they are. */
export interface Reader {
  /** The transaction's number; 0 reads what the tab shows. */
  readonly transaction: number;
  /** Throws if it can't be read from any more. */
  check(): void;
  /** Called when the state that is read is gone. Throws if one can't begin again on a newer one. */
  lost(): void;
  /** Where pages of an earlier run ended, if there was one. */
  readonly journal?: PageJournal | undefined;
  /** What a read has to wait for before it begins, if anything. */
  turn(): Promise<unknown> | undefined;
}

/** Reads of what the tab shows. */
export const currentReader: Reader = {
  transaction: 0,
  check: () => undefined,
  lost: () => undefined,
  turn: () => undefined,
};

/** A page of more rows is better cut in two: three quarters of what Convex allows. */
const LONG_PAGE = 6144;
/** The most that a word of the mailbox holds. */
const WORD_MAX = 0xffffffff;
/** The word `Run` when a call left nothing to go on with. */
const NO_RUN = WORD_MAX;

/** A read as steps. What a step has answered lies in the mailbox until the next call, so it is taken at once. */
export interface Steps<T> {
  /** Calls the engine. */
  start(): number;
  /** Takes the rows of a step. */
  take(): void;
  /** Throws away what was taken: the read begins again. */
  discard(): void;
  /** Takes what is to be had when all is done. */
  finish(): T;
}

/** Calls the engine until the answer is whole. */
export function drive<T>(bridge: Bridge, reader: Reader, steps: Steps<T>): Promise<T> {
  const turn = reader.turn();
  if (turn !== undefined) return turn.then(() => drive(bridge, reader, steps));
  try {
    reader.check();
    const status = steps.start();
    steps.take();
    if (status === Status.Done) return Promise.resolve(steps.finish());
    return goOn(bridge, reader, steps, status);
  } catch (error) {
    return error === bridge.fault ? goOn(bridge, reader, steps, undefined) : rejected(error);
  }
}

/**
 * Goes on with a read whose first call has answered with this status; without one, the engine has failed in it. A read
 * that no transaction stands behind begins again then, once.
 */
export async function goOn<T>(bridge: Bridge, reader: Reader, steps: Steps<T>, first: number | undefined): Promise<T> {
  if (first !== undefined) {
    try {
      return await goOnWith(bridge, reader, steps, first);
    } catch (error) {
      if (error !== bridge.fault) throw error;
    }
  }
  if (reader.transaction !== 0) throw bridge.fault!;
  await bridge.recovered();
  steps.discard();
  const status = steps.start();
  steps.take();
  return goOnWith(bridge, reader, steps, status);
}

async function goOnWith<T>(bridge: Bridge, reader: Reader, steps: Steps<T>, first: number): Promise<T> {
  let status = first;
  for (;;) {
    switch (status) {
      case Status.Done:
      case Status.Nothing:
        return steps.finish();
      case Status.Paused:
        status = bridge.engine.step(bridge.run());
        break;
      case Status.Missing: {
        const run = bridge.run();
        await pagesReady(bridge, reader, run);
        status = run === NO_RUN ? steps.start() : bridge.engine.step(run);
        break;
      }
      case Status.Stale:
        steps.discard();
        reader.lost();
        status = steps.start();
        break;
      case Status.Building:
        steps.discard();
        await indexReady(bridge, reader);
        status = steps.start();
        break;
      default:
        throw bridge.error();
    }
    steps.take();
  }
}

/** Waits for the index that the last call needs. What a function has read so far knows nothing of it: it runs again. */
async function indexReady(bridge: Bridge, reader: Reader): Promise<void> {
  const index = bridge.number();
  do {
    await bridge.schemaChange();
    reader.check();
  } while (!bridge.isClosed && bridge.engine.isBuilding(index));
  if (!bridge.isClosed) reader.lost();
}

/** Waits for the pages that the last call asked for. If they don't come, or the reader ends meanwhile, the run is over. */
async function pagesReady(bridge: Bridge, reader: Reader, run: number): Promise<void> {
  try {
    await bridge.ready(bridge.read());
    reader.check();
  } catch (error) {
    if (run !== NO_RUN && !bridge.isClosed && error !== bridge.fault) bridge.engine.dropRun(run);
    throw error;
  }
}

const nothing = (): undefined => undefined;

/** Runs queries for a reader. */
export class Executor implements QueryExecutor {
  readonly #bridge: Bridge;
  readonly #reader: Reader;

  /** Makes one. */
  constructor(bridge: Bridge, reader: Reader) {
    this.#bridge = bridge;
    this.#reader = reader;
  }

  collect(query: SerializedQuery): Promise<GenericDocument[]> {
    return this.#rows(query, undefined);
  }

  take(query: SerializedQuery, count: number): Promise<GenericDocument[]> {
    return this.#rows(query, count);
  }

  async first(query: SerializedQuery): Promise<GenericDocument | null> {
    const [row] = await this.#rows(query, 1);
    return row ?? null;
  }

  async unique(query: SerializedQuery): Promise<GenericDocument | null> {
    return uniqueOf(query, await this.#rows(query, 2));
  }

  count(query: SerializedQuery): Promise<number> {
    const bridge = this.#bridge;
    return drive(bridge, this.#reader, {
      start: () => bridge.engine.count(this.#reader.transaction, bridge.input.writeQuery(query, undefined)),
      take: nothing,
      discard: nothing,
      finish: () => bridge.count(),
    });
  }

  paginate(query: SerializedQuery, request: PageRequest): Promise<PaginationResult<GenericDocument>> {
    const bridge = this.#bridge;
    const page: GenericDocument[] = [];
    const { journal } = this.#reader;
    const position = journal === undefined ? 0 : journal.next++;
    let key = "";
    return drive(bridge, this.#reader, {
      start: () => {
        const length = bridge.input.writeQuery(query, undefined);
        const cursor = request.cursor === null ? 0 : bridge.input.appendText(request.cursor);
        let { endCursor } = request;
        if (journal !== undefined) {
          key = `${request.numItems} ${bridge.input.inputKey(length + cursor)}`;
          const noted = journal.pages[position];
          if (noted?.key === key) endCursor ??= noted.endCursor;
        }
        const end = endCursor === null ? 0 : bridge.input.appendText(endCursor);
        const items = Math.min(request.numItems, WORD_MAX);
        const rows = Math.min(request.maximumRowsRead ?? 0, WORD_MAX);
        return bridge.engine.paginate(this.#reader.transaction, length, cursor, end, items, rows);
      },
      take: () => this.#take(page),
      discard: () => (page.length = 0),
      finish: () => {
        const state = bridge.number();
        const [continueCursor, splitCursor = null] = bridge.text().split("\n");
        if (journal !== undefined) journal.pages[position] = { key, endCursor: continueCursor! };
        const isLong = (state & 4) !== 0 || page.length > LONG_PAGE;
        return {
          page,
          isDone: (state & 1) !== 0,
          continueCursor: continueCursor!,
          splitCursor,
          pageStatus: (state & 2) !== 0 ? "SplitRequired" : isLong ? "SplitRecommended" : null,
        };
      },
    });
  }

  iterate(query: SerializedQuery): AsyncIterator<GenericDocument, undefined> {
    return new RowIterator(this.#bridge, this.#reader, query, (rows) => this.#take(rows));
  }

  #take(rows: GenericDocument[]): void {
    if (this.#reader.transaction === 0) this.#bridge.takeKept(rows);
    else this.#bridge.takeFresh(rows);
  }

  #rows(query: SerializedQuery, limit: number | undefined): Promise<GenericDocument[]> {
    const bridge = this.#bridge;
    const rows: GenericDocument[] = [];
    return drive(bridge, this.#reader, {
      start: () => bridge.engine.query(this.#reader.transaction, bridge.input.writeQuery(query, limit)),
      take: () => this.#take(rows),
      discard: () => (rows.length = 0),
      finish: () => rows,
    });
  }
}

/** The rows of a query one by one, all of the state that was there at the first. */
class RowIterator implements AsyncIterator<GenericDocument, undefined> {
  readonly #bridge: Bridge;
  readonly #reader: Reader;
  readonly #query: SerializedQuery;
  readonly #take: (rows: GenericDocument[]) => void;
  #rows: GenericDocument[] = [];
  #next = 0;
  #state: "new" | "running" | "done" = "new";
  #run = NO_RUN;
  /** What the engine had last failed of when the run began: another engine knows nothing of it. */
  #fault: HoldfastError | undefined;
  /** Calls of `next` follow each other even if the caller doesn't wait. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(bridge: Bridge, reader: Reader, query: SerializedQuery, take: (rows: GenericDocument[]) => void) {
    this.#bridge = bridge;
    this.#reader = reader;
    this.#query = query;
    this.#take = take;
  }

  next(): Promise<IteratorResult<GenericDocument, undefined>> {
    const result = this.#last.then(() => this.#nextRow());
    this.#last = result.catch(nothing);
    return result;
  }

  async return(): Promise<IteratorResult<GenericDocument, undefined>> {
    await this.#last;
    this.#rows = [];
    this.#next = 0;
    this.#end();
    return { done: true, value: undefined };
  }

  async #nextRow(): Promise<IteratorResult<GenericDocument, undefined>> {
    try {
      while (this.#next >= this.#rows.length && this.#state !== "done") await this.#refill();
    } catch (error) {
      this.#end();
      throw error;
    }
    const value = this.#rows[this.#next++];
    return value === undefined ? { done: true, value: undefined } : { done: false, value };
  }

  async #refill(): Promise<void> {
    const bridge = this.#bridge;
    await this.#reader.turn();
    this.#reader.check();
    this.#rows = [];
    this.#next = 0;
    const isFirst = this.#run === NO_RUN;
    if (isFirst) this.#fault = bridge.fault;
    else if (this.#fault !== bridge.fault) throw bridge.fault!;
    const status = isFirst
      ? bridge.engine.query(this.#reader.transaction, bridge.input.writeQuery(this.#query, undefined))
      : bridge.engine.step(this.#run);
    this.#take(this.#rows);
    switch (status) {
      case Status.Done:
        this.#state = "done";
        this.#run = NO_RUN;
        return;
      case Status.Paused:
        this.#run = bridge.run();
        return;
      case Status.Missing:
        this.#run = bridge.run();
        await bridge.ready(bridge.read());
        return;
      case Status.Building:
        await indexReady(bridge, this.#reader);
        return;
      case Status.Stale:
        this.#run = NO_RUN;
        this.#reader.lost();
        if (isFirst) return;
        throw new HoldfastError(
          "StorageFailed",
          "This iteration lasted so long that the state that it reads is gone. Begin it again.",
        );
      default:
        this.#run = NO_RUN;
        throw bridge.error();
    }
  }

  #end(): void {
    this.#state = "done";
    const isKnown = !this.#bridge.isClosed && this.#fault === this.#bridge.fault;
    if (this.#run !== NO_RUN && isKnown) this.#bridge.engine.dropRun(this.#run);
    this.#run = NO_RUN;
  }
}
