/**
 * Databases for the unit tests of an app: in memory, in Node or in a browser, each a fresh one.
 */
import type { Database } from "./database.js";
import { openDatabase, type OpenDatabaseOptions } from "./open_database.js";
import type { DataModelOf, ExportableSchema } from "./schema.js";

let count = 0;

/**
 * Opens a database in memory that nobody else has. It is gone when it is closed.
 *
 * ```ts
 * const db = await openTestDatabase({ schema, functions: { "convex/tasks.ts": () => import("../convex/tasks") } });
 * ```
 */
export async function openTestDatabase<Schema extends ExportableSchema>(
  options: Omit<OpenDatabaseOptions<Schema>, "name" | "storage">,
): Promise<Database<DataModelOf<Schema>>> {
  count += 1;
  return openDatabase<Schema>({ ...options, name: `holdfast test ${count}`, storage: "memory" });
}
