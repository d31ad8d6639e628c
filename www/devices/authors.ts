/**
 * Who has made a change. History names the author by an actor, a number that each session of a device draws anew for each
 * document. So whoever writes to a project signs it first: the change that brings the signature has the same actor as all
 * others of that session in this project, and the signature says which device that is.
 */
import type { HistoryEntry } from "holdfast/sync";
import type { Db, Id, Writer } from "./schema";

/** A session of a device: from when its database is opened until the page goes. */
export interface Session {
  readonly device: string;
  readonly session: string;
}

/** Signs a project, if this session has not done so. */
export async function sign(db: Writer, { device, session }: Session, projectId: Id<"projects">): Promise<void> {
  const own = await db
    .query("signatures")
    .withIndex("by_project_and_session", (q) => q.eq("projectId", projectId).eq("session", session))
    .first();
  if (own === null) await db.insert("signatures", { projectId, device, session });
}

/** The actors behind signatures, by the signatures' ids: they never change. */
const actors = new Map<string, string>();

/** The devices of those who have written to a project, by their actors. */
export async function authorsOf(db: Db, projectId: Id<"projects">): Promise<ReadonlyMap<string, string>> {
  const signatures = await db
    .query("signatures")
    .withIndex("by_project_and_session", (q) => q.eq("projectId", projectId))
    .collect();
  const authors = new Map<string, string>();
  await Promise.all(
    signatures.map(async ({ _id, device }) => {
      const actor = actors.get(_id) ?? (await db.history(_id, { limit: 1 }))[0]?.actor;
      if (actor === undefined) return;
      actors.set(_id, actor);
      authors.set(actor, device);
    }),
  );
  return authors;
}

/** A part of what has become of a task, and the devices of those who have done it, by their actors. */
export interface Found {
  readonly entries: readonly HistoryEntry[];
  readonly authors: ReadonlyMap<string, string>;
  readonly hasMore: boolean;
}

export async function readHistory(db: Db, id: Id<"tasks">, limit: number): Promise<Found> {
  // One more, to know whether there is more.
  const read = await db.history(id, { limit: limit + 1 });
  const entries = read.slice(0, limit);
  // It may have been in other projects, and each has signatures of its own.
  const roots = [...new Set(entries.map(({ root }) => root as Id<"projects">))];
  const authors = (await Promise.all(roots.map((root) => authorsOf(db, root)))).flatMap((found) => [...found]);
  return { entries, authors: new Map(authors), hasMore: read.length > limit };
}
