/**
 * What was typed into notes, as an edit of what they were. When the page goes there is no time to save it: so it is noted in a
 * place that is written at once, and saved when the page is opened again.
 */
import { ConvexError } from "holdfast";
import { type Edit, editOf, rebased } from "../devices/letters";
import { change, type Opened, phase } from "./database";
import type { Id } from "./schema";

export interface Typing {
  readonly task: Id<"tasks">;
  readonly projectId: Id<"projects">;
  /** Its title, for messages. */
  readonly title: string;
  /** The notes in which it was typed. */
  readonly before: string;
  readonly edit: Edit;
}

/** Saves it. Answers whether it went well; if not, it is shown. */
export const saveTyping = (app: Opened, { task: id, projectId, title, before, edit }: Typing): Promise<boolean> =>
  change(app, [projectId], `“${title}” was not changed.`, async (db) => {
    const task = await db.get(id);
    if (task === null) throw new ConvexError({ message: `It was deleted meanwhile, and is without “${edit.insert}”.` });
    // Something may have come that was not there when it was typed.
    const { index, deleteCount, insert } = rebased(edit, editOf(before, task.notes));
    await db.splice(id, "notes", index, deleteCount, insert);
  });

const prefix = "holdfast-projects-typed ";

/** Notes what was typed, to be saved when the page is opened again. */
export const keepTyping = (typing: Typing): void =>
  localStorage.setItem(prefix + crypto.randomUUID(), JSON.stringify(typing));

/** Saves what was noted, if the projects are there. */
export function saveKept(): void {
  if (phase.value.is !== "open") return;
  for (const key of Object.keys(localStorage).filter((key) => key.startsWith(prefix))) {
    const typing = JSON.parse(localStorage.getItem(key)!) as Typing;
    localStorage.removeItem(key);
    void saveTyping(phase.value, typing);
  }
}
