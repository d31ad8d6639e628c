/**
 * Lists that are loaded page by page and follow the database.
 */
import type { DocumentByInfo, GenericTableInfo } from "./data_model.js";
import type { Database } from "./database.js";
import { initialNumItems, LivePages } from "./live/pages.js";
import type { OrderedQuery } from "./query.js";

export { LivePages } from "./live/pages.js";
export type { PagesSnapshot, PagesStatus } from "./live/pages.js";

/**
 * Follows a query page by page, beginning with so many documents. Pages keep their ends, so that they lie side by side
 * without gaps or overlaps whatever comes and goes.
 */
export function livePages<TableInfo extends GenericTableInfo>(
  database: Database<any>,
  query: OrderedQuery<TableInfo>,
  options: { readonly initialNumItems: number },
): LivePages<DocumentByInfo<TableInfo>> {
  return new LivePages(database.source.pages(query, {}), initialNumItems(options));
}
