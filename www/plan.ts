/** From what is chosen on the page to a query of any table, and to the text of that query. */
import type { Expression, PaginationOptions, PaginationResult } from "holdfast";
import type { Row } from "./fields";
import { schema, type TableName } from "./schema";

/** A value, or a part of an order: from a value on, below another. Both may be open. */
export type Condition = { eq: unknown } | { from?: unknown; below?: unknown };

export interface Choice {
  /** By the path of the field. What has no condition doesn't matter. */
  conditions: ReadonlyMap<string, Condition>;
  /** The field that gives the order, or none: then it is the time of creation. */
  by: string | undefined;
  order: "asc" | "desc";
}

/** A query, as far as this page uses it. */
export interface AnyQuery {
  take(count: number): Promise<Row[]>;
  first(): Promise<Row | null>;
  paginate(options: PaginationOptions): Promise<PaginationResult<Row>>;
  count(): Promise<number>;
}

// The table and its indexes are known only when the page runs, so the query builder is used without its types here.
export interface AnyRange {
  eq(field: string, value: unknown): AnyRange;
  gt(field: string, value: unknown): AnyRange;
  gte(field: string, value: unknown): AnyRange;
  lt(field: string, value: unknown): AnyRange;
  lte(field: string, value: unknown): AnyRange;
}
interface AnyFilter {
  field(path: string): Expression<any>;
  eq(a: unknown, b: unknown): Expression<boolean>;
  gt(a: unknown, b: unknown): Expression<boolean>;
  gte(a: unknown, b: unknown): Expression<boolean>;
  lt(a: unknown, b: unknown): Expression<boolean>;
  and(...parts: Expression<boolean>[]): Expression<boolean>;
}
interface AnyOrdered extends AnyQuery {
  filter(predicate: (q: AnyFilter) => Expression<boolean>): AnyQuery;
}
export interface AnyRanged extends AnyQuery {
  order(order: "asc" | "desc"): AnyOrdered;
}
interface AnyTable extends AnyQuery {
  withIndex(name: string, range?: (q: AnyRange) => AnyRange): AnyRanged;
}
/** Whatever reads: the database, or `ctx.db` of a function. */
export interface AnyReader {
  query(table: TableName): AnyTable;
}

/** The index of a field alone. */
export const indexOf = (table: TableName, path: string): string =>
  schema.tables[table][" indexes"]().find(({ fields }) => fields.length === 1 && fields[0] === path)!.indexDescriptor;

/** A query, ready to be asked of a database or of a function's `ctx.db`. */
export interface Plan {
  table: TableName;
  /** From the other end, if `isReversed`. */
  query: (reader: AnyReader, isReversed?: boolean) => AnyQuery;
  text: string;
  /** What tells this question from others. */
  key: string;
  index: string;
  /** The range of the index, step by step. */
  steps: readonly Step[];
  /** The field that gives the order. */
  by: string;
  order: "asc" | "desc";
  /** Whether documents are read and passed over: what the index can't answer by itself. */
  isFiltered: boolean;
  /** Those that the order leaves out because they have no value to go by, if there may be such. */
  leftOut: ((reader: AnyReader) => AnyQuery) | undefined;
}

type FilterStep = readonly [method: "eq" | "gt" | "gte" | "lt", path: string, value: unknown];
export type Step = FilterStep | readonly [method: "lte", path: string, value: unknown];

/** What a condition asks of a field, in the order that an index wants. */
function stepsOf(path: string, condition: Condition): FilterStep[] {
  if ("eq" in condition) return [["eq", path, condition.eq]];
  const { from, below } = condition;
  // A missing value and null are less than every other; nobody who asks for a part of an order means them.
  const lower: FilterStep = from === undefined ? ["gt", path, null] : ["gte", path, from];
  return below === undefined ? [lower] : [lower, ["lt", path, below]];
}

/**
 * The steps that an index answers, if what comes out of it is in the order that is wanted: fields that are equal to
 * something, then the one that gives the order.
 */
function stepsThrough(fields: readonly string[], { conditions, by, order }: Choice): Step[] | undefined {
  const steps: Step[] = [];
  for (const [i, path] of fields.entries()) {
    const condition = conditions.get(path);
    if (condition && "eq" in condition) steps.push(...stepsOf(path, condition));
    else if (path !== by || i < fields.length - 1) return undefined;
    else if (condition) steps.push(...stepsOf(path, condition));
    // Those that have no value would come first. In the other direction they come last, where they disturb nobody.
    // `leftOut` counts them.
    else if (order === "asc") steps.push(["gt", path, null]);
  }
  return by === undefined || fields.at(-1) === by ? steps : undefined;
}

/** The documents in a range of an index. */
export const ranged = (reader: AnyReader, table: TableName, index: string, steps: readonly Step[]): AnyRanged =>
  reader
    .query(table)
    .withIndex(index, (q) => steps.reduce((range, [method, path, value]) => range[method](path, value), q));

const written = ([method, path, value]: Step): string =>
  `.${method}("${path}", ${JSON.stringify(value) ?? "undefined"})`;

/** The index that answers most of the choice, and a filter for the rest. */
export function plan(table: TableName, choice: Choice): Plan {
  const { conditions, by, order } = choice;
  let index = "by_creation_time";
  let steps: Step[] = [];
  for (const { indexDescriptor, fields } of schema.tables[table][" indexes"]()) {
    const through = stepsThrough(fields, choice);
    if (through === undefined || (index !== "by_creation_time" && through.length <= steps.length)) continue;
    index = indexDescriptor;
    steps = through;
  }
  const answered = new Set(steps.map(([, path]) => path));
  const rest = [...conditions].filter(([path]) => !answered.has(path));
  const query = (reader: AnyReader, isReversed = false): AnyQuery => {
    const direction = (order === "asc") === isReversed ? "desc" : "asc";
    const ordered = ranged(reader, table, index, steps).order(direction);
    if (rest.length === 0) return ordered;
    return ordered.filter((q) => {
      const parts = rest.flatMap(([path, condition]) => stepsOf(path, condition));
      return q.and(...parts.map(([method, path, value]) => q[method](q.field(path), value)));
    });
  };
  // The last step is the one that leaves them out.
  const isWhole = by === undefined || order === "desc" || conditions.has(by);
  const leftOut = isWhole
    ? undefined
    : (reader: AnyReader) => ranged(reader, table, index, [...steps.slice(0, -1), ["lte", by, null]]);
  const shown = steps.map(written);
  const source = index === "by_creation_time" ? "" : `.withIndex("${index}", (q) => q${shown.join("")})`;
  const filter = rest.length === 0 ? "" : `.filter(${rest.map(([path]) => path).join(", ")})`;
  return {
    table,
    query,
    steps,
    by: by ?? "_creationTime",
    order,
    key: JSON.stringify([table, index, order, steps.map(written), rest]),
    text: `db.query("${table}")${source}.order("${order}")${filter}`,
    index: rest.length === 0 ? index : `${index} + filter`,
    isFiltered: rest.length > 0,
    leftOut,
  };
}
