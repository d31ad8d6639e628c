/**
 * What was typed into notes, as an edit of what they were: saved as such, so that what others have typed meanwhile stays. When the
 * page goes there is no time for that. So it is noted in a place that is written at once, and saved when the page is opened again.
 */
import { ConvexError } from "holdfast";
import { change, type Device, phase, shown } from "./devices";
import { settled } from "./fate";
import { type Edit, editOf, rebased } from "./letters";
import type { Id } from "./schema";

export interface Typing {
  readonly task: Id<"tasks">;
  /** Its title, for messages. */
  readonly title: string;
  /** The notes in which it was typed. */
  readonly before: string;
  readonly edit: Edit;
}

/** Saves it. Answers whether it went well; if not, it is shown. */
export async function saveTyping(on: Device, { task: id, title, before, edit }: Typing): Promise<boolean> {
  // The other device may have moved the task away from under somebody who types.
  const now = shown(on, id) ?? (await settled(on, id).catch(() => null));
  return change(on, now === null ? [] : [now.projectId], `“${title}” was not changed.`, async (db) => {
    const task = await db.get(id);
    if (task === null) throw new ConvexError({ message: `It was deleted meanwhile, and is without “${edit.insert}”.` });
    // Something may have come that was not there when it was typed.
    const { index, deleteCount, insert } = rebased(edit, editOf(before, task.notes));
    await db.splice(id, "notes", index, deleteCount, insert);
  });
}

const prefix = "holdfast-devices-typed ";

/** Notes what was typed on a device, to be saved when the page is opened again. */
export const keepTyping = ({ device }: Device, typing: Typing): void =>
  localStorage.setItem(prefix + crypto.randomUUID(), JSON.stringify({ device, typing }));

/** Saves what was noted, if the devices are there. */
export function saveKept(): void {
  if (phase.value.is !== "open") return;
  const { devices } = phase.value;
  for (const key of Object.keys(localStorage).filter((key) => key.startsWith(prefix))) {
    const { device, typing } = JSON.parse(localStorage.getItem(key)!) as { device: string; typing: Typing };
    localStorage.removeItem(key);
    void saveTyping(
      devices.find((each) => each.device === device)!,
      typing,
    );
  }
}
