/**
 * Hooks that follow the database. A component shows one state of it: all that a commit changes, changes in one rendering.
 */
import { useCallback, useRef, useSyncExternalStore } from "react";
import type { DocumentByInfo, GenericTableInfo } from "../data_model.js";
import type { GenericQueryCtx } from "../functions/context.js";
import type { ConvertReturnType, FunctionReference, OptionalRestArgs, Settled } from "../functions/reference.js";
import type { RegisteredQuery } from "../functions/registration.js";
import { type Entry, LOADING } from "../live/entry.js";
import type { LiveSnapshot } from "../live/live.js";
import { isAction } from "../live/source.js";
import type { OrderedQuery } from "../query.js";
import { useEarly } from "./early.js";
import { useDatabase } from "./provider.js";

const nothing = (): void => undefined;
const loading = (): LiveSnapshot<never> => LOADING;

/** Follows an entry, if there is one. */
export function useEntry<T>(entry: Entry<T> | undefined): LiveSnapshot<T> {
  const subscribe = useCallback((changed: () => void) => entry?.subscribe(changed) ?? nothing, [entry]);
  useEarly(entry);
  return useSyncExternalStore(subscribe, () => entry?.snapshot ?? LOADING, loading);
}

/** What follows what a hook was given. A function is the same as long as its dependencies are. */
function useEntryOf(what: unknown, second: unknown): Entry<unknown> | undefined {
  const { source } = useDatabase();
  const own = useRef<Own>(undefined);
  if (second === "skip" || what === "skip") return undefined;
  if (!isAction(what)) return source.entry(what, second);
  const dependencies = [source, ...(Array.isArray(second) ? (second as unknown[]) : [what])];
  const known = own.current;
  const isSame =
    known?.dependencies.length === dependencies.length &&
    known.dependencies.every((dependency, index) => Object.is(dependency, dependencies[index]));
  if (isSame && !known.entry.isDropped) return known.entry;
  own.current = { dependencies, entry: source.entry(what) };
  return own.current.entry;
}

/** What a hook follows of its own: no other finds it. */
interface Own {
  dependencies: readonly unknown[];
  entry: Entry<unknown>;
}

/** Arguments of a registered query, or `"skip"`, which follows nothing. */
export type ArgsOrSkip<Args extends Record<string, unknown>> =
  OptionalRestArgs<FunctionReference<any, any, Args>> | ["skip"];

/**
 * What a query shows, with its status and its error. See {@link useQuery} for what can be followed.
 */
export function useLive<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo> | "skip",
  terminal?: "collect" | { readonly take: number },
): LiveSnapshot<DocumentByInfo<TableInfo>[]>;
export function useLive<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo> | "skip",
  terminal: "first" | "unique",
): LiveSnapshot<DocumentByInfo<TableInfo> | null>;
export function useLive<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo> | "skip",
  terminal: "count",
): LiveSnapshot<number>;
export function useLive<Args extends Record<string, unknown>, Returns>(
  callable: RegisteredQuery<any, Args, Returns>,
  ...args: ArgsOrSkip<Settled<Args>>
): LiveSnapshot<ConvertReturnType<Returns>>;
export function useLive<Args extends Record<string, unknown>, Returns>(
  reference: FunctionReference<"query", any, Args, Returns>,
  ...args: ArgsOrSkip<Settled<Args>>
): LiveSnapshot<Returns>;
export function useLive<T>(
  action: (ctx: GenericQueryCtx<any>) => Promise<T> | T,
  dependencies: readonly unknown[],
): LiveSnapshot<T>;
export function useLive(what: unknown, second?: unknown): LiveSnapshot<unknown> {
  return useEntry(useEntryOf(what, second));
}

/**
 * The value of a query, `undefined` while there is none; rendering throws what it fails of. It follows
 *
 * - the documents of a query: `useQuery(db.query("tasks").order("desc"), { take: 20 })`;
 * - what a registered query answers: `useQuery(api.tasks.list, { projectId })`;
 * - what a function makes of what it reads: `useQuery(async (ctx) => …, [projectId])`, where the list has all that the
 *   function uses of the component.
 *
 * `"skip"` in place of the arguments, or of the query, follows nothing.
 */
export function useQuery<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo> | "skip",
  terminal?: "collect" | { readonly take: number },
): DocumentByInfo<TableInfo>[] | undefined;
export function useQuery<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo> | "skip",
  terminal: "first" | "unique",
): DocumentByInfo<TableInfo> | null | undefined;
export function useQuery<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo> | "skip",
  terminal: "count",
): number | undefined;
export function useQuery<Args extends Record<string, unknown>, Returns>(
  callable: RegisteredQuery<any, Args, Returns>,
  ...args: ArgsOrSkip<Settled<Args>>
): ConvertReturnType<Returns> | undefined;
export function useQuery<Args extends Record<string, unknown>, Returns>(
  reference: FunctionReference<"query", any, Args, Returns>,
  ...args: ArgsOrSkip<Settled<Args>>
): Returns | undefined;
export function useQuery<T>(
  action: (ctx: GenericQueryCtx<any>) => Promise<T> | T,
  dependencies: readonly unknown[],
): T | undefined;
export function useQuery(what: unknown, second?: unknown): unknown {
  const { value, status, error } = useEntry(useEntryOf(what, second));
  if (status === "error") throw error;
  return value;
}

/** As {@link useQuery}, for components below a `<Suspense>`, which waits until there is a value. */
export function useSuspenseQuery<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo>,
  terminal?: "collect" | { readonly take: number },
): DocumentByInfo<TableInfo>[];
export function useSuspenseQuery<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo>,
  terminal: "first" | "unique",
): DocumentByInfo<TableInfo> | null;
export function useSuspenseQuery<TableInfo extends GenericTableInfo>(
  query: OrderedQuery<TableInfo>,
  terminal: "count",
): number;
export function useSuspenseQuery<Args extends Record<string, unknown>, Returns>(
  callable: RegisteredQuery<any, Args, Returns>,
  ...args: OptionalRestArgs<FunctionReference<any, any, Settled<Args>>>
): ConvertReturnType<Returns>;
export function useSuspenseQuery<Args extends Record<string, unknown>, Returns>(
  reference: FunctionReference<"query", any, Args, Returns>,
  ...args: OptionalRestArgs<FunctionReference<any, any, Settled<Args>>>
): Returns;
export function useSuspenseQuery(what: unknown, second?: unknown): unknown {
  const entry = useDatabase().source.entry(what, second);
  const { value, status, error } = useEntry(entry);
  if (status === "error") throw error;
  // A component that waits is thrown away and made anew: what it waits for must be found again, so no function.
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- how React is told to wait
  if (status === "loading") throw entry.settled();
  return value;
}
