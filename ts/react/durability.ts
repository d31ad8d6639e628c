/**
 * Hooks for how safe what was written is.
 */
import { useCallback, useSyncExternalStore } from "react";
import type { DurabilitySnapshot } from "../durability.js";
import { useDatabase } from "./provider.js";

/** How safe what was written is: see `db.durability`. */
export function useDurability(): DurabilitySnapshot {
  const { durability } = useDatabase();
  const subscribe = useCallback((changed: () => void) => durability.subscribe(changed), [durability]);
  const now = () => durability.snapshot;
  return useSyncExternalStore(subscribe, now, now);
}

/** Whether what is shown of the document with this id is not saved yet. */
export function usePending(id: string): boolean {
  const { pending } = useDatabase();
  const subscribe = useCallback((changed: () => void) => pending.subscribe(changed), [pending]);
  return useSyncExternalStore(
    subscribe,
    () => pending.has(id),
    () => false,
  );
}
