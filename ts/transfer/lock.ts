/**
 * One import at a time: another would take the place of the first.
 */
import { HoldfastError } from "../errors.js";

const busy = new Set<string>();

/** Runs an action while no other import into this database does. Fails when one is under way. */
export async function exclusively<T>(name: string, action: () => Promise<T>): Promise<T> {
  const { locks } = (globalThis as { navigator?: { locks?: LockManager } }).navigator ?? {};
  const key = `holdfast:${name}:import`;
  if (locks !== undefined) {
    return await locks.request(key, { ifAvailable: true }, async (lock) => {
      if (lock === null) throw underWay(name);
      return action();
    });
  }
  if (busy.has(key)) throw underWay(name);
  busy.add(key);
  try {
    return await action();
  } finally {
    busy.delete(key);
  }
}

function underWay(name: string): HoldfastError {
  return new HoldfastError("StorageFailed", `Another import into the database "${name}" is under way.`);
}
