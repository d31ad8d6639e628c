/** What has become of a task that is not where it was any more. */
import type { HistoryEntry } from "holdfast/sync";
import { say } from "../notices";
import { readHistory } from "./authors";
import type { Device } from "./devices";
import type { Id, Task } from "./schema";

/** What is looked for is among so many of the newest changes. */
const fewEntries = 10;
/** So often, and at most so many times, one looks whether a task has come. */
const [pauseMs, mostTries] = [100, 50];

/**
 * A task, or null if it was deleted. One that is on its way from project to project is nowhere for a moment, as its documents come
 * one after another: that is waited for.
 */
export async function settled({ db }: Device, id: Id<"tasks">): Promise<Task | null> {
  for (let tries = 0; ; tries += 1) {
    const task = await db.get(id);
    // What is not saved is not in its history yet.
    const isSaved = !db.pending.has(id);
    if ((task !== null && isSaved) || tries === mostTries) return task;
    const end = (await db.history(id, { limit: fewEntries })).find(isEnd);
    if (end?.kind === "deleted" && isSaved) return null;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

const isEnd = ({ kind }: HistoryEntry): boolean => kind === "deleted" || kind === "movedAway";

/** Says who has moved or deleted a task, unless it was this device itself. */
export async function tellFate(device: Device, { _id, title }: Task): Promise<void> {
  const { db } = device;
  try {
    const now = await settled(device, _id);
    const [projects, { entries, authors }] = await Promise.all([
      db.query("projects").collect(),
      readHistory(db, _id, fewEntries),
    ]);
    const end = entries.find(isEnd);
    const author = authors.get(end?.actor ?? "");
    if (author === device.device) return;
    const by = author === undefined ? "the other device" : `the ${author}`;
    const project = projects.find(({ _id }) => _id === now?.projectId)?.name ?? "another project";
    const isDeleted = now === null && end?.kind === "deleted";
    if (isDeleted) say(`“${title}” was deleted by ${by}. It can be restored from “Deleted tasks”.`);
    else say(`“${title}” was moved to ${project} by ${by}.`);
  } catch {
    // A database that is gone says so elsewhere.
  }
}
