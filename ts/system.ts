/**
 * `db.system`: Convex's own tables of files and scheduled functions. Both need a server, so that they are empty here.
 */
import { invalidArgument, requireText } from "./arguments.js";
import type { GenericDocument } from "./data_model.js";
import { type PaginationResult, type QueryExecutor, queryOf, SYSTEM_TABLES } from "./query.js";

/** Answers queries of what is empty. */
const emptyExecutor: QueryExecutor = {
  collect: () => Promise.resolve([]),
  take: () => Promise.resolve([]),
  first: () => Promise.resolve(null),
  unique: () => Promise.resolve(null),
  count: () => Promise.resolve(0),
  paginate: () =>
    Promise.resolve<PaginationResult<GenericDocument>>({ page: [], isDone: true, continueCursor: "_end_cursor" }),
  iterate: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};

/** Checks the name of a system table. */
function requireSystemTable(tableName: unknown, method: string): void {
  requireText(tableName, method, "tableName");
  if (SYSTEM_TABLES.includes(tableName)) return;
  throw invalidArgument(
    tableName.startsWith("_")
      ? `Table '${tableName}' not found: the system tables are ${SYSTEM_TABLES.join(" and ")}.`
      : `User tables can only be accessed from db.${method}().`,
  );
}

/** `db.system`. */
export const systemReader = {
  get(tableOrId: string, id?: string): Promise<null> {
    requireText(id ?? tableOrId, "get", "id");
    if (id !== undefined) requireSystemTable(tableOrId, "get");
    return Promise.resolve(null);
  },
  query(tableName: string): unknown {
    requireSystemTable(tableName, "query");
    return queryOf(emptyExecutor, tableName);
  },
  table(tableName: string): object {
    requireSystemTable(tableName, "table");
    return {
      get: (id: string) => systemReader.get(tableName, id),
      query: () => systemReader.query(tableName),
    };
  },
  normalizeId(tableName: string, id: string): null {
    requireSystemTable(tableName, "normalizeId");
    requireText(id, "normalizeId", "id", 2);
    return null;
  },
};
