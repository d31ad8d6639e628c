/** The page: opens the database, shows its parts, and keeps them up to date. */
import { HoldfastError } from "holdfast";
import { open, resultOf, type Cost, type Db, type Durability, type Session, type Storage, type View } from "./database";
import { duration, h } from "./dom";
import { explain, isEnd } from "./problems";
import { References } from "./references";
import { tables, type TableName } from "./schema";
import { careView } from "./views/care";
import { costsView } from "./views/costs";
import { sizesView } from "./views/sizes";
import { tableView } from "./views/table";

const byId = (id: string): HTMLElement => document.getElementById(id)!;
const views = byId("views");
const panels = byId("panels");
const state = byId("state");
const lastChange = byId("last-change");
const panelsButton = byId("show-panels");
const refreshButton = byId("refresh") as HTMLButtonElement;

// ---- messages ----

function notice(kind: string, ...content: (Node | string)[]): HTMLElement {
  const close = h("button", { type: "button", class: "quiet", "aria-label": "Dismiss" }, "×");
  const element = h("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" }, ...content, close);
  close.onclick = () => element.remove();
  const notices = byId("notices");
  while (notices.children.length > 2) notices.firstChild!.remove();
  notices.append(element);
  return element;
}

const say: Session["say"] = (message, action) => {
  const element = notice("good", h("p", {}, message));
  const timer = setTimeout(() => element.remove(), 8000);
  if (!action) return;
  const button = h("button", { type: "button" }, action.text);
  button.onclick = () => {
    clearTimeout(timer);
    element.remove();
    action.run().catch(fail);
  };
  element.lastChild!.before(button);
};

const fail: Session["fail"] = (error, of) => {
  if (isEnd(error)) return end(error);
  const { code, message, advice } = explain(error);
  const element = notice("bad", h("p", {}, code ? h("code", {}, code) : "", " ", message, advice ? ` ${advice}` : ""));
  if (of) element.dataset["of"] = of;
};

// ---- an open database ----

/** Shows everything anew when asked to; asked again meanwhile, it goes on for one more round. */
let refresh: () => Promise<void> = async () => undefined;
let refreshSizes: () => Promise<void> = async () => undefined;
/** Whether there is a database to show. */
let isOpen = false;

function begin(db: Db, storage: Storage, durability: Durability): void {
  const costs = costsView();
  let saving = 0;
  const showState = (): void => {
    if (!isOpen) return;
    const where = storage === "memory" ? "In memory only" : "All saved";
    state.textContent = saving > 0 ? "Saving…" : where;
    state.className = saving > 0 ? "busy" : storage === "memory" ? "warning" : "saved";
  };
  const note: Session["note"] = (cost) => {
    costs.note(cost);
    // Where the panels are out of sight, too.
    if (cost.kind === "write") lastChange.textContent = `last change ${duration(cost.ms)}`;
  };
  const measure = async <T>(kind: Cost["kind"], text: string, index: string, run: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const answer = await run();
    note({ kind, text, index, result: resultOf(answer), ms: performance.now() - started });
    return answer;
  };
  const session: Session = {
    get db() {
      return db;
    },
    storage,
    get durability() {
      return durability;
    },
    read: (text, index, query) => measure("read", text, index, query),
    write: (text, change) => session.saving(() => measure("write", text, "", change)),
    async saving(changes) {
      saving += 1;
      showState();
      try {
        const answer = await changes();
        for (const failure of byId("notices").querySelectorAll('[data-of="change"]')) failure.remove();
        return answer;
      } finally {
        saving -= 1;
        showState();
        await refresh();
      }
    },
    note,
    refresh: () => refresh(),
    startOver() {
      for (const view of shownBefore.values()) view.startOver?.();
    },
    say,
    fail,
  };

  const references = new References();
  const shownBefore = new Map<TableName, View>();
  const viewOf = (table: TableName): View => {
    const view = shownBefore.get(table) ?? tableView(session, table, references);
    shownBefore.set(table, view);
    return view;
  };
  const sizes = sizesView(session);
  const care = careView(session, {
    // The same views go on with another database: what is chosen in them stays chosen.
    async setDurability(wanted) {
      localStorage.setItem("durability", wanted);
      await pause();
      try {
        await db.close();
        [db, durability] = [await open(storage, wanted, heard), wanted];
        resume();
        say(`Every change is saved with ${wanted} durability now.`);
      } catch (error) {
        showRefusal(error);
      }
    },
    async destroy() {
      await pause();
      try {
        await db.destroy();
        say("The database was deleted.");
      } catch (error) {
        fail(error);
      }
      await start(storage);
    },
  });

  const tabs = [...document.querySelectorAll<HTMLButtonElement>('[role="tab"]')];
  const nameOf = (tab: HTMLButtonElement): string => tab.id.replace("tab-", "");
  let shown: View | undefined;
  const show = (name: string): void => {
    const table = tables.find((each) => each === name) ?? "tasks";
    const view = viewOf(table);
    for (const tab of tabs) {
      const isShown = nameOf(tab) === table;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      if (isShown) views.setAttribute("aria-labelledby", tab.id);
    }
    if (shown === view) return;
    shown = view;
    views.replaceChildren(view.element);
    void refresh();
  };
  for (const [i, tab] of tabs.entries()) {
    tab.onclick = () => (location.hash = nameOf(tab));
    tab.onkeydown = ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step === undefined) return;
      const next = tabs[(i + step + tabs.length) % tabs.length]!;
      next.focus();
      next.click();
    };
  }

  let running: Promise<void> | undefined;
  let isAsked = false;
  const refreshAll = (): Promise<void> => {
    isAsked = true;
    running ??= (async () => {
      while (isAsked && isOpen) {
        isAsked = false;
        await shown?.refresh();
        await sizes.refresh();
        await care.refresh();
      }
    })()
      .catch(fail)
      .finally(() => (running = undefined));
    return running;
  };
  /** Nothing is read any more, and what was being read is. */
  const pause = async (): Promise<void> => {
    stop();
    state.textContent = "Closing…";
    state.className = "busy";
    await running;
  };
  const resume = (): void => {
    isOpen = true;
    refresh = refreshAll;
    refreshSizes = () => sizes.refresh();
    window.onhashchange = () => show(location.hash.slice(1));
    refreshButton.disabled = false;
    showState();
    void refresh();
  };
  panels.replaceChildren(care.element, costs.element, sizes.element);
  resume();
  show(location.hash.slice(1));
}

/** There is no database any more, for now. */
function stop(): void {
  isOpen = false;
  refresh = refreshSizes = async () => undefined;
  window.onhashchange = null;
  refreshButton.disabled = true;
}

/** The database has ended by itself. Several parts of the page may find out. */
function end(error: unknown): void {
  if (!isOpen) return;
  stop();
  // This page closes a database only when it shows it no more, so it was deleted.
  const isDeleted = error instanceof HoldfastError && error.code === "DatabaseClosed";
  const hint = isDeleted
    ? "It was deleted in another tab or window. Opening it again makes a new, empty one."
    : "What was saved is there when it is opened again.";
  showRefusal(error, "The database is gone", hint);
}

// ---- opening ----

const wantedDurability = (): Durability => (localStorage.getItem("durability") === "strict" ? "strict" : "relaxed");

/** What happens to the database behind the scenes. */
const heard = (error: unknown): void => fail(error);

async function start(storage: Storage): Promise<void> {
  state.textContent = "Opening…";
  state.className = "busy";
  try {
    const durability = wantedDurability();
    begin(await open(storage, durability, heard), storage, durability);
  } catch (error) {
    showRefusal(error);
  }
}

/** What to do when there is no database to show. */
function showRefusal(error: unknown, title = "The database can't be opened", hint?: string): void {
  const { code, message, advice = "" } = explain(error);
  state.textContent = "Not open";
  state.className = "bad";
  lastChange.textContent = "";
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  const again = h("button", { type: "button", class: "primary" }, hint ? "Open it again" : "Try again");
  again.onclick = () => void start("indexeddb");
  const memory = h("button", { type: "button" }, "Work in memory only");
  memory.onclick = () => void start("memory");
  views.replaceChildren(
    h(
      "div",
      { class: "empty", role: "alert" },
      h("h2", {}, title),
      h("p", {}, hint ?? advice),
      h("p", { class: "error" }, code ? h("code", {}, code) : null, " ", message),
      h("div", { class: "buttons" }, again, memory),
      h("p", { class: "hint" }, "In memory, everything works until this tab is closed; then it is gone."),
    ),
  );
  panels.replaceChildren();
}

const showNow = async (): Promise<void> => {
  refreshButton.disabled = true;
  await refresh();
  refreshButton.disabled = state.className === "bad";
};
refreshButton.onclick = () => void showNow();
window.addEventListener("focus", () => void refresh());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void refresh();
});

// Where there is no room beside the list, the panels come before it when they are asked for.
panelsButton.onclick = () => {
  const isShown = panels.classList.toggle("shown");
  panelsButton.setAttribute("aria-expanded", String(isShown));
  if (isShown) panels.scrollIntoView({ block: "nearest" });
};

// The store works on by itself: its log becomes part of its tree.
setInterval(() => {
  if (document.visibilityState === "visible") void refreshSizes().catch(() => undefined);
}, 1000);

void start("indexeddb");
