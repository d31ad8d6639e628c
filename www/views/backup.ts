/** The database as a file: making one, and taking in what one has. */
import { HoldfastError, type ImportReport } from "holdfast";
import type { Session } from "../database";
import { actionButton, bytes, day, duration, h, keepingFocus, number, plural } from "../dom";
import { explain, isEnd } from "../problems";
import { tables } from "../schema";
import type { UnderWay } from "../under_way";
import { restoreDialog, type Wish } from "./restore";

/** A download has begun long before. */
const revokedAfterMs = 60_000;

export function backupView(session: Session, underWay: UnderWay): HTMLElement {
  const progress = h("progress", { max: 1, value: 0, hidden: true });
  // Told by the bar to those who don't see it, at their own pace.
  const place = h("p", { class: "said" });
  const outcome = h("div", { class: "said outcome", role: "status" });
  const stop = h("button", { type: "button", hidden: true }, "Cancel");
  let cancel = new AbortController();
  stop.onclick = () => cancel.abort();

  const begin = (what: string): void => {
    cancel = new AbortController();
    stop.hidden = false;
    outcome.replaceChildren();
    progress.ariaLabel = what;
    show(0, "");
    progress.hidden = false;
  };
  const show = (done: number, text: string): void => {
    progress.value = done;
    progress.ariaValueText = place.textContent = text;
  };
  const end = (...said: HTMLElement[]): void => {
    progress.hidden = stop.hidden = true;
    place.textContent = "";
    outcome.replaceChildren(...said);
  };
  const endBadly = (title: string, error: unknown, meaning: string): void => {
    end();
    if (error === cancel.signal.reason) return end(h("p", {}, h("strong", {}, "Cancelled. "), meaning));
    if (isEnd(error)) return session.fail(error);
    const { code, message } = explain(error);
    // It may have a whole document in it.
    const text = h("p", { class: "error", tabIndex: 0 }, code ? h("code", {}, code) : null, " ", message);
    text.append(placeOf(error, message));
    const said = h("p", {}, h("strong", { class: "bad" }, `${title} `), meaning);
    outcome.replaceChildren(h("div", { role: "alert" }, said, text));
  };

  // ---- back up ----

  const backUp = async (): Promise<void> => {
    const started = performance.now();
    let total = 0;
    begin("Documents backed up");
    try {
      const file = await session.db.export({
        signal: cancel.signal,
        onProgress(now) {
          total = now.total;
          show(now.rows / Math.max(1, total), `${number(now.rows)} of ${plural(total, "document")}`);
        },
      });
      const ms = performance.now() - started;
      session.note({ kind: "read", text: "db.export()", index: "", result: plural(total, "row"), ms });
      const name = `holdfast-${today()}.zip`;
      download(file, name);
      const size = `${plural(total, "document")}, ${bytes(file.size)}, made in ${duration(ms)}.`;
      end(h("p", { class: "good" }, h("strong", {}, "Backed up. "), `${name}: ${size}`));
    } catch (error) {
      endBadly("No backup was made.", error, "The database is as it was.");
    }
  };
  const backUpButton = actionButton("Back up", "Backing up…", () => underWay.during("backing up", backUp));

  // ---- restore ----

  const restore = async ({ file, mode, table, known, unknown }: Wish): Promise<void> => {
    const started = performance.now();
    begin("Documents restored");
    try {
      const report = await session.write(`db.import(file, { mode: "${mode}" })`, async () => {
        const all = await session.db.import(file, {
          mode,
          signal: cancel.signal,
          // What is not said to be rows is taken for a ZIP, whatever it is called.
          ...(table ? { table } : { format: "zip" }),
          ...(known && { tables: known }),
          onProgress: ({ table: now, rows, done }) =>
            show(done, `${Math.floor(done * 100)}%: ${plural(rows, "document")} read, now ${now}`),
        });
        if (mode !== "append") session.startOver();
        return all;
      });
      const did = mode === "append" ? "Added. " : "Restored. ";
      const what = `${plural(report.rows, "document")} of ${file.name} in ${duration(performance.now() - started)}.`;
      end(
        h("p", { class: "good" }, h("strong", {}, did), what),
        factsOf(report, mode === "replaceAll"),
        h("p", {}, leftOut([...report.skipped, ...unknown])),
      );
    } catch (error) {
      endBadly(`${file.name} was not restored.`, error, meaningOf(error, mode));
    }
  };
  const restoreButton = h("button", { type: "button" }, "Restore…");
  const dialog = restoreDialog(session, (wish) => {
    void keepingFocus(restoreButton, () => underWay.during("restoring", () => restore(wish)));
  });
  restoreButton.onclick = () => dialog.open();

  underWay.onChange(() => {
    backUpButton.disabled = underWay.is("backing up", "restoring", "reopening");
    restoreButton.disabled = underWay.is("backing up", "restoring", "reopening", "generating");
    restoreButton.textContent = underWay.is("restoring") ? "Restoring…" : "Restore…";
    const after = underWay.is("backing up") ? "When the backup is made" : "When the tasks are generated";
    restoreButton.title = underWay.is("backing up", "generating") ? after : "";
    backUpButton.title = underWay.is("restoring") ? "When the file is restored" : "";
  });

  return h(
    "div",
    { class: "part", role: "group", "aria-label": "Backup" },
    h("div", { class: "buttons" }, backUpButton, restoreButton, stop),
    progress,
    place,
    outcome,
    dialog.element,
  );
}

/** The day here, as it stands in a file's name. */
function today(): string {
  const now = new Date();
  return day(now.getTime() - now.getTimezoneOffset() * 60_000);
}

function download(file: Blob, name: string): void {
  const href = URL.createObjectURL(file);
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), revokedAfterMs);
}

/** Documents by table. */
function factsOf(report: ImportReport, isAll: boolean): HTMLElement {
  const facts = Object.entries(report.tables).map(([name, count]) => [name, plural(count, "row")] as const);
  const absent = isAll ? tables.filter((name) => report.tables[name] === undefined) : [];
  const all = [...facts, ...absent.map((name) => [name, "empty, not in the file"] as const)];
  return h("dl", { class: "sizes" }, ...all.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

const leftOut = (names: readonly string[]): string => {
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
    return "The connection to the storage was lost at a bad moment. Refresh to see whether the file was restored.";
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
