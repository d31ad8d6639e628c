/** What one does with the database as a whole: fill it, check it, back it up, choose its durability, delete it. */
import type { Durability, Session, View } from "../database";
import { actionButton, clock, duration, field, h, number, plural, select } from "../dom";
import { addTasks } from "../sample";
import { UnderWay, type Work } from "../under_way";
import { backupView } from "./backup";

const many = 100_000;

/** When those controls may be used again that would take the database away. */
const ends: Partial<Record<Work, string>> = {
  generating: "When the tasks are generated",
  "backing up": "When the backup is made",
  restoring: "When the file is restored",
};

/** What the panel needs beyond the session. */
export interface Care {
  setDurability: (durability: Durability) => Promise<void>;
  destroy: () => Promise<void>;
}

export function careView(session: Session, { setDurability, destroy }: Care): View {
  const underWay = new UnderWay();
  /** Tasks belong to projects. */
  let hasProjects = false;

  // ---- many tasks ----

  let cancel: AbortController | undefined;
  const progress = h("progress", { max: many, value: 0, "aria-label": "Tasks generated", hidden: true });
  const generated = h("p", { class: "said", role: "status" });
  const stop = h("button", { type: "button", hidden: true }, "Cancel");
  stop.onclick = () => cancel?.abort();
  const generate = actionButton(`Generate ${number(many)} tasks`, "Generating…", () =>
    underWay.during("generating", generateTasks),
  );
  const generateTasks = async (): Promise<void> => {
    cancel = new AbortController();
    const started = performance.now();
    progress.value = 0;
    progress.hidden = stop.hidden = false;
    generated.textContent = "";
    let shown = started;
    let done = 0;
    try {
      const { signal } = cancel;
      const onProgress = (now: number): void => {
        done = now;
        progress.value = now;
        generated.textContent = `${number(now)} of ${number(many)}`;
        // The page follows, twice a second.
        if (performance.now() - shown > 500) {
          shown = performance.now();
          void session.refresh();
        }
      };
      await session.saving(() => addTasks(session, many, signal, onProgress));
      const ms = performance.now() - started;
      const rate = `${number(Math.round((done / ms) * 1000))} a second`;
      generated.textContent = `${cancel.signal.aborted ? "Cancelled: " : ""}${plural(done, "task")} in ${duration(ms)}, ${rate}.`;
    } catch (error) {
      generated.textContent = `Stopped after ${plural(done, "task")}.`;
      session.fail(error);
    }
    progress.hidden = stop.hidden = true;
  };

  // ---- verify ----

  const checking = h("progress", { "aria-label": "Verifying", hidden: true });
  let shown = 0;
  const checked = (progress: { pages: number; rows: number }): void => {
    if (performance.now() - shown < 100) return;
    shown = performance.now();
    const pages = `${plural(progress.pages, "page")} read`;
    report.replaceChildren(
      h("p", {}, progress.rows > 0 ? `${pages}, ${plural(progress.rows, "row")} checked…` : `${pages}…`),
    );
  };
  const report = h("div", { class: "said report", role: "status" });
  const verify = actionButton("Verify", "Verifying…", () => underWay.during("verifying", check));
  const check = async (): Promise<void> => {
    checking.hidden = false;
    report.replaceChildren();
    const started = performance.now();
    try {
      const { pages, rows, entries, problems, moreProblems } = await session.db.verify({ onProgress: checked });
      const ms = duration(performance.now() - started);
      const read = `${plural(rows, "row")}, ${plural(entries, "index entry", "index entries")} and ${plural(pages, "page")} read in ${ms}, at ${clock(Date.now())}. What has changed since was not looked at.`;
      if (problems.length === 0) {
        report.replaceChildren(h("p", { class: "good" }, h("strong", {}, "All is well. "), read));
      } else {
        const more = moreProblems > 0 ? h("p", {}, `and ${plural(moreProblems, "problem")} more`) : null;
        report.replaceChildren(
          h("p", { class: "bad" }, h("strong", {}, `${plural(problems.length + moreProblems, "problem")}. `), read),
          h("ul", {}, ...problems.map((problem) => h("li", {}, problem))),
        );
        if (more) report.append(more);
      }
    } catch (error) {
      session.fail(error);
    }
    checking.hidden = true;
  };

  // ---- durability, deletion ----

  const durability = select("durability", "Durability", [
    ["relaxed", "Relaxed: survives a crash"],
    ["strict", "Strict: also a power cut"],
  ]);
  durability.value = session.durability;
  durability.onchange = () => void underWay.during("reopening", () => setDurability(durability.value as Durability));

  const size = h("p", {});
  const yes = h("button", { value: "yes", class: "danger" }, "Delete everything");
  const dialog = h(
    "dialog",
    { "aria-labelledby": "delete-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "delete-title" }, "Delete the database?"),
      size,
      h("div", { class: "buttons" }, h("button", { value: "no" }, "Keep it"), yes),
    ),
  );
  dialog.onclose = () => {
    if (dialog.returnValue === "yes") void destroy();
  };
  const remove = h("button", { type: "button", class: "danger" }, "Delete database");
  remove.onclick = async () => {
    const tasks = await session.db
      .query("tasks")
      .count()
      .catch(() => 0);
    size.textContent = `${plural(tasks, "task")} and everything else in it will be gone, in every tab of this browser.`;
    dialog.returnValue = "no";
    dialog.showModal();
  };

  // ---- what may be used ----

  // What is generated while a file is restored would be replaced by it.
  const mayGenerate = (): boolean => hasProjects && !underWay.is("generating", "restoring", "reopening");
  const backup = backupView(session, underWay);
  underWay.onChange(() => {
    generate.disabled = !mayGenerate();
    verify.disabled = underWay.is("verifying", "reopening");
    // Both would take the database away under what is being read or written.
    durability.disabled = underWay.isAnything;
    remove.disabled = underWay.is("generating", "backing up", "restoring");
    durability.title = remove.title = Object.entries(ends).find(([work]) => underWay.is(work as Work))?.[1] ?? "";
  });

  const element = h(
    "section",
    { class: "panel", "aria-label": "Database" },
    h("h2", {}, "Database"),
    backup,
    h("div", { class: "buttons" }, verify),
    checking,
    report,
    h("div", { class: "buttons" }, generate, stop),
    progress,
    generated,
    field("Durability", durability),
    h("div", { class: "buttons" }, remove),
    dialog,
  );

  const refresh = async (): Promise<void> => {
    hasProjects = (await session.db.query("projects").first()) !== null;
    generate.disabled = !mayGenerate();
    generate.title = hasProjects ? "" : "Add the sample data first";
  };
  return { element, refresh };
}
