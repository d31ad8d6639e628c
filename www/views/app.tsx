/** The page: what is always there, and the database as long as there is one. */
import { HoldfastProvider } from "holdfast/react";
import { useDeferredValue, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { phase, start, type Opened, type Phase } from "../database";
import { explain } from "../problems";
import { ReferencesProvider } from "../references";
import { tables, type TableName } from "../schema";
import { useStore } from "../store";
import { Boundary } from "./boundary";
import { CarePanel } from "./care_panel";
import { CostsPanel } from "./costs_panel";
import { LastChange, SafetyState, Trouble } from "./safety_state";
import { SafetyPanel } from "./safety_panel";
import { Notices } from "./notices_view";
import { SizesPanel } from "./sizes_panel";
import { TableView } from "./table_view";

const named: Record<TableName, string> = {
  tasks: "Tasks",
  projects: "Projects",
  users: "Users",
  project_members: "Members",
  subscriptions: "Subscriptions",
  movies: "Movies",
};

const onHash = (changed: () => void): (() => void) => {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
};
const useHash = (): string => useSyncExternalStore(onHash, () => location.hash.slice(1));

export function App() {
  const now = useStore(phase);
  const hash = useHash();
  const table = tables.find((each) => each === hash) ?? "tasks";
  const frame = (
    <Frame now={now} table={table}>
      {now.is === "open" ? (
        <Boundary>
          <ReferencesProvider>
            <TableView key={table} table={table} />
          </ReferencesProvider>
        </Boundary>
      ) : now.is === "refused" ? (
        <Refusal {...now} />
      ) : (
        <p className="loading">{now.is === "opening" ? "Opening the database…" : "Closing…"}</p>
      )}
    </Frame>
  );
  return now.is === "open" ? <HoldfastProvider database={now.db}>{frame}</HoldfastProvider> : frame;
}

function Frame({ now, table, children }: { now: Phase; table: TableName; children: React.ReactNode }) {
  const [isShown, setShown] = useState(false);
  const panels = useRef<HTMLElement>(null);
  // Where there is no room beside the list, the panels come before it when they are asked for.
  useEffect(() => {
    if (isShown) panels.current?.scrollIntoView({ block: "nearest" });
  }, [isShown]);
  return (
    <>
      <a className="skip" href="#views" onClick={(event) => skip(event)}>
        Skip to the list
      </a>
      <header>
        <div className="brand">
          <h1>Holdfast</h1>
          <p>
            <span>Documents, indexes and transactions that live in this browser.</span>{" "}
            <a href="./devices/">
              Two devices<span> that sync</span>
            </a>{" "}
            <a href="./projects/">
              Projects<span> to share</span>
            </a>
          </p>
        </div>
        <div className="state">
          {now.is === "open" ? <SafetyState storage={now.storage} /> : <ClosedState now={now} />}
          {now.is === "open" && <LastChange />}
          <button
            id="show-panels"
            type="button"
            aria-controls="panels"
            aria-expanded={isShown}
            onClick={() => setShown(!isShown)}
          >
            Database
          </button>
        </div>
      </header>
      {now.is === "open" && <Trouble />}
      <Tabs table={table} />
      <div className="columns">
        <main>
          <div id="views" role="tabpanel" aria-labelledby={`tab-${table}`} tabIndex={-1}>
            {children}
          </div>
        </main>
        <aside ref={panels} id="panels" className={isShown ? "shown" : ""} aria-label="About the database">
          {now.is === "open" && <Panels opened={now} />}
        </aside>
      </div>
      <Notices />
    </>
  );
}

/** The address has the table after its `#`. */
function skip(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("views")?.focus();
}

function Tabs({ table }: { table: TableName }) {
  const list = useRef<HTMLDivElement>(null);
  const step = (event: React.KeyboardEvent, by: number | undefined): void => {
    if (by === undefined) return;
    const next = tables[(tables.indexOf(table) + by + tables.length) % tables.length]!;
    list.current!.querySelector<HTMLElement>(`#tab-${next}`)!.focus();
    location.hash = next;
    event.preventDefault();
  };
  return (
    <div ref={list} className="tabs" role="tablist" aria-label="Tables">
      {tables.map((each) => (
        <button
          key={each}
          id={`tab-${each}`}
          role="tab"
          type="button"
          aria-controls="views"
          aria-selected={each === table}
          tabIndex={each === table ? 0 : -1}
          onClick={() => (location.hash = each)}
          onKeyDown={(event) => step(event, { ArrowRight: 1, ArrowLeft: -1 }[event.key])}
        >
          {named[each]}
        </button>
      ))}
    </div>
  );
}

function Panels({ opened: { storage, durability } }: { opened: Opened }) {
  // The list comes first.
  const isDue = useDeferredValue(true, false);
  if (!isDue) return null;
  return (
    <>
      <Boundary>
        <CarePanel durability={durability} />
      </Boundary>
      <CostsPanel />
      <SafetyPanel />
      <Boundary>
        <SizesPanel isMemory={storage === "memory"} />
      </Boundary>
    </>
  );
}

function ClosedState({ now }: { now: Phase }) {
  const text = { opening: "Opening…", closing: "Closing…", refused: "Not open", open: "" }[now.is];
  return (
    <span id="state" role="status" className={now.is === "refused" ? "bad" : "busy"}>
      {text}
    </span>
  );
}

/** What to do when there is no database to show. */
function Refusal({ error, title, hint }: Extract<Phase, { is: "refused" }>) {
  const { code, message, advice } = explain(error);
  return (
    <div className="empty" role="alert">
      <h2>{title}</h2>
      <p>{hint ?? advice}</p>
      <p className="error">
        {code && <code>{code}</code>} {message}
      </p>
      <div className="buttons">
        <button type="button" className="primary" onClick={() => void start("indexeddb")}>
          {hint ? "Open it again" : "Try again"}
        </button>
        <button type="button" onClick={() => void start("memory")}>
          Work in memory only
        </button>
      </div>
      <p className="hint">In memory, everything works until this tab is closed; then it is gone.</p>
    </div>
  );
}
