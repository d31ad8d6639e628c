/**
 * One import at a time: another would take the place of the first.
 */
import type { Bridge } from "../bridge.js";
import { HoldfastError } from "../errors.js";
import { claimed, doesAnybodyImport } from "./claim.js";
import { unfinishedImport } from "./step.js";

/** The database that an import is about. */
export interface ImportPlace {
  readonly bridge: Bridge;
  readonly name: string;
  readonly storage: "indexeddb" | "memory";
}

/** What this page imports into, without locks. */
const busy = new Set<string>();

/** Whoever only looks whether there is something to clear away has the lock for a moment. */
const PATIENCE_MS = 1_000;
/** How often is asked whether an import has come to its end, where there are no locks that tell it. */
const LOOK_AGAIN_MS = 10_000;

/** Runs an action while no other import into this database does. Fails when one is under way. */
export async function exclusively<T>(place: ImportPlace, action: () => Promise<T>): Promise<T> {
  const key = keyOf(place);
  const locks = locksOf(place);
  if (locks !== undefined) return locked(locks, key, place, action);
  if (busy.has(key)) throw underWay(place);
  busy.add(key);
  try {
    if (!canAsk(place)) return await action();
    const claim = await claimed(key, () => unfinishedImport(place.bridge) !== undefined, action);
    if (claim === undefined) throw underWay(place);
    return claim.result;
  } finally {
    busy.delete(key);
  }
}

async function locked<T>(locks: LockManager, key: string, place: ImportPlace, action: () => Promise<T>): Promise<T> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  let isMine = false;
  try {
    return await locks.request(key, { signal: patience.signal }, () => {
      isMine = true;
      return action();
    });
  } catch (error) {
    throw isMine ? error : underWay(place);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs an action for the import that was not finished and that nobody works on, if there is one. Where somebody does, when
 * that one has come to its end or its page is gone.
 */
export async function whenAbandoned(place: ImportPlace, action: (number: number) => Promise<void>): Promise<void> {
  const key = keyOf(place);
  const locks = locksOf(place);
  const abandoned = () => (busy.has(key) ? undefined : unfinishedImport(place.bridge));
  const end = async () => {
    const number = abandoned();
    if (number !== undefined) await action(number);
  };
  if (locks !== undefined) return locks.request(key, end);
  if (place.storage === "memory") return end();
  // Nobody knows whether it is dead. The next import takes its place.
  if (!canAsk(place)) return;
  for (;;) {
    const number = abandoned();
    if (number === undefined) return;
    const isDead = !(await doesAnybodyImport(key));
    if (isDead && abandoned() === number) return action(number);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

const keyOf = ({ name, storage }: ImportPlace) => `holdfast-import:${storage}:${name}`;

/** What is in memory has this page alone. */
function locksOf({ storage }: ImportPlace): LockManager | undefined {
  if (storage === "memory") return undefined;
  return (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks;
}

const canAsk = ({ storage }: ImportPlace) => storage !== "memory" && typeof BroadcastChannel === "function";

function underWay({ name }: ImportPlace): HoldfastError {
  return new HoldfastError("StorageFailed", `Another import into the database "${name}" is under way.`);
}
