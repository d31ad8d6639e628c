/**
 * Holdfast for React: components that follow the database.
 */
export { HoldfastProvider, useDatabase } from "./provider.js";
export { useLive, useQuery, useSuspenseQuery } from "./queries.js";
export type { ArgsOrSkip } from "./queries.js";
export { usePaginatedQuery } from "./pages.js";
export type { PaginatedArgs, UsePaginatedQueryResult } from "./pages.js";
export { useDurability, usePending } from "./durability.js";
export { useMutation } from "./mutations.js";
export type { ReactMutation } from "./mutations.js";
