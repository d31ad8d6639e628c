/** The question before a project goes: for everybody, or from this device alone. */
import { HoldfastError } from "holdfast";
import { useState } from "react";
import { forgive, say } from "../notices";
import { ActionButton, Dialog } from "../views/parts";
import { change, fail, useApp } from "./database";
import { goTo } from "./route";
import type { Project } from "./schema";

interface Props {
  project: Project;
  /** It was deleted before, and can only be removed from this device. */
  isDeleted?: boolean;
  close: () => void;
}

export function RemoveDialog({ project: { _id, name }, isDeleted = false, close }: Props) {
  const app = useApp();
  const [isUnsynced, setUnsynced] = useState(false);
  const end = (text: string): void => {
    close();
    goTo("", true);
    say(text);
  };
  const remove = async (): Promise<void> => {
    const isGone = await change(app, [_id], `“${name}” was not deleted.`, (db) => db.delete(_id));
    if (isGone) end(`Deleted “${name}” for everybody. It can be restored from “Deleted projects”.`);
  };
  const leave = async (accept?: "lose-unsynced"): Promise<void> => {
    try {
      await app.db.sync.leave(_id, accept && { accept });
      forgive();
      end(`“${name}” is not on this device any more.`);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === "NotSynced") setUnsynced(true);
      else fail(error, `“${name}” was not removed.`);
    }
  };
  return (
    <Dialog labelledBy="remove-title" onClose={close}>
      <h2 id="remove-title">{isDeleted ? `Remove “${name}” from this device?` : `Delete or leave “${name}”?`}</h2>
      <div className="part">
        {isUnsynced ? (
          <p role="alert">
            <strong className="bad">The server may not have all of it.</strong> What it does not have would be lost for
            good. To keep it, wait until the header says “Synced”, or make a backup in “Settings”.
          </p>
        ) : (
          <>
            {!isDeleted && (
              <p>
                <strong>Delete for everybody</strong>: it goes from all who have it, and any of them can restore it.
              </p>
            )}
            <p>
              <strong>Remove from this device</strong>: others keep it, and its link brings it back. Where it was never
              shared, that is the end of it.
            </p>
          </>
        )}
        <div className="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          {isUnsynced ? (
            <ActionButton
              text="Lose what is not synced"
              busyText="Removing…"
              className="danger"
              action={() => leave("lose-unsynced")}
            />
          ) : (
            <>
              <ActionButton text="Remove from this device" busyText="Removing…" action={() => leave()} />
              {!isDeleted && (
                <ActionButton text="Delete for everybody" busyText="Deleting…" className="danger" action={remove} />
              )}
            </>
          )}
        </div>
      </div>
    </Dialog>
  );
}
