/** Holdfast's hooks, for this page's database and for tables that are known only when the page runs. */
import { useDatabase, useLive, useQuery } from "holdfast/react";
import { useCallback, useMemo, useSyncExternalStore } from "react";
import { useCost } from "./costs";
import type { Db, Model } from "./database";
import type { Row } from "./fields";
import type { AnyQuery, AnyReader } from "./plan";

/** The database, with this page's tables in its types. */
export const useDb = (): Db => useDatabase<Model>();

/** The database as one that reads any table. */
export const useReader = (): AnyReader => useDb() as unknown as AnyReader;

/** How many documents a query has, followed and noted. */
export function useCount(text: string, index: string, query: AnyQuery | "skip"): number | undefined {
  const began = performance.now();
  const count = useQuery(query as "skip", "count");
  return useCost(`${text}.count()`, index, began, query === "skip" ? undefined : count);
}

/** What a function makes of what it reads, followed and noted. `text` tells it from others. */
export function useRead<T>(text: string, index: string, read: (reader: AnyReader) => Promise<T>): T | undefined {
  const { value, status, error } = useReadLive(text, index, read);
  if (status === "error") throw error as Error;
  return value;
}

/**
 * The same with its status and its error. `key` tells it from others, where the text does not say all; `"skip"` follows
 * nothing.
 */
export function useReadLive<T>(text: string, index: string, read: (reader: AnyReader) => Promise<T>, key = text) {
  const began = performance.now();
  const isSkipped = key === "skip";
  const follow = async (ctx: { db: unknown }): Promise<T> => read(ctx.db as AnyReader);
  const live = useLive<T>((isSkipped ? "skip" : follow) as typeof follow, [key]);
  useCost(text, index, began, live.status === "error" ? undefined : live.value);
  return live;
}

/** The first document of a table, or null. */
export const useFirst = (query: AnyQuery): Row | null | undefined => useQuery(query as never, "first") as never;

/** Whether a media query holds. */
export function useMedia(query: string): boolean {
  const media = useMemo(() => matchMedia(query), [query]);
  const subscribe = useCallback(
    (changed: () => void) => {
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    [media],
  );
  return useSyncExternalStore(subscribe, () => media.matches);
}
