/**
 * Hooks that write.
 */
import { useMemo } from "react";
import type { ConvertReturnType, FunctionReference, OptionalRestArgs } from "../functions/reference.js";
import type { RegisteredMutation } from "../functions/registration.js";
import { useDatabase } from "./provider.js";

/** Runs a mutation; what it answers settles when that is saved. What is on the screen changes before. */
export interface ReactMutation<Args extends Record<string, unknown>, Returns> {
  (...args: OptionalRestArgs<FunctionReference<any, any, Args>>): Promise<Returns>;
  /** For code that was written for Convex: here every mutation shows at once, so that there is nothing to update. */
  withOptimisticUpdate(update: (...args: any[]) => void): ReactMutation<Args, Returns>;
}

/** A function that runs a registered mutation. It stays the same from one rendering to the next. */
export function useMutation<Args extends Record<string, unknown>, Returns>(
  callable: RegisteredMutation<any, Args, Returns>,
): ReactMutation<Args, ConvertReturnType<Returns>>;
export function useMutation<Args extends Record<string, unknown>, Returns>(
  reference: FunctionReference<"mutation", any, Args, Returns>,
): ReactMutation<Args, Returns>;
export function useMutation(what: unknown): ReactMutation<Record<string, unknown>, unknown> {
  const database = useDatabase();
  const { source } = database;
  // References are made anew each time that somebody names one.
  const key = source.keyOf(what);
  return useMemo(() => {
    const run = (args?: unknown) => database.run(what as FunctionReference<"mutation">, args as never);
    const mutation: ReactMutation<any, unknown> = Object.assign(run, { withOptimisticUpdate: () => mutation });
    return mutation as ReactMutation<Record<string, unknown>, unknown>;
  }, [database, key]);
}
