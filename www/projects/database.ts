/** The projects of this device: opened, written to, and gone. */
import { HoldfastError, openDatabase } from "holdfast";
import type { LiveValue, SyncSnapshot, UndoManager } from "holdfast/sync";
import { createContext, useCallback, useContext, useSyncExternalStore } from "react";
import { forgive, say, show } from "../notices";
import { explain, type Explained } from "../problems";
import { Store } from "../store";
import { sign } from "./authors";
import { type Db, type Id, schema, sync, type Task, type Writer } from "./schema";
import { me } from "./settings";

export interface Opened {
  readonly is: "open";
  readonly db: Db;
  /** This page, from its load until it goes. */
  readonly session: string;
  readonly undo: UndoManager;
  readonly status: Store<SyncSnapshot>;
  /** Another number when something may have come from elsewhere, also if rows show the same as before. */
  readonly news: Store<number>;
}

export type Phase = { is: "opening" } | Opened | { is: "refused"; error: unknown; isGone: boolean };

export const phase = new Store<Phase>({ is: "opening" });

export async function start(): Promise<void> {
  phase.set({ is: "opening" });
  try {
    const db = await openDatabase({ name: "holdfast-projects", schema, sync, onProblem: (error) => fail(error) });
    const undo = db.undoManager({ scope: ["projects", "tasks", "members"] });
    phase.set({ is: "open", db, session: crypto.randomUUID(), undo, status: statusOf(db), news: newsOf(db) });
    db.durability.subscribe(() => {
      if (db.durability.state === "closed") gone(db, db.durability.reason);
    });
  } catch (error) {
    phase.set({ is: "refused", error, isGone: false });
  }
}

/** Who reads the database's own tells others if it has changed, which must not be while something is rendered. */
function statusOf({ sync: { status } }: Db): Store<SyncSnapshot> {
  const store = new Store(status.snapshot);
  status.subscribe(() => {
    if (store.value !== status.snapshot) store.set(status.snapshot);
  });
  return store;
}

/** So long news are gathered: a server has much to tell. */
const gatheredMs = 100;

function newsOf(db: Db): Store<number> {
  const news = new Store(0);
  let isDue = false;
  const told = (): void => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      news.set(news.value + 1);
    }, gatheredMs);
  };
  db.sync.status.subscribe(told);
  // Rows are shown before they are saved, and conflicts and history are of what is saved.
  db.pending.subscribe(told);
  return news;
}

function gone(db: Db, error: unknown): void {
  if (phase.value.is === "open" && phase.value.db === db) phase.set({ is: "refused", error, isGone: true });
}

export const AppContext = createContext<Opened | undefined>(undefined);

/** What is open, in components that are shown only then. */
export const useApp = (): Opened => useContext(AppContext)!;

export function useLiveValue<T>(live: LiveValue<T>) {
  const subscribe = useCallback((changed: () => void) => live.subscribe(changed), [live]);
  return useSyncExternalStore(subscribe, () => live.snapshot);
}

/**
 * Does something that changes projects, which are signed first. Answers whether it went well; if not, it is shown, with what
 * was not done.
 */
export async function change(
  { db, session }: Opened,
  projects: readonly Id<"projects">[],
  failure: string,
  action: (db: Writer) => Promise<unknown>,
  /** What is a mutation of its own. */
  then?: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await db.mutate(async (ctx) => {
      for (const projectId of projects) await sign(ctx.db, session, me.value, projectId);
      await action(ctx.db);
    });
    await then?.();
  } catch (error) {
    fail(error, failure);
    return false;
  }
  forgive();
  return true;
}

/** A task as it is by now, where that is known at once. */
export function shown({ db }: Opened, id: Id<"tasks">): Task | undefined {
  try {
    return db.now.get(id) ?? undefined;
  } catch {
    // It is not in memory, or the database is gone.
    return undefined;
  }
}

/** Takes back what was done last in this tab, or does it again. */
export async function takeBack({ undo }: Opened, isRedo: boolean): Promise<void> {
  if (!(isRedo ? undo.canRedo : undo.canUndo)) return;
  try {
    const isAny = await (isRedo ? undo.redo() : undo.undo());
    if (!isAny) say("Others have changed all of it since: nothing is left to be undone.");
  } catch (error) {
    fail(error, isRedo ? "It was not done again." : "It was not undone.");
  }
}

/** An error in words, with what to do. */
export function explained(error: unknown): Explained {
  const { advice, ...rest } = explain(error);
  const own: Record<string, string> = {
    Corrupt: "Make a backup in “Settings” of what can still be read.",
    EngineFault: "Reload the page.",
    NotSynced: "Wait until the header says “Synced”, and try again.",
  };
  return { ...rest, advice: own[rest.code] ?? advice ?? "Try again, or reload the page." };
}

/** Shows what failed. That of a change goes when a later one succeeds. */
export function fail(error: unknown, what?: string): void {
  const { value } = phase;
  if (isEnd(error)) {
    if (value.is === "open") gone(value.db, error);
    return;
  }
  const { code, message, advice } = explained(error);
  const text = [what, message, advice].filter(Boolean).join(" ");
  show({ kind: "bad", text, ...(code && { code }), ...(what !== undefined && { of: "change" }) });
}

/** What ends a database for this page: it was deleted in another tab, or the browser has taken its storage away. */
export const isEnd = (error: unknown): boolean =>
  error instanceof HoldfastError && ["DatabaseClosed", "StorageUnavailable"].includes(error.code);
