/**
 * Queries as they are written: `db.query("tasks").withIndex("by_project", (q) => q.eq("projectId", id)).take(10)`.
 *
 * Builders only collect what was said, as plain data in Convex's serialized form; nothing is read until a consumer such
 * as `collect` hands that to an executor. The types name the step one is at (`QueryInitializer`, `Query`,
 * `OrderedQuery`; `IndexRangeBuilder`, `LowerBound…`, `UpperBound…`), so that a wrong order does not compile.
 */
import { checkedCopy, isInstance } from "./checked.js";
import type {
  DocumentByInfo,
  FieldPaths,
  FieldTypeFromFieldPath,
  GenericDocument,
  GenericIndexFields,
  GenericTableInfo,
  IndexNames,
  NamedIndex,
  NumericValue,
  Value,
} from "./data_model.js";
import { describe, describeError, shortened } from "./describe.js";
import { HoldfastError } from "./errors.js";

// ---- what a query is ----------------------------------------------------------------------------

/** The order of a query's results by its index. */
export type Order = "asc" | "desc";

/** A value in a query; a missing field is `{ $undefined: null }`. */
export type SerializedValue = Value;

/** One bound of an index range. */
export type SerializedRangeExpression = {
  type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte";
  fieldPath: string;
  value: SerializedValue;
};

/** A filter: `{ $eq: [l, r] }`, `{ $and: […] }`, `{ $field: "a.b" }`, `{ $literal: value }` and so on. */
export type SerializedExpression = { [operator: string]: Value };

/** Where a query's documents come from. `indexName` is `table.index`. */
export type SerializedSource =
  | { type: "FullTableScan"; tableName: string; order: Order }
  | { type: "IndexRange"; indexName: string; range: SerializedRangeExpression[]; order: Order };

/** A query as plain data. */
export type SerializedQuery = { source: SerializedSource; operators: { filter: SerializedExpression }[] };

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
  /** Ends the page after this many documents were read, matching or not; `pageStatus` says so. */
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
  /** Where the page could be cut in two. */
  splitCursor?: Cursor | null;
  /** Whether it should be, because it has grown. */
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

/** The table that a query reads. */
export function tableOf({ source }: SerializedQuery): string {
  return source.type === "FullTableScan" ? source.tableName : source.indexName.split(".", 1)[0]!;
}

// ---- what one writes ----------------------------------------------------------------------------

/** A query whose order is settled. */
export interface OrderedQuery<TableInfo extends GenericTableInfo> extends AsyncIterable<DocumentByInfo<TableInfo>> {
  /**
   * Keeps the documents for which the expression is true. All documents of the range are read; where an index can do
   * the same, it is faster.
   */
  filter(predicate: (q: FilterBuilder<TableInfo>) => ExpressionOrValue<boolean>): this;
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
}

/** N + 1, up to the most fields an index may have. */
type PlusOne<N extends number> = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16][N];

/** A finished index range. */
export abstract class IndexRange {
  /** Makes the type nominal: only a builder's result is a range. */
  declare private readonly _isIndexRange: undefined;
}

/**
 * Says which part of an index to read: `eq` on fields in the index's order, then at most one lower and one upper bound
 * on the next field.
 */
export interface IndexRangeBuilder<
  Document extends GenericDocument,
  IndexFields extends GenericIndexFields,
  FieldNum extends number = 0,
> extends LowerBoundIndexRangeBuilder<Document, IndexFields[FieldNum]> {
  /** The index's next field equals the value; `undefined` is a missing field. */
  eq(
    fieldName: IndexFields[FieldNum],
    value: FieldTypeFromFieldPath<Document, IndexFields[FieldNum]>,
  ): NextIndexRangeBuilder<Document, IndexFields, FieldNum>;
}

type NextIndexRangeBuilder<
  Document extends GenericDocument,
  IndexFields extends GenericIndexFields,
  FieldNum extends number,
> =
  PlusOne<FieldNum> extends IndexFields["length"]
    ? IndexRange
    : IndexRangeBuilder<Document, IndexFields, PlusOne<FieldNum>>;

/** Says where a range begins. */
export interface LowerBoundIndexRangeBuilder<
  Document extends GenericDocument,
  IndexFieldName extends string,
> extends UpperBoundIndexRangeBuilder<Document, IndexFieldName> {
  /** The field is greater than the value. `gt(field, undefined)` means that the field is there. */
  gt(
    fieldName: IndexFieldName,
    value: FieldTypeFromFieldPath<Document, IndexFieldName>,
  ): UpperBoundIndexRangeBuilder<Document, IndexFieldName>;
  /** The field is greater than or equal to the value. */
  gte(
    fieldName: IndexFieldName,
    value: FieldTypeFromFieldPath<Document, IndexFieldName>,
  ): UpperBoundIndexRangeBuilder<Document, IndexFieldName>;
}

/** Says where a range ends. */
export interface UpperBoundIndexRangeBuilder<
  Document extends GenericDocument,
  IndexFieldName extends string,
> extends IndexRange {
  /** The field is less than the value. */
  lt(fieldName: IndexFieldName, value: FieldTypeFromFieldPath<Document, IndexFieldName>): IndexRange;
  /** The field is less than or equal to the value. */
  lte(fieldName: IndexFieldName, value: FieldTypeFromFieldPath<Document, IndexFieldName>): IndexRange;
}

/** Something that a filter computes for each document. */
export abstract class Expression<T extends Value | undefined> {
  /** Makes the type nominal. */
  declare private readonly _isExpression: undefined;
  /** Tells expressions apart by what they compute. */
  declare private readonly _value: T;
}

/** An expression or a constant. */
export type ExpressionOrValue<T extends Value | undefined> = Expression<T> | T;

/**
 * Builds filters. Comparisons use the order of values across all types and never fail; a missing field is `undefined`.
 */
export interface FilterBuilder<TableInfo extends GenericTableInfo> {
  /** l equals r. */
  eq<T extends Value | undefined>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l does not equal r. */
  neq<T extends Value | undefined>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l is less than r. */
  lt<T extends Value>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l is less than or equal to r. */
  lte<T extends Value>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l is greater than r. */
  gt<T extends Value>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l is greater than or equal to r. */
  gte<T extends Value>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l + r; both are numbers or both are bigints, here and below. */
  add<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** l - r. */
  sub<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** l * r. */
  mul<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** l / r. */
  div<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** l % r. */
  mod<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** -x. */
  neg<T extends NumericValue>(x: ExpressionOrValue<T>): Expression<T>;
  /** All are true; stops at the first that is not. */
  and(...exprs: ExpressionOrValue<boolean>[]): Expression<boolean>;
  /** One is true; stops at the first that is. */
  or(...exprs: ExpressionOrValue<boolean>[]): Expression<boolean>;
  /** x is false. */
  not(x: ExpressionOrValue<boolean>): Expression<boolean>;
  /** The value of a field, by its name or its path as in `settings.isPublic`. */
  field<FieldPath extends FieldPaths<TableInfo>>(
    fieldPath: FieldPath,
  ): Expression<FieldTypeFromFieldPath<DocumentByInfo<TableInfo>, FieldPath>>;
}

// ---- how it works -------------------------------------------------------------------------------

const QUERY_OPERATORS_MAX = 256;
/** Of the 64 levels that the engine takes, a constant at the bottom is one. */
const FILTER_DEPTH_MAX = 63;

class RangeBuilder extends IndexRange {
  readonly #expressions: readonly SerializedRangeExpression[];
  #consumed = false;

  constructor(expressions: readonly SerializedRangeExpression[]) {
    super();
    this.#expressions = expressions;
  }

  eq(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Eq", fieldName, value);
  }
  gt(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Gt", fieldName, value);
  }
  gte(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Gte", fieldName, value);
  }
  lt(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Lt", fieldName, value);
  }
  lte(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Lte", fieldName, value);
  }

  export(): SerializedRangeExpression[] {
    this.#consume();
    return [...this.#expressions];
  }

  #add(type: SerializedRangeExpression["type"], fieldPath: string, value: unknown): RangeBuilder {
    requireText(fieldPath, type.toLowerCase(), "fieldName");
    this.#consume();
    return new RangeBuilder([...this.#expressions, { type, fieldPath, value: serializeValue(value) }]);
  }

  #consume(): void {
    if (this.#consumed) {
      throw new HoldfastError(
        "InvalidIndexRange",
        "IndexRangeBuilder has already been used! Chain your method calls like `q => q.eq(...).eq(...)`. " +
          "See https://docs.convex.dev/using/indexes",
      );
    }
    this.#consumed = true;
  }
}

class SerializableExpression<T extends Value | undefined> extends Expression<T> {
  readonly serialized: SerializedExpression;
  /** How many expressions it has inside each other. */
  readonly depth: number;

  constructor(serialized: SerializedExpression, operands: readonly unknown[] = []) {
    super();
    this.serialized = serialized;
    let depth = 0;
    for (const operand of operands) {
      if (isExpression(operand)) depth = Math.max(depth, operand.depth);
    }
    if (depth >= FILTER_DEPTH_MAX) {
      throw new HoldfastError(
        "InvalidFilter",
        `A filter may have ${FILTER_DEPTH_MAX} expressions inside each other; \`and\` and \`or\` take any number at once.`,
      );
    }
    this.depth = depth + 1;
  }
}

function serializeValue(value: unknown): SerializedValue {
  return value === undefined ? { $undefined: null } : checkedCopy(value);
}

function isExpression(operand: unknown): operand is SerializableExpression<Value> {
  return isInstance(operand, SerializableExpression);
}

function serializeExpression(expression: unknown): SerializedExpression {
  return isExpression(expression) ? expression.serialized : { $literal: serializeValue(expression) };
}

function operator<T extends Value | undefined>(name: string, ...operands: unknown[]): Expression<T> {
  return new SerializableExpression<T>({ [name]: operands.map(serializeExpression) }, operands);
}

const operators: FilterBuilder<GenericTableInfo> = {
  eq: (l, r) => operator("$eq", l, r),
  neq: (l, r) => operator("$neq", l, r),
  lt: (l, r) => operator("$lt", l, r),
  lte: (l, r) => operator("$lte", l, r),
  gt: (l, r) => operator("$gt", l, r),
  gte: (l, r) => operator("$gte", l, r),
  add: (l, r) => operator("$add", l, r),
  sub: (l, r) => operator("$sub", l, r),
  mul: (l, r) => operator("$mul", l, r),
  div: (l, r) => operator("$div", l, r),
  mod: (l, r) => operator("$mod", l, r),
  neg: (x) => new SerializableExpression({ $neg: serializeExpression(x) }, [x]),
  and: (...expressions) => operator("$and", ...expressions),
  or: (...expressions) => operator("$or", ...expressions),
  not: (x) => new SerializableExpression({ $not: serializeExpression(x) }, [x]),
  field: (fieldPath) => {
    requireText(fieldPath, "field", "fieldPath");
    return new SerializableExpression({ $field: fieldPath });
  },
};

/**
 * The builder is no document: `(q) => q.title === "a"` would compare nothing with "a" and find nothing. A constant that
 * comes from elsewhere is as good as an expression, as in Convex.
 */
const filterBuilder = /* @__PURE__ */ new Proxy(operators, {
  get(target, name) {
    if (typeof name === "symbol" || name in target) return Reflect.get(target, name) as unknown;
    throw new HoldfastError(
      "InvalidFilter",
      `A filter's builder has no \`${name}\`. A field of the document is \`q.field("${name}")\`, and it is compared by ` +
        `\`q.eq(q.field("${name}"), value)\`.`,
    );
  },
});

/** A query under construction: as it is serialized, except that the order may be unsaid. */
interface Draft {
  source: { [Key in "type" | "tableName" | "indexName"]?: string } & { range?: SerializedRangeExpression[] };
  order: Order | null;
  operators: { filter: SerializedExpression }[];
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

  order(order: Order): QueryBuilder {
    requireArgument(order, "order", "order");
    const draft = this.#takeDraft();
    if (draft.order !== null) throw invalid("Queries may only specify order at most once");
    if (order !== "asc" && order !== "desc") throw invalid(`\`order\` must be "asc" or "desc".`);
    return new QueryBuilder(this.#executor, { ...draft, order });
  }

  filter(predicate: (q: FilterBuilder<GenericTableInfo>) => ExpressionOrValue<boolean>): this {
    requireFunction(predicate, "filter", "predicate");
    const draft = this.#takeDraft();
    if (draft.operators.length >= QUERY_OPERATORS_MAX) {
      throw invalid(`Can't construct query with more than ${QUERY_OPERATORS_MAX} operators`);
    }
    const operators = [...draft.operators, { filter: serializeExpression(predicate(filterBuilder)) }];
    return new QueryBuilder(this.#executor, { ...draft, operators }) as this;
  }

  async paginate(options: PaginationOptions): Promise<PaginationResult<GenericDocument>> {
    requireArgument(options, "paginate", "options");
    const { numItems, cursor, endCursor, maximumRowsRead, maximumBytesRead } = pageOptions(options);
    if (!Number.isInteger(numItems) || numItems < 0) {
      throw invalid(
        `\`options.numItems\` must be a positive number. Received \`${typeof numItems === "object" ? describe(numItems) : shortened(String(numItems))}\`.`,
      );
    }
    if (cursor === undefined) {
      throw invalid("`options.cursor` must be the `continueCursor` of the page before, or null for the first page.");
    }
    if (maximumRowsRead !== undefined && !(Number.isInteger(maximumRowsRead) && maximumRowsRead > 0)) {
      throw invalid(
        `\`options.maximumRowsRead\` must be a positive integer. Received \`${describe(maximumRowsRead)}\`.`,
      );
    }
    if (maximumBytesRead !== undefined) {
      throw invalid("`options.maximumBytesRead` is not supported; `maximumRowsRead` is.");
    }
    const query = serialize(this.#takeDraft());
    if (numItems === 0) throw invalid("Must request at least 1 document while paginating");
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
    if (!Number.isInteger(n) || n < 0) throw invalid("Arg 1 `n` to `take` must be a non-negative integer");
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
      throw invalid("A query can only be chained once and can't be chained after iteration begins.");
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
        throw invalid("Iteration can only begin on a query once.");
      case "consumed":
        throw invalid("This query is closed and can't emit any more values.");
      case "closed":
        throw invalid("This query has been chained with another operator and can't be reused.");
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
      indexName: `${this.#tableName}.${indexName}`,
      range: builder.export(),
    };
    return new QueryBuilder(this.#executor, { source, order: null, operators: [] });
  }

  order(order: Order): QueryBuilder {
    return this.fullTableScan().order(order);
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
  return new TableQuery(executor, tableName) as unknown as QueryInitializer<TableInfo>;
}

/** @internal Convex's error for a missing argument, the n-th from 1. */
export function requireArgument(value: unknown, method: string, name: string, position = 1): void {
  if (value === undefined) throw invalid(`Must provide arg ${position} \`${name}\` to \`${method}\``);
}

/** @internal An argument that must be a string. */
export function requireText(value: unknown, method: string, name: string, position = 1): asserts value is string {
  requireArgument(value, method, name, position);
  if (typeof value === "string") return;
  throw invalid(
    `Invalid argument \`${name}\` for \`db.${method}\`, expected string but got '${typeof value}': ${describe(value)}`,
  );
}

/** @internal An argument that must be a function. */
export function requireFunction(value: unknown, method: string, name: string, position = 1): void {
  requireArgument(value, method, name, position);
  if (typeof value !== "function") throw invalid(`Arg ${position} \`${name}\` to \`${method}\` must be a function`);
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

/** A cursor as it was given. */
function cursorOf(cursor: unknown): Cursor | null {
  if (cursor === null || cursor === undefined) return null;
  if (typeof cursor === "string" && cursor !== "") return cursor;
  throw new HoldfastError(
    "InvalidCursor",
    `A cursor must be one of an earlier page, or null. Received ${describe(cursor)}.`,
  );
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("InvalidArgument", message);
}
