/** All projects as a file: making one, and going back to one. */
import { HoldfastError } from "holdfast";
import { useRef, useState } from "react";
import { bytes, day, plural } from "../format";
import { ActionButton } from "../views/parts";
import { explained, useApp } from "./database";

type Outcome = { is: "nothing" } | { is: "good" | "going"; text: string } | { is: "bad"; text: string; error: unknown };

/** A download has begun long before. */
const revokedAfterMs = 60_000;

export function BackupPart() {
  const { db } = useApp();
  const [outcome, setOutcome] = useState<Outcome>({ is: "nothing" });
  const [chosen, choose] = useState<{ file: File; question: string }>();
  const field = useRef<HTMLInputElement>(null);

  const backUp = async (): Promise<void> => {
    try {
      const file = await db.export();
      const now = new Date();
      const name = `projects-${day(now.getTime() - now.getTimezoneOffset() * 60_000)}.zip`;
      download(file, name);
      setOutcome({ is: "good", text: `${name}, ${bytes(file.size)}.` });
    } catch (error) {
      setOutcome({ is: "bad", text: "No backup was made.", error });
    }
  };
  const ask = async (file: File | undefined): Promise<void> => {
    setOutcome({ is: "nothing" });
    if (file === undefined) return choose(undefined);
    const [projects, tasks] = [await db.query("projects").count(), await db.query("tasks").count()];
    const question = `${plural(projects, "project")} with ${plural(tasks, "task")} are here now. All becomes as it is in ${file.name}: what the file does not have is deleted, for everybody who shares it.`;
    choose({ file, question });
  };
  const restore = async (file: File): Promise<void> => {
    try {
      const { rows } = await db.import(file, {
        mode: "replaceAll",
        format: "zip",
        onProgress: ({ done }) => setOutcome({ is: "going", text: `${Math.floor(done * 100)}%` }),
      });
      setOutcome({ is: "good", text: `Restored: ${plural(rows, "row")} of ${file.name}.` });
    } catch (error) {
      const isBegun = error instanceof HoldfastError && Number(error.details["saved"] ?? 0) > 0;
      const text = isBegun
        ? "A part of it was restored. Restoring the same file again completes it."
        : "Nothing was restored: all is as it was.";
      setOutcome({ is: "bad", text, error });
    }
    choose(undefined);
    if (field.current) field.current.value = "";
  };
  return (
    <section className="part" aria-label="Backup">
      <h3>Backup</h3>
      <p className="hint">
        All projects of this device as a file. Restore it on one device: the others get it by the server.
      </p>
      <div className="line">
        <ActionButton text="Back up" busyText="Backing up…" action={backUp} />
        <input
          ref={field}
          type="file"
          accept=".zip"
          aria-label="Backup to restore"
          onChange={(event) => void ask(event.target.files?.[0])}
        />
      </div>
      {chosen && (
        <>
          <p role="alert">{chosen.question}</p>
          <div className="buttons">
            <ActionButton
              text="Restore it"
              busyText="Restoring…"
              className="danger"
              action={() => restore(chosen.file)}
            />
          </div>
        </>
      )}
      <p role="status" className={outcome.is === "bad" ? "error" : "hint"}>
        {outcome.is !== "nothing" && outcome.text}
        {outcome.is === "bad" && ` ${explained(outcome.error).message} ${explained(outcome.error).advice}`}
      </p>
    </section>
  );
}

function download(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), revokedAfterMs);
}
