/**
 * What components written for Convex import from `convex/react`: its names, over a database on the device. Put them below
 * `<ConvexProvider client={database}>`, with what `openDatabase` gave.
 */
import { createElement, type ReactNode } from "react";
import type { Database } from "../database.js";
import { HoldfastError } from "../errors.js";
import { refusal } from "../refusal.js";
import type { FunctionReference, OptionalRestArgs, Settled } from "../functions/reference.js";
import { HoldfastProvider, useDatabase } from "../react/provider.js";

export { useMutation } from "../react/mutations.js";
export type { ReactMutation } from "../react/mutations.js";
export { usePaginatedQuery } from "../react/pages.js";
export type { PaginatedArgs as PaginatedQueryArgs, UsePaginatedQueryResult } from "../react/pages.js";
export { useQuery } from "../react/queries.js";
export type { PagesStatus as PaginationStatus } from "../live/pages.js";

/** Gives a database to the components below. */
export function ConvexProvider({ client, children }: { client: Database<any>; children?: ReactNode }): ReactNode {
  return createElement(HoldfastProvider, { database: client }, children);
}

/** The database: `query` and `mutation` run functions, as Convex's client does. */
export function useConvex(): ConvexReactClient {
  const database = useDatabase();
  return {
    query: (reference, ...args) => database.run(reference, ...args),
    mutation: (reference, ...args) => database.run(reference, ...args),
    action: () => Promise.reject(refusal("An action")),
  };
}

/** What {@link useConvex} gives. */
export interface ConvexReactClient {
  /** Runs a query once. */
  query<Args extends Record<string, unknown>, Returns>(
    reference: FunctionReference<"query", any, Args, Returns>,
    ...args: OptionalRestArgs<FunctionReference<any, any, Settled<Args>>>
  ): Promise<Returns>;
  /** Runs a mutation. */
  mutation<Args extends Record<string, unknown>, Returns>(
    reference: FunctionReference<"mutation", any, Args, Returns>,
    ...args: OptionalRestArgs<FunctionReference<any, any, Settled<Args>>>
  ): Promise<Returns>;
  /** Refuses: actions need a server. */
  action(reference: FunctionReference<"action", any>, ...args: unknown[]): Promise<never>;
}

/** Convex's client, which needs a server: what takes its place is the database. */
export const ConvexReactClient = class {
  constructor() {
    throw new HoldfastError(
      "NotSupported",
      "`ConvexReactClient` needs a Convex server. Open a database with `openDatabase`, and give it to " +
        "`<ConvexProvider client={database}>`.",
    );
  }
} as unknown as new (address: string, options?: object) => ConvexReactClient;

/** Refuses when it is called: actions need a server. */
export function useAction(_reference: FunctionReference<"action", any>): (...args: any[]) => Promise<any> {
  return refuseAction;
}

const refuseAction = (): Promise<never> => Promise.reject(refusal("An action"));
