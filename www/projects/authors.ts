/**
 * Who has made a change. History names the author by an actor, a number that each session draws anew for each document. So
 * whoever writes to a project signs it: the change that brings the signature has the same actor as all others of that session.
 */
import type { HistoryEntry } from "holdfast/sync";
import type { Db, Id, Writer } from "./schema";

/** Signs a project, if this session has not done so by this name. */
export async function sign(db: Writer, session: string, name: string, projectId: Id<"projects">): Promise<void> {
  // A project that was deleted or left meanwhile takes no signature; what is written says so itself.
  if (name === "" || (await db.get(projectId)) === null) return;
  const own = await db
    .query("signatures")
    .withIndex("by_project_and_session", (q) => q.eq("projectId", projectId).eq("session", session))
    .first();
  if (own === null) await db.insert("signatures", { projectId, name, session });
  else if (own.name !== name) await db.patch(own._id, { name });
}

/** The actors behind signatures, by the signatures' ids: they never change. */
const actors = new Map<string, string>();

export interface Author {
  readonly name: string;
  readonly session: string;
}

/** Those who have written to a project, by their actors. */
async function authorsOf(db: Db, projectId: Id<"projects">): Promise<ReadonlyMap<string, Author>> {
  const signatures = await db
    .query("signatures")
    .withIndex("by_project_and_session", (q) => q.eq("projectId", projectId))
    .collect();
  const authors = new Map<string, Author>();
  await Promise.all(
    signatures.map(async ({ _id, name, session }) => {
      const actor = actors.get(_id) ?? (await db.history(_id, { limit: 1 }))[0]?.actor;
      if (actor === undefined) return;
      actors.set(_id, actor);
      authors.set(actor, { name, session });
    }),
  );
  return authors;
}

/** A part of what has become of a task, and who has done it. */
export interface Found {
  readonly entries: readonly HistoryEntry[];
  readonly authors: ReadonlyMap<string, Author>;
  readonly hasMore: boolean;
}

export async function readHistory(db: Db, id: Id<"tasks">, projectId: Id<"projects">, limit: number): Promise<Found> {
  // One more, to know whether there is more.
  const [read, authors] = await Promise.all([db.history(id, { limit: limit + 1 }), authorsOf(db, projectId)]);
  return { entries: read.slice(0, limit), authors, hasMore: read.length > limit };
}
