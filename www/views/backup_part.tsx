/** The database as a file: making one, and taking in what one has. */
import { HoldfastError, type ImportReport } from "holdfast";
import { useRef, useState } from "react";
import { measured, noteQuery } from "../costs";
import { end as endDatabase } from "../database";
import { bytes, day, duration, number, plural } from "../format";
import { useDb } from "../hooks";
import { startOver } from "../lists";
import { explain, isEnd } from "../problems";
import { tables } from "../schema";
import { during, isAny, useUnderWay } from "../under_way";
import { ActionButton, useKeptFocus } from "./parts";
import { RestoreDialog, type Wish } from "./restore_dialog";
import { Fact } from "./sizes_panel";

/** A download has begun long before. */
const revokedAfterMs = 60_000;

/** How far it is, or what has come of it. */
type Outcome =
  | { is: "nothing" }
  | { is: "going"; label: string; done: number; text: string }
  | { is: "backed up"; text: string }
  | { is: "restored"; did: string; text: string; report: ImportReport; isAll: boolean; leftOut: readonly string[] }
  | { is: "cancelled"; meaning: string }
  | { is: "failed"; title: string; meaning: string; error: unknown };

export function BackupPart() {
  const db = useDb();
  const underWay = useUnderWay();
  const [outcome, setOutcome] = useState<Outcome>({ is: "nothing" });
  const [isAsking, setAsking] = useState(false);
  const cancel = useRef<AbortController>(undefined);

  const begin = (label: string) => {
    const { signal } = (cancel.current = new AbortController());
    const show = (done: number, text: string): void => setOutcome({ is: "going", label, done, text });
    show(0, "");
    return { signal, show };
  };
  const endBadly = (title: string, error: unknown, meaning: string): void => {
    if (error === cancel.current?.signal.reason) return setOutcome({ is: "cancelled", meaning });
    setOutcome(isEnd(error) ? { is: "nothing" } : { is: "failed", title, meaning, error });
    if (isEnd(error)) endDatabase(error);
  };

  const backUp = async (): Promise<void> => {
    const started = performance.now();
    let total = 0;
    const { signal, show } = begin("Documents backed up");
    try {
      const file = await db.export({
        signal,
        onProgress(now) {
          total = now.total;
          show(now.rows / Math.max(1, total), `${number(now.rows)} of ${plural(total, "document")}`);
        },
      });
      const ms = performance.now() - started;
      noteQuery({ text: "db.export()", index: "", result: plural(total, "row"), ms });
      const name = `holdfast-${today()}.zip`;
      download(file, name);
      const size = `${plural(total, "document")}, ${bytes(file.size)}, made in ${duration(ms)}.`;
      setOutcome({ is: "backed up", text: `${name}: ${size}` });
    } catch (error) {
      endBadly("No backup was made.", error, "The database is as it was.");
    }
  };

  const restore = async ({ file, mode, table, known, unknown }: Wish): Promise<void> => {
    const started = performance.now();
    const { signal, show } = begin("Documents restored");
    try {
      const report = await measured(`db.import(file, { mode: "${mode}" })`, () =>
        db.import(file, {
          mode,
          signal,
          // What is not said to be rows is taken for a ZIP, whatever it is called.
          ...(table ? { table } : { format: "zip" }),
          ...(known && { tables: known }),
          onProgress: ({ table: now, rows, done }) =>
            show(done, `${Math.floor(done * 100)}%: ${plural(rows, "document")} read, now ${now}`),
        }),
      );
      if (mode !== "append") startOver();
      const ms = duration(performance.now() - started);
      setOutcome({
        is: "restored",
        did: mode === "append" ? "Added. " : "Restored. ",
        text: `${plural(report.rows, "document")} of ${file.name} in ${ms}.`,
        report,
        isAll: mode === "replaceAll",
        leftOut: [...report.skipped, ...unknown],
      });
    } catch (error) {
      endBadly(`${file.name} was not restored.`, error, meaningOf(error, mode));
    }
  };

  const isRestoring = isAny(underWay, "restoring");
  const isRestoreOff = isAny(underWay, "backing up", "restoring", "reopening", "generating");
  const restoreButton = useKeptFocus(isRestoreOff);
  const after = isAny(underWay, "backing up") ? "When the backup is made" : "When the tasks are generated";
  const isGoing = outcome.is === "going";
  return (
    <div className="part" role="group" aria-label="Backup">
      <div className="buttons">
        <ActionButton
          text="Back up"
          busyText="Backing up…"
          action={() => during("backing up", backUp)}
          disabled={isAny(underWay, "backing up", "restoring", "reopening")}
          title={isRestoring ? "When the file is restored" : undefined}
        />
        <button
          ref={restoreButton}
          type="button"
          disabled={isRestoreOff}
          title={isAny(underWay, "backing up", "generating") ? after : undefined}
          onClick={() => setAsking(true)}
        >
          {isRestoring ? "Restoring…" : "Restore…"}
        </button>
        <button type="button" hidden={!isGoing} onClick={() => cancel.current?.abort()}>
          Cancel
        </button>
      </div>
      {/* Told by the bar to those who don't see it, at their own pace. */}
      <progress
        max={1}
        value={isGoing ? outcome.done : 0}
        hidden={!isGoing}
        aria-label={isGoing ? outcome.label : "Progress"}
        aria-valuetext={isGoing ? outcome.text : ""}
      />
      <p className="said">{isGoing ? outcome.text : ""}</p>
      <div className="said outcome" role="status">
        <OutcomeView outcome={outcome} />
      </div>
      {isAsking && (
        <RestoreDialog
          restore={(wish) => void during("restoring", () => restore(wish))}
          onClose={() => setAsking(false)}
        />
      )}
    </div>
  );
}

function OutcomeView({ outcome }: { outcome: Outcome }) {
  switch (outcome.is) {
    case "nothing":
    case "going":
      return null;
    case "backed up":
      return (
        <p className="good">
          <strong>Backed up. </strong>
          {outcome.text}
        </p>
      );
    case "cancelled":
      return (
        <p>
          <strong>Cancelled. </strong>
          {outcome.meaning}
        </p>
      );
    case "restored":
      return (
        <>
          <p className="good">
            <strong>{outcome.did}</strong>
            {outcome.text}
          </p>
          <Counts report={outcome.report} isAll={outcome.isAll} />
          <p>{leftOutText(outcome.leftOut)}</p>
        </>
      );
    case "failed": {
      const { code, message } = explain(outcome.error);
      return (
        <div role="alert">
          <p>
            <strong className="bad">{`${outcome.title} `}</strong>
            {outcome.meaning}
          </p>
          {/* It may have a whole document in it. */}
          <p className="error" tabIndex={0}>
            {code && <code>{code}</code>} {message}
            {placeOf(outcome.error, message)}
          </p>
        </div>
      );
    }
  }
}

/** Documents by table. */
function Counts({ report, isAll }: { report: ImportReport; isAll: boolean }) {
  const absent = isAll ? tables.filter((name) => report.tables[name] === undefined) : [];
  return (
    <dl className="sizes">
      {Object.entries(report.tables).map(([name, count]) => (
        <Fact key={name} name={name} value={plural(count, "row")} />
      ))}
      {absent.map((name) => (
        <Fact key={name} name={name} value="empty, not in the file" />
      ))}
    </dl>
  );
}

/** The day here, as it stands in a file's name. */
function today(): string {
  const now = new Date();
  return day(now.getTime() - now.getTimezoneOffset() * 60_000);
}

function download(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), revokedAfterMs);
}

const leftOutText = (names: readonly string[]): string => {
  if (names.length === 0) return "Nothing of it was left out.";
  return `Left out: ${new Intl.ListFormat("en").format(names)}.`;
};

/** Where in the file it is, if the message does not say it. */
function placeOf(error: unknown, message: string): string {
  const { table, row } = (error instanceof HoldfastError ? error.details : {}) as { table?: string; row?: number };
  if (table === undefined || message.includes(`"${table}"`)) return "";
  return row === undefined ? ` (table ${table})` : ` (table ${table}, row ${number(row)})`;
}

/** What an import that failed has done. */
function meaningOf(error: unknown, mode: Wish["mode"]): string {
  if (error instanceof HoldfastError && error.code === "OutcomeUnknown") {
    return "The connection to the storage was lost at a bad moment: look at the list to see whether the file was restored.";
  }
  const saved = error instanceof HoldfastError ? error.details["saved"] : undefined;
  if (mode === "append" && saved !== 0) {
    if (typeof saved !== "number") return "What was added before that stays; the rest was not added.";
    return `${plural(saved, "document")} of it ${saved === 1 ? "was" : "were"} added before that and stay; the rest was not added.`;
  }
  return mode === "append"
    ? "Nothing was added: all documents are as they were."
    : "Nothing has changed: all documents are as they were.";
}
