/**
 * A hook that follows a list page by page.
 */
import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { DocumentByInfo, GenericTableInfo } from "../data_model.js";
import type { FunctionReference } from "../functions/reference.js";
import { initialNumItems, LivePages, type PagesStatus } from "../live/pages.js";
import type { OrderedQuery, PaginationOptions, PaginationResult } from "../query.js";
import { useEarly } from "./early.js";
import { useDatabase } from "./provider.js";

/** What {@link usePaginatedQuery} gives. */
export interface UsePaginatedQueryResult<Item> {
  /** What is loaded so far, in order. */
  results: Item[];
  /** How far that is. */
  status: PagesStatus;
  /** Whether a page is under way. */
  isLoading: boolean;
  /** Loads about so many more. Does nothing while a page is under way, or when there are no more. */
  loadMore: (numItems: number) => void;
}

/** The arguments of a paginated query but for `paginationOpts`. */
export type PaginatedArgs<Reference extends FunctionReference<"query", any, any, any>> = Omit<
  Reference["_args"],
  "paginationOpts"
>;

type ItemOf<Returns> = Returns extends PaginationResult<infer Item> ? Item : never;

/**
 * Follows a registered query that answers with pages (its arguments have `paginationOpts`), or the documents of a query,
 * page by page. Other arguments begin a new list. `"skip"` follows nothing.
 */
export function usePaginatedQuery<
  Reference extends FunctionReference<"query", any, { paginationOpts: PaginationOptions } & Record<string, any>, any>,
>(
  reference: Reference,
  args: PaginatedArgs<Reference> | "skip",
  options: { initialNumItems: number },
): UsePaginatedQueryResult<ItemOf<Reference["_returnType"]>>;
export function usePaginatedQuery<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo>,
  args: Record<string, never> | "skip",
  options: { initialNumItems: number },
): UsePaginatedQueryResult<DocumentByInfo<TableInfo>>;
export function usePaginatedQuery(
  what: unknown,
  args: Record<string, unknown> | "skip",
  options: { initialNumItems: number },
): UsePaginatedQueryResult<any> {
  const { source } = useDatabase();
  const first = initialNumItems(options);
  const isSkipped = args === "skip";
  const key = isSkipped ? undefined : source.keyOfPages(what, args);
  const pages = useMemo(
    () => (isSkipped ? undefined : new LivePages<unknown>(source.pages(what, args), first)),
    // What is asked for is in the key.
    [source, key, first],
  );
  const subscribe = useCallback((changed: () => void) => pages?.subscribe(changed) ?? (() => undefined), [pages]);
  useEarly(pages);
  const snapshot = useSyncExternalStore(
    subscribe,
    () => pages?.snapshot,
    () => undefined,
  );
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever an app's function has thrown
  if (snapshot?.error !== undefined) throw snapshot.error;
  const loadMore = useCallback((numItems: number) => pages?.loadMore(numItems), [pages]);
  const { results = NONE, status = "LoadingFirstPage" } = snapshot ?? {};
  return { results, status, isLoading: status === "LoadingFirstPage" || status === "LoadingMore", loadMore };
}

const NONE: never[] = [];
