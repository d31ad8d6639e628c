/** The page: opens the database, shows its parts, and keeps them up to date. */
import { HoldfastError } from "holdfast";
import { open, resultOf, type Cost, type Db, type Durability, type Session, type Storage, type View } from "./database";
import { h } from "./dom";
import { explain } from "./problems";
import { careView } from "./views/care";
import { costsView } from "./views/costs";
import { moviesView } from "./views/movies";
import { sizesView } from "./views/sizes";
import { tasksView } from "./views/tasks";

const byId = (id: string): HTMLElement => document.getElementById(id)!;
const views = byId("views");
const panels = byId("panels");
const state = byId("state");
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

const fail: Session["fail"] = (error) => {
  const { code, message, advice } = explain(error);
  notice("bad", h("p", {}, code ? h("code", {}, code) : "", " ", message, advice ? ` ${advice}` : ""));
};

/** What ends a database for this page, until it is opened again. */
const isEnd = (error: unknown): boolean =>
  error instanceof HoldfastError && ["DatabaseClosed", "StorageUnavailable", "EngineFault"].includes(error.code);

// ---- an open database ----

/** Shows everything anew when asked to; asked again meanwhile, it goes on for one more round. */
let refresh: () => Promise<void> = async () => undefined;
let refreshSizes: () => Promise<void> = async () => undefined;

function begin(db: Db, storage: Storage, durability: Durability): void {
  const costs = costsView();
  let saving = 0;
  const showState = (): void => {
    const where = storage === "memory" ? "In memory only" : "All saved";
    state.textContent = saving > 0 ? "Saving…" : where;
    state.className = saving > 0 ? "busy" : storage === "memory" ? "warning" : "saved";
  };
  const measure = async <T>(kind: Cost["kind"], text: string, index: string, run: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const answer = await run();
    costs.note({ kind, text, index, result: resultOf(answer), ms: performance.now() - started });
    return answer;
  };
  const session: Session = {
    db,
    storage,
    durability,
    read: (text, index, query) => measure("read", text, index, query),
    async write(text, change) {
      saving += 1;
      showState();
      try {
        return await measure("write", text, "", change).then(async (answer) => {
          await session.refresh();
          return answer;
        });
      } finally {
        saving -= 1;
        showState();
      }
    },
    note: (cost) => costs.note(cost),
    refresh: () => refresh(),
    say,
    fail,
  };

  const data: Record<string, View> = { tasks: tasksView(session), movies: moviesView(session) };
  const sizes = sizesView(session);
  const care = careView(session, {
    setDurability: (wanted) => {
      localStorage.setItem("durability", wanted);
      void reopen(db, () => db.close(), storage, `Every change is saved with ${wanted} durability now.`);
    },
    destroy: () => void reopen(db, () => db.destroy(), storage, "The database was deleted."),
  });

  const tabs = [...document.querySelectorAll<HTMLButtonElement>('[role="tab"]')];
  const nameOf = (tab: HTMLButtonElement): string => tab.id.replace("tab-", "");
  let shown: View | undefined;
  const show = (name: string): void => {
    const view = data[name] ?? data["tasks"]!;
    for (const tab of tabs) {
      const isShown = data[nameOf(tab)] === view;
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
  window.onhashchange = () => show(location.hash.slice(1));

  let running: Promise<void> | undefined;
  let isAsked = false;
  refresh = () => {
    isAsked = true;
    running ??= (async () => {
      while (isAsked) {
        isAsked = false;
        await shown?.refresh();
        await sizes.refresh();
        await care.refresh();
      }
    })()
      .catch((error: unknown) => {
        if (!isEnd(error)) return fail(error);
        stop();
        showRefusal(
          error,
          "The database is gone",
          "It was closed or deleted, perhaps in another tab. What was saved and not deleted is there when it is opened again.",
        );
      })
      .finally(() => (running = undefined));
    return running;
  };
  refreshSizes = () => sizes.refresh();
  panels.replaceChildren(costs.element, sizes.element, care.element);
  refreshButton.disabled = false;
  showState();
  show(location.hash.slice(1));
}

/** There is no database any more. */
function stop(): void {
  refresh = refreshSizes = async () => undefined;
  window.onhashchange = null;
  refreshButton.disabled = true;
}

/** Ends with one database and opens it anew. */
async function reopen(db: Db, end: () => Promise<void>, storage: Storage, message: string): Promise<void> {
  stop();
  state.textContent = "Closing…";
  try {
    await end();
    say(message);
  } catch (error) {
    fail(error);
  }
  await start(storage);
}

// ---- opening ----

const wantedDurability = (): Durability => (localStorage.getItem("durability") === "strict" ? "strict" : "relaxed");

async function start(storage: Storage): Promise<void> {
  state.textContent = "Opening…";
  state.className = "busy";
  try {
    const durability = wantedDurability();
    // Its end shows as soon as something is read again.
    const onProblem = (error: unknown): void => (isEnd(error) ? void refresh() : fail(error));
    begin(await open(storage, durability, onProblem), storage, durability);
  } catch (error) {
    showRefusal(error);
  }
}

/** What to do when there is no database to show. */
function showRefusal(error: unknown, title = "The database can't be opened", hint?: string): void {
  const { code, message, advice = "" } = explain(error);
  state.textContent = "Not open";
  state.className = "bad";
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

// The store works on by itself: its log becomes part of its tree.
setInterval(() => {
  if (document.visibilityState === "visible") void refreshSizes().catch(() => undefined);
}, 1000);

void start("indexeddb");
