/** What goes on with the database as a whole. Much of it would disturb the rest: controls ask here whether they may. */
import { Store, useStore } from "./store";

export type Work = "generating" | "verifying" | "backing up" | "restoring" | "reopening";

const works = new Store<ReadonlySet<Work>>(new Set());

/** Does something, and says meanwhile that it goes on. */
export async function during<T>(work: Work, action: () => Promise<T>): Promise<T> {
  works.set(new Set([...works.value, work]));
  try {
    return await action();
  } finally {
    works.set(new Set([...works.value].filter((each) => each !== work)));
  }
}

/** What goes on. */
export const useUnderWay = (): ReadonlySet<Work> => useStore(works);

/** Whether one of these goes on. */
export const isAny = (now: ReadonlySet<Work>, ...asked: Work[]): boolean => asked.some((work) => now.has(work));
