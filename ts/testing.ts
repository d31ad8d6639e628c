/**
 * Databases for the unit tests of an app: in memory, in Node or in a browser, each a fresh one.
 */
import type { Database } from "./database.js";
import { openDatabase, type OpenDatabaseOptions } from "./open_database.js";
import type { DataModelOf, ExportableSchema } from "./schema.js";
import type { SyncedDatabase } from "./sync/synced_database.js";
import type { SyncOption } from "./sync_part.js";

/** What {@link openTestDatabase} is asked for. */
export type TestDatabaseOptions<Schema extends ExportableSchema> = Omit<
  OpenDatabaseOptions<Schema>,
  "name" | "storage"
>;

let count = 0;

/**
 * Opens a database with synced tables in memory that nobody else has. It is gone when it is closed.
 *
 * ```ts
 * const db = await openTestDatabase({ schema, sync: { projects: root() } });
 * ```
 */
export function openTestDatabase<Schema extends ExportableSchema>(
  options: TestDatabaseOptions<Schema> & { sync: SyncOption<Schema> },
): Promise<SyncedDatabase<DataModelOf<Schema>>>;
/**
 * Opens a database in memory that nobody else has. It is gone when it is closed.
 *
 * ```ts
 * const db = await openTestDatabase({ schema, functions: { "convex/tasks.ts": () => import("../convex/tasks") } });
 * ```
 */
export function openTestDatabase<Schema extends ExportableSchema>(
  options: TestDatabaseOptions<Schema>,
): Promise<Database<DataModelOf<Schema>>>;
export async function openTestDatabase<Schema extends ExportableSchema>(
  options: TestDatabaseOptions<Schema>,
): Promise<Database<DataModelOf<Schema>>> {
  count += 1;
  return openDatabase<Schema>({ ...options, name: `holdfast test ${count}`, storage: "memory" });
}
