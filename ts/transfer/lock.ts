/**
 * One import at a time: another would take the place of the first.
 */
import { HoldfastError } from "../errors.js";

const busy = new Set<string>();

/** Whoever only looks whether there is something to clear away has the lock for a moment. */
const PATIENCE_MS = 1_000;

/** Runs an action while no other import into this database does. Fails when one is under way. */
export async function exclusively<T>(name: string, action: () => Promise<T>): Promise<T> {
  const key = keyOf(name);
  const { locks } = browser();
  if (locks !== undefined) {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
    let isMine = false;
    try {
      return await locks.request(key, { signal: patience.signal }, () => {
        isMine = true;
        return action();
      });
    } catch (error) {
      throw isMine ? error : underWay(name);
    } finally {
      clearTimeout(timer);
    }
  }
  if (busy.has(key)) throw underWay(name);
  busy.add(key);
  try {
    return await action();
  } finally {
    busy.delete(key);
  }
}

/** Runs an action when the import that is under way, if one is, has come to its end or its page is gone. */
export async function afterImports(name: string, action: () => Promise<void>): Promise<void> {
  const { locks } = browser();
  if (locks !== undefined) await locks.request(keyOf(name), action);
  // Without locks there are no other pages.
  else if (!busy.has(keyOf(name))) await action();
}

const keyOf = (name: string) => `holdfast-import:${name}`;

const browser = () => (globalThis as { navigator?: { locks?: LockManager } }).navigator ?? {};

function underWay(name: string): HoldfastError {
  return new HoldfastError("StorageFailed", `Another import into the database "${name}" is under way.`);
}
