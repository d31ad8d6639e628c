/**
 * Queries as they are written: `db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", id)).take(10)`.
 *
 * Builders only collect what was said, as plain data in Convex's serialized form; nothing is read until a consumer such
 * as `collect` hands that to an executor. The types name the step one is at (`QueryInitializer`, `Query`,
 * `OrderedQuery`), so that a wrong order does not compile.
 */
import { bounded, invalidArgument, requireArgument, requireFunction, requireText } from "./arguments.js";
import { DOCUMENT_SIZE_MAX, isInstance } from "./checked.js";
import type {
  DocumentByInfo,
  GenericDocument,
  GenericTableInfo,
  IndexNames,
  NamedIndex,
  NamedSearchIndex,
  SearchIndexNames,
} from "./data_model.js";
import { describe, describeError, shortened } from "./describe.js";
import { HoldfastError } from "./errors.js";
import { type ExpressionOrValue, type FilterBuilder, filterBuilder, serializeExpression } from "./filter.js";
import { type IndexRange, type IndexRangeBuilder, RangeBuilder } from "./index_range.js";
import { refusal } from "./refusal.js";
import type { SearchFilter, SearchFilterBuilder } from "./search.js";
import {
  type Order,
  type SerializedQuery,
  type SerializedRangeExpression,
  type SerializedSource,
  tableOf,
} from "./serialized_query.js";

/** A place between the results of a query. Opaque, and of use with the same query only. */
export type Cursor = string;

/** What {@link OrderedQuery.paginate} is asked for. */
export interface PaginationOptions {
  /** How many documents to load. */
  numItems: number;
  /** Where to begin; `null` is the start. */
  cursor: Cursor | null;
  /** Where to end; then the page holds everything in between, whatever `numItems` says. */
  endCursor?: Cursor | null;
  /**
   * Ends the page after this many documents were read, matching or not, unless `endCursor` is given; `pageStatus` says so.
   */
  maximumRowsRead?: number;
  /** Convex's other limit, which is refused here. */
  maximumBytesRead?: number;
}

/** A page of results. */
export interface PaginationResult<T> {
  /** The documents. */
  page: T[];
  /** Whether there are no more. */
  isDone: boolean;
  /** Where the next page begins. */
  continueCursor: Cursor;
  /** Where the page could be cut in two; null when fewer than two documents were read for it. */
  splitCursor?: Cursor | null;
  /**
   * `"SplitRequired"` if `maximumRowsRead` has ended the page, `"SplitRecommended"` if three quarters of that were read or
   * the page has more than 6,144 documents, else null.
   */
  pageStatus?: "SplitRecommended" | "SplitRequired" | null;
}

/** {@link PaginationOptions} with nothing left out. */
export interface PageRequest {
  /** How many documents to load. */
  numItems: number;
  /** Where to begin. */
  cursor: Cursor | null;
  /** Where to end. */
  endCursor: Cursor | null;
  /** How many documents may be read. */
  maximumRowsRead: number | null;
}

/**
 * Runs queries. What the builders call, once for each query.
 */
export interface QueryExecutor {
  /** All results. */
  collect(query: SerializedQuery): Promise<GenericDocument[]>;
  /** The first `count` results. */
  take(query: SerializedQuery, count: number): Promise<GenericDocument[]>;
  /** The first result or null. */
  first(query: SerializedQuery): Promise<GenericDocument | null>;
  /** The only result or null; {@link uniqueOf} makes it of two. */
  unique(query: SerializedQuery): Promise<GenericDocument | null>;
  /** The number of results. */
  count(query: SerializedQuery): Promise<number>;
  /** A page of results. */
  paginate(query: SerializedQuery, request: PageRequest): Promise<PaginationResult<GenericDocument>>;
  /** The results one by one. */
  iterate(query: SerializedQuery): AsyncIterator<GenericDocument, undefined>;
}

/** What is made of a query's rows: all, the first ones, the first, the only one, or how many they are. */
export type Terminal = "collect" | "first" | "unique" | "count" | { readonly take: number };

/** Where the pages of a function's earlier run ended: those of the next run end there, too. */
export interface PageJournal {
  /** For each call of `paginate` in its order, its query and cursor, and its end. */
  readonly pages: { readonly key: string; readonly endCursor: Cursor }[];
  /** The next call. */
  next: number;
}

/** The answer of `unique` to the first two results of a query. */
export function uniqueOf(query: SerializedQuery, rows: readonly GenericDocument[]): GenericDocument | null {
  if (rows.length <= 1) return rows[0] ?? null;
  const table = tableOf(query);
  const ids = rows.map((row) => row["_id"] as string);
  throw new HoldfastError(
    "NotUnique",
    `unique() query returned more than one result from table ${table}:\n [${ids[0]}, ${ids[1]}, ...]`,
    { details: { table, ids } },
  );
}

/** A table of which some fields are selected. */
export type Selected<TableInfo extends GenericTableInfo, Field extends string> = Omit<TableInfo, "document"> & {
  document: PickEach<DocumentByInfo<TableInfo>, Field>;
};

/** `Pick` of each member of a union. */
type PickEach<Document, Field extends string> = Document extends Document
  ? { [Name in keyof Document as Name extends Field ? Name : never]: Document[Name] }
  : never;

/** A query whose order is settled. */
export interface OrderedQuery<TableInfo extends GenericTableInfo> extends AsyncIterable<DocumentByInfo<TableInfo>> {
  /**
   * Keeps the documents for which the expression is true. All documents of the range are read; where an index can do
   * the same, it is faster.
   */
  filter(predicate: (q: FilterBuilder<TableInfo>) => ExpressionOrValue<boolean>): this;
  /**
   * Loads these fields of each document and no others: less to make, where documents are large. What comes out is not
   * kept for other reads. A name that a document does not have is left out of it, be it an optional field or one that the
   * schema does not know: the types refuse those. Not in Convex.
   */
  select<Field extends keyof DocumentByInfo<TableInfo> & string>(
    ...fields: Field[]
  ): OrderedQuery<Selected<TableInfo, Field>>;
  /** Loads a page of results and a cursor for the next. */
  paginate(paginationOpts: PaginationOptions): Promise<PaginationResult<DocumentByInfo<TableInfo>>>;
  /** Loads all results. */
  collect(): Promise<DocumentByInfo<TableInfo>[]>;
  /** Loads the first `n` results. */
  take(n: number): Promise<DocumentByInfo<TableInfo>[]>;
  /** Loads the first result; null when there is none. */
  first(): Promise<DocumentByInfo<TableInfo> | null>;
  /** Loads the only result; null when there is none, an error when there are several. */
  unique(): Promise<DocumentByInfo<TableInfo> | null>;
  /** Counts the results without loading them; without a filter, in logarithmic time. Not in Convex. */
  count(): Promise<number>;
}

/** A query that may still be given an order. */
export interface Query<TableInfo extends GenericTableInfo> extends OrderedQuery<TableInfo> {
  /** Settles the order of the results by the index. Ascending unless said otherwise. */
  order(order: Order): OrderedQuery<TableInfo>;
}

/** A query of which only the table is known; used as it is, it reads all of it in order of creation. */
export interface QueryInitializer<TableInfo extends GenericTableInfo> extends Query<TableInfo> {
  /** Reads the whole table in order of creation. */
  fullTableScan(): Query<TableInfo>;
  /**
   * Reads a range of an index, in its order.
   *
   * @param indexRange - Says which range; without it, all of the index.
   */
  withIndex<IndexName extends IndexNames<TableInfo>>(
    indexName: IndexName,
    indexRange?: (q: IndexRangeBuilder<DocumentByInfo<TableInfo>, NamedIndex<TableInfo, IndexName>>) => IndexRange,
  ): Query<TableInfo>;
  /** Refused when it is called: text search needs a server. */
  withSearchIndex<IndexName extends SearchIndexNames<TableInfo>>(
    indexName: IndexName,
    searchFilter: (
      q: SearchFilterBuilder<DocumentByInfo<TableInfo>, NamedSearchIndex<TableInfo, IndexName>>,
    ) => SearchFilter,
  ): OrderedQuery<TableInfo>;
}

/** Convex's own tables. */
export const SYSTEM_TABLES: readonly string[] = ["_storage", "_scheduled_functions"];

const QUERY_OPERATORS_MAX = 256;

/** A query under construction: as it is serialized, except that the order may be unsaid. */
interface Draft {
  source: { [Key in "type" | "tableName" | "indexName"]?: string } & { range?: SerializedRangeExpression[] };
  order: Order | null;
  operators: SerializedQuery["operators"];
}

/** A name as `select` takes it. */
function requireField(field: unknown, position: number): void {
  requireArgument(field, "select", "field", position);
  if (typeof field === "string") return;
  const wanted = `Arg ${position} \`field\` to \`select\` must be the name of a field`;
  const hint = Array.isArray(field) ? ', and each a name of its own, as in `select("title", "status")`' : "";
  throw invalidArgument(`${wanted}${hint}. Received ${describe(field)}.`);
}

/** Where a query is in its life. It is used once, so that its results can be handed out as they come. */
type State =
  | { type: "preparing"; draft: Draft }
  | { type: "executing"; iterator: AsyncIterator<GenericDocument, undefined> }
  | { type: "closed" }
  | { type: "consumed" };

class QueryBuilder implements Query<GenericTableInfo> {
  readonly #executor: QueryExecutor;
  #state: State;

  constructor(executor: QueryExecutor, draft: Draft) {
    this.#executor = executor;
    this.#state = { type: "preparing", draft };
  }

  serialized(): SerializedQuery {
    return serialize(this.#draftToRun());
  }

  order(order: Order): QueryBuilder {
    requireArgument(order, "order", "order");
    const draft = this.#takeDraft();
    if (draft.order !== null) throw invalidArgument("Queries may only specify order at most once");
    if (order !== "asc" && order !== "desc") throw invalidArgument(`\`order\` must be "asc" or "desc".`);
    return new QueryBuilder(this.#executor, { ...draft, order });
  }

  filter(predicate: (q: FilterBuilder<GenericTableInfo>) => ExpressionOrValue<boolean>): this {
    requireFunction(predicate, "filter", "predicate");
    const draft = this.#takeDraft();
    if (draft.operators.length >= QUERY_OPERATORS_MAX) {
      throw invalidArgument(`Can't construct query with more than ${QUERY_OPERATORS_MAX} operators`);
    }
    const expression = predicate(filterBuilder) as ExpressionOrValue<boolean> | undefined;
    if (expression === undefined) {
      throw new HoldfastError(
        "InvalidFilter",
        "The function of `filter` must return an expression, as in `(q) => q.eq(...)`, or a boolean; it returned undefined.",
      );
    }
    const operators = [...draft.operators, { filter: serializeExpression(expression) }];
    return new QueryBuilder(this.#executor, { ...draft, operators }) as this;
  }

  select(...fields: string[]): OrderedQuery<any> {
    const draft = this.#takeDraft();
    if (draft.operators.some((operator) => "select" in operator)) {
      throw invalidArgument("Queries may only specify `select` at most once");
    }
    if (fields.length === 0) requireField(undefined, 1);
    for (const [index, field] of fields.entries()) requireField(field, index + 1);
    return new QueryBuilder(this.#executor, { ...draft, operators: [...draft.operators, { select: fields }] });
  }

  async paginate(options: PaginationOptions): Promise<PaginationResult<GenericDocument>> {
    requireArgument(options, "paginate", "options");
    const { numItems, cursor, endCursor, maximumRowsRead, maximumBytesRead } = pageOptions(options);
    if (!Number.isInteger(numItems) || numItems < 0) {
      throw invalidArgument(
        `\`options.numItems\` must be a positive number. Received \`${typeof numItems === "object" ? describe(numItems) : shortened(String(numItems))}\`.`,
      );
    }
    if (cursor === undefined) {
      throw invalidArgument(
        "`options.cursor` must be the `continueCursor` of the page before, or null for the first page.",
      );
    }
    if (maximumRowsRead !== undefined && !(Number.isInteger(maximumRowsRead) && maximumRowsRead > 0)) {
      throw invalidArgument(
        `\`options.maximumRowsRead\` must be a positive integer. Received \`${describe(maximumRowsRead)}\`.`,
      );
    }
    if (maximumBytesRead !== undefined) {
      throw invalidArgument("`options.maximumBytesRead` is not supported; `maximumRowsRead` is.");
    }
    const query = serialize(this.#takeDraft());
    if (numItems === 0) throw invalidArgument("Must request at least 1 document while paginating");
    return this.#executor.paginate(query, {
      numItems,
      cursor: cursorOf(cursor),
      endCursor: cursorOf(endCursor),
      maximumRowsRead: maximumRowsRead ?? null,
    });
  }

  async collect(): Promise<GenericDocument[]> {
    return this.#executor.collect(this.#consume());
  }

  async take(n: number): Promise<GenericDocument[]> {
    requireArgument(n, "take", "n");
    if (!Number.isInteger(n) || n < 0) throw invalidArgument("Arg 1 `n` to `take` must be a non-negative integer");
    return this.#executor.take(serialize(this.#takeDraft()), n);
  }

  async first(): Promise<GenericDocument | null> {
    return this.#executor.first(serialize(this.#takeDraft()));
  }

  async unique(): Promise<GenericDocument | null> {
    return this.#executor.unique(serialize(this.#takeDraft()));
  }

  async count(): Promise<number> {
    return this.#executor.count(serialize(this.#takeDraft()));
  }

  [Symbol.asyncIterator](): AsyncIterator<GenericDocument, undefined> {
    this.#start();
    return this;
  }

  /** The query is its own iterator, so that it can be told apart whether iteration has begun. */
  async next(): Promise<IteratorResult<GenericDocument, undefined>> {
    const iterator = this.#state.type === "executing" ? this.#state.iterator : this.#start();
    const result = await iterator.next();
    if (result.done) this.#state = { type: "consumed" };
    return result;
  }

  async return(): Promise<IteratorResult<GenericDocument, undefined>> {
    const state = this.#state;
    this.#state = { type: "consumed" };
    if (state.type === "executing") await state.iterator.return?.();
    return { done: true, value: undefined };
  }

  /** For a next step of the chain, which takes the query over. */
  #takeDraft(): Draft {
    if (this.#state.type !== "preparing") {
      throw invalidArgument("A query can only be chained once and can't be chained after iteration begins.");
    }
    const { draft } = this.#state;
    this.#state = { type: "closed" };
    return draft;
  }

  /** For the reading of all results at once. */
  #consume(): SerializedQuery {
    const draft = this.#draftToRun();
    this.#state = { type: "consumed" };
    return serialize(draft);
  }

  /** For the reading of results one by one. */
  #start(): AsyncIterator<GenericDocument, undefined> {
    const iterator = this.#executor.iterate(serialize(this.#draftToRun()));
    this.#state = { type: "executing", iterator };
    return iterator;
  }

  #draftToRun(): Draft {
    switch (this.#state.type) {
      case "preparing":
        return this.#state.draft;
      case "executing":
        throw invalidArgument("Iteration can only begin on a query once.");
      case "consumed":
        throw invalidArgument("This query is closed and can't emit any more values.");
      case "closed":
        throw invalidArgument("This query has been chained with another operator and can't be reused.");
    }
  }
}

function serialize({ source, order, operators }: Draft): SerializedQuery {
  return { source: { ...source, order: order ?? "asc" } as SerializedSource, operators };
}

class TableQuery implements QueryInitializer<GenericTableInfo> {
  readonly #executor: QueryExecutor;
  readonly #tableName: string;

  constructor(executor: QueryExecutor, tableName: string) {
    this.#executor = executor;
    this.#tableName = tableName;
  }

  fullTableScan(): QueryBuilder {
    const source = { type: "FullTableScan", tableName: this.#tableName };
    return new QueryBuilder(this.#executor, { source, order: null, operators: [] });
  }

  withIndex(indexName: string, indexRange?: (q: never) => IndexRange): QueryBuilder {
    requireText(indexName, "withIndex", "indexName");
    let builder: unknown = new RangeBuilder([]);
    if (indexRange !== undefined) {
      requireFunction(indexRange, "withIndex", "indexRange", 2);
      builder = indexRange(builder as never);
    }
    if (!isInstance(builder, RangeBuilder)) {
      throw new HoldfastError(
        "InvalidIndexRange",
        "The index range must be what the builder returns. Chain your method calls like `q => q.eq(...).eq(...)`. " +
          "See https://docs.convex.dev/using/indexes",
      );
    }
    const source = {
      type: "IndexRange",
      indexName: `${this.#tableName}.${bounded(indexName)}`,
      range: builder.export(),
    };
    return new QueryBuilder(this.#executor, { source, order: null, operators: [] });
  }

  withSearchIndex(): never {
    throw refusal("`withSearchIndex`");
  }

  order(order: Order): QueryBuilder {
    return this.fullTableScan().order(order);
  }
  select(...fields: string[]): OrderedQuery<any> {
    return this.fullTableScan().select(...fields);
  }
  filter(predicate: (q: FilterBuilder<GenericTableInfo>) => ExpressionOrValue<boolean>): this {
    // After a filter only the steps of an ordered query make sense, which the type says by `this` of the interface.
    return this.fullTableScan().filter(predicate) as unknown as this;
  }
  paginate(options: PaginationOptions): Promise<PaginationResult<GenericDocument>> {
    return this.fullTableScan().paginate(options);
  }
  collect(): Promise<GenericDocument[]> {
    return this.fullTableScan().collect();
  }
  take(n: number): Promise<GenericDocument[]> {
    return this.fullTableScan().take(n);
  }
  first(): Promise<GenericDocument | null> {
    return this.fullTableScan().first();
  }
  unique(): Promise<GenericDocument | null> {
    return this.fullTableScan().unique();
  }
  count(): Promise<number> {
    return this.fullTableScan().count();
  }
  [Symbol.asyncIterator](): AsyncIterator<GenericDocument, undefined> {
    return this.fullTableScan()[Symbol.asyncIterator]();
  }
}

/** @internal Begins a query of a table. The caller's types say which. */
export function queryTable<TableInfo extends GenericTableInfo>(
  executor: QueryExecutor,
  tableName: string,
): QueryInitializer<TableInfo> {
  requireText(tableName, "query", "tableName");
  if (SYSTEM_TABLES.includes(tableName)) {
    throw invalidArgument("System tables can only be accessed from db.system.query().");
  }
  return queryOf(executor, tableName);
}

/** @internal The same, of any table. */
export function queryOf<TableInfo extends GenericTableInfo>(
  executor: QueryExecutor,
  tableName: string,
): QueryInitializer<TableInfo> {
  return new TableQuery(executor, bounded(tableName)) as unknown as QueryInitializer<TableInfo>;
}

/** @internal A query as plain data, which can still be used afterwards. */
export function serializedQuery(query: unknown): SerializedQuery {
  if (isInstance(query, TableQuery)) return query.fullTableScan().serialized();
  if (isInstance(query, QueryBuilder)) return query.serialized();
  throw invalidArgument(`A query was expected, as \`db.query("tasks")\`. Received ${describe(query)}.`);
}

/** @internal Whether something is a query, and not what it would answer. */
export function isQuery(value: unknown): boolean {
  return isInstance(value, QueryBuilder) || isInstance(value, TableQuery);
}

/** The options of a page, read once. Convex's own code adds some that mean nothing here. */
function pageOptions(options: unknown): PaginationOptions {
  try {
    return { ...(options as PaginationOptions) };
  } catch (cause) {
    const message = `The options of \`paginate\` can't be read: ${describeError(cause)}`;
    throw new HoldfastError("InvalidArgument", message, { cause });
  }
}

/**
 * A cursor (src/query/page_cursor.rs) has 39 bytes and the fields of an index, 15 at most: one may lie inside the other,
 * so that each may be nearly all of a document, and a key has up to two bytes for one of the value. Four letters hold
 * three bytes.
 */
const CURSOR_LENGTH_MAX = Math.ceil(((39 + 15 * 2 * DOCUMENT_SIZE_MAX) * 4) / 3);

/** A cursor as it was given. */
function cursorOf(cursor: unknown): Cursor | null {
  if (cursor === null || cursor === undefined) return null;
  if (typeof cursor === "string" && cursor.length > CURSOR_LENGTH_MAX) {
    // As the engine says it, which need not be given all that.
    throw new HoldfastError(
      "InvalidCursor",
      "InvalidCursor: The text is no cursor that this version of Holdfast has made. Begin again with `cursor: null`.",
    );
  }
  if (typeof cursor === "string" && cursor !== "") return cursor;
  throw new HoldfastError(
    "InvalidCursor",
    `A cursor must be one of an earlier page, or null. Received ${describe(cursor)}.`,
  );
}
