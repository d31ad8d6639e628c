/** What was written to a project's tasks at the same time as what they show. */
import type { Conflict } from "holdfast/sync";
import { useEffect, useState } from "react";
import { useStore } from "../store";
import { fail, isEnd, useApp } from "./database";
import type { Id, Task } from "./schema";

/** What nobody has to be asked about: a place is seen and mended at once, and the other goes with the status. */
const unasked: readonly string[] = ["order", "completedAt"];

type Found = ReadonlyMap<string, readonly Conflict[]>;

/** By the tasks' ids. They may change with what comes from elsewhere, even if tasks show the same. */
export function useProjectConflicts(projectId: Id<"projects">, tasks: readonly Task[]): Found {
  const { db, news } = useApp();
  const [found, setFound] = useState<Found>(new Map());
  const version = useStore(news);
  useEffect(() => {
    let isAsked = true;
    const look = async (): Promise<void> => {
      const entries = await Promise.all(
        tasks.map(async ({ _id }) => {
          const all = await db.conflicts(_id);
          return [_id, all.filter(({ path }) => !unasked.includes(String(path[0])))] as const;
        }),
      );
      if (isAsked) setFound(new Map(entries.filter(([, conflicts]) => conflicts.length > 0)));
    };
    look().catch((error: unknown) => isAsked && !isEnd(error) && fail(error, "Conflicts could not be looked up."));
    return () => {
      isAsked = false;
    };
  }, [db, projectId, tasks, version]);
  return found;
}
