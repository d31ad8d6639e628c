/**
 * Queries as plain data, in Convex's serialized form: what the builders make and the engine reads.
 */
import { checkedCopy } from "./checked.js";
import type { Value } from "./data_model.js";

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
export type SerializedQuery = {
  source: SerializedSource;
  operators: ({ filter: SerializedExpression } | { select: string[] })[];
};

/** The table that a query reads. */
export function tableOf({ source }: SerializedQuery): string {
  return source.type === "FullTableScan" ? source.tableName : source.indexName.split(".", 1)[0]!;
}

/** A value of an app as a query has it. */
export function serializeValue(value: unknown): SerializedValue {
  return value === undefined ? { $undefined: null } : checkedCopy(value);
}
