/** The two devices: opened, joined, written to, and started over. */
import { HoldfastError, openDatabase } from "holdfast";
import { linkInMemory, type MemoryLink, type UndoManager } from "holdfast/sync";
import { useCallback, useSyncExternalStore } from "react";
import { flushSync } from "react-dom";
import { forgive, say, show } from "../notices";
import { explain, type Explained } from "../problems";
import { Store } from "../store";
import { type Session, sign } from "./authors";
import { noteChange, parting, setConnected } from "./parting";
import { addSamples, type Db, type Id, schema, sync, type Task, type Writer } from "./schema";

const names = ["Laptop", "Phone"] as const;

export interface Device extends Session {
  readonly device: (typeof names)[number];
  readonly db: Db;
  /** What was done here, to be taken back. */
  readonly undo: UndoManager;
}

export interface Opened {
  readonly is: "open";
  readonly devices: readonly [Device, Device];
  readonly link: MemoryLink;
  /** Another number when something may have come from the other device, also if rows show the same as before. */
  readonly news: Store<number>;
}

/** Whether there are devices to show. */
export type Phase = { is: "opening" | "closing" } | Opened | { is: "refused"; error: unknown; isGone: boolean };

export const phase = new Store<Phase>({ is: "opening" });

type Unfollowed = Omit<Device, "undo">;

async function open(device: Device["device"]): Promise<Unfollowed> {
  const db = await openDatabase({
    name: `holdfast-devices-${device.toLowerCase()}`,
    schema,
    sync,
    onProblem: (error) => fail(error),
  });
  return { device, db, session: crypto.randomUUID() };
}

/** Opens both and joins them. The samples are made on the first one only, so that they are seen to arrive on the other. */
export async function start(): Promise<void> {
  phase.set({ is: "opening" });
  const opening = await Promise.allSettled(names.map(open));
  const opened = opening.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  try {
    for (const one of opening) if (one.status === "rejected") throw one.reason;
    const [first, second] = opened as unknown as readonly [Unfollowed, Unfollowed];
    await first.db.mutate(async ({ db }) => {
      for (const projectId of await addSamples(db)) await sign(db, first, projectId);
    });
    const link = linkInMemory(first.db, second.db);
    // It has passed nothing on yet.
    obey(link);
    phase.set({ is: "open", devices: [followed(first), followed(second)], link, news: newsOf(link) });
  } catch (error) {
    phase.set({ is: "refused", error, isGone: false });
    await closeAll(opened);
  }
}

/** Notes what is done from now on: the samples stay, and so do signatures. */
function followed(device: Unfollowed): Device {
  return { ...device, undo: device.db.undoManager({ scope: ["projects", "tasks"] }) };
}

/** So long news are gathered: a link has much to tell. */
const gatheredMs = 50;

function newsOf(link: MemoryLink): Store<number> {
  const news = new Store(0);
  let isDue = false;
  link.subscribe(() => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      news.set(news.value + 1);
    }, gatheredMs);
  });
  return news;
}

const closeAll = (devices: readonly Unfollowed[]): Promise<unknown> =>
  Promise.allSettled(devices.map(({ db }) => db.close()));

/** Deletes both, in all tabs, and begins anew. */
export async function startOver(): Promise<void> {
  const before = phase.value;
  if (before.is !== "open") return;
  before.link.disconnect();
  // Nobody may follow them when they are gone.
  flushSync(() => phase.set({ is: "closing" }));
  const endings = await Promise.allSettled(before.devices.map(({ db }) => db.destroy()));
  for (const ending of endings) if (ending.status === "rejected") fail(ending.reason, "Not all was deleted.");
  // What is made anew is seen to arrive.
  setConnected(true);
  await start();
}

/** Parts the devices, or lets them meet, as was said in this tab or another one. */
function obey(link: MemoryLink): void {
  if (parting.value === undefined) link.connect();
  else link.disconnect();
}

parting.subscribe(() => {
  if (phase.value.is === "open") obey(phase.value.link);
});

export type LinkState = "apart" | "meeting" | "same";

/** How the devices stand to each other. */
export function useLinkState(link: MemoryLink): LinkState {
  const subscribe = useCallback((changed: () => void) => link.subscribe(changed), [link]);
  return useSyncExternalStore(subscribe, () => (!link.isConnected ? "apart" : link.isSynced ? "same" : "meeting"));
}

/**
 * Does something on a device that changes tasks of these projects, which are signed first. Answers whether it went well;
 * if not, it is shown, with what was not done.
 */
export async function change(
  on: Device,
  projects: readonly Id<"projects">[],
  failure: string,
  action: (db: Writer) => Promise<unknown>,
  /** What is a mutation of its own. */
  then?: () => Promise<void>,
): Promise<boolean> {
  try {
    await on.db.mutate(async ({ db }) => {
      for (const projectId of projects) await sign(db, on, projectId);
      await action(db);
    });
    await then?.();
  } catch (error) {
    fail(error, failure);
    return false;
  }
  forgive();
  noteChange(on.device);
  return true;
}

/** A task as it is by now, where that is known at once. */
export function shown({ db }: Device, id: Id<"tasks">): Task | undefined {
  try {
    return db.now.get(id) ?? undefined;
  } catch {
    // It is not in memory, or the database is gone.
    return undefined;
  }
}

/** Takes back what was done last on a device, or does it again. */
export async function takeBack(on: Device, isRedo: boolean): Promise<void> {
  const projects = await on.db.query("projects").collect();
  let isAny = true;
  const take = async () => void (isAny = await (isRedo ? on.undo.redo() : on.undo.undo()));
  const ids = projects.map(({ _id }) => _id);
  const isDone = await change(
    on,
    ids,
    isRedo ? "It was not done again." : "It was not undone.",
    async () => undefined,
    take,
  );
  if (isDone && !isAny) say("The other device has changed all of it since: nothing is left to be undone.");
}

/** An error in words, with what to do. */
export function explained(error: unknown): Explained {
  const { advice, ...rest } = explain(error);
  const own: Record<string, string> = {
    Corrupt: "“Start over” makes both databases anew.",
    EngineFault: "Reload the page if the devices don't sync any more.",
  };
  return { ...rest, advice: own[rest.code] ?? advice ?? "Try again, or reload the page." };
}

/** Shows what failed. That of a change goes when a later one succeeds. */
export function fail(error: unknown, what?: string): void {
  const { value } = phase;
  if (isEnd(error)) {
    if (value.is !== "open") return;
    value.link.disconnect();
    phase.set({ is: "refused", error, isGone: true });
    return void closeAll(value.devices);
  }
  const { code, message, advice } = explained(error);
  const text = [what, message, advice].filter(Boolean).join(" ");
  show({ kind: "bad", text, ...(code && { code }), ...(what !== undefined && { of: "change" }) });
}

/** What ends a database for this page: it was deleted in another tab, or the browser has taken its storage away. */
export const isEnd = (error: unknown): boolean =>
  error instanceof HoldfastError && ["DatabaseClosed", "StorageUnavailable"].includes(error.code);
