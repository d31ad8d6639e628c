/** Notes that both devices may edit at once: what is typed goes out letter by letter, and what comes goes in beside it. */
import { useLayoutEffect, useRef } from "react";
import { editOf, moved, rebased } from "./letters";
import type { Id, Writer } from "./schema";

/** Changes the notes of a task. */
type WriteNotes = (db: Writer, id: Id<"tasks">) => Promise<void>;

interface Props {
  label: string;
  notes: string;
  /** Does it; answers whether it went well. */
  save: (write: WriteNotes) => Promise<boolean>;
}

export function NotesField({ label, notes, save }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  /** What is in the field and was handed over to be saved. */
  const known = useRef(notes);
  /** A letter is being put together from several keys: nobody may write into the field. */
  const isComposing = useRef(false);

  /** Shows other notes, and leaves the cursor between the letters where it was. */
  const show = (text: string): void => {
    const element = field.current!;
    if (isComposing.current || element.value === text) return;
    const edit = editOf(element.value, text);
    const { selectionStart, selectionEnd } = element;
    element.value = text;
    element.setSelectionRange(moved(selectionStart, edit), moved(selectionEnd, edit));
    known.current = text;
  };
  useLayoutEffect(() => show(notes), [notes]);

  const write = async (): Promise<void> => {
    const element = field.current!;
    if (isComposing.current) return;
    const before = known.current;
    const after = element.value;
    if (before === after) return;
    known.current = after;
    const edit = editOf(before, after);
    const isSaved = await save(async (db, id) => {
      // Something may have come meanwhile that the field does not show yet.
      const task = await db.get(id);
      if (task === null) throw new Error("It was deleted meanwhile.");
      const { index, deleteCount, insert } = rebased(edit, editOf(before, task.notes));
      await db.splice(id, "notes", index, deleteCount, insert);
    });
    if (!isSaved) show(before);
  };

  return (
    <textarea
      ref={field}
      className="notes"
      name="notes"
      aria-label={label}
      placeholder="Notes"
      rows={1}
      defaultValue={notes}
      onChange={() => void write()}
      onCompositionStart={() => (isComposing.current = true)}
      onCompositionEnd={() => {
        isComposing.current = false;
        void write();
      }}
    />
  );
}
