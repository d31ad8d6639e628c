/** The page: how it stands to the server, and the list of projects or one of them. */
import { HoldfastProvider } from "holdfast/react";
import { useState } from "react";
import { useStore } from "../store";
import { Boundary } from "../views/boundary";
import { Notices } from "../views/notices_view";
import { AppContext, explained, phase, type Phase, start } from "./database";
import { Problems } from "./problems_view";
import { ProjectList } from "./project_list";
import { ProjectPage } from "./project_page";
import { useRoute } from "./route";
import { SettingsDialog } from "./settings_dialog";
import { Failure, SyncState, Unsafe } from "./sync_state";

export function App() {
  const now = useStore(phase);
  const route = useRoute();
  const [isSetting, setSetting] = useState(false);
  const page = (
    <>
      <header>
        <div className="brand">
          <h1>Projects</h1>
          <p>
            <span>On this device first, and with whom you share them.</span> <a href="../">Back to the database</a>
          </p>
        </div>
        <div className="state">
          {now.is === "open" ? (
            <>
              <SyncState />
              <button type="button" onClick={() => setSetting(true)}>
                Settings
              </button>
            </>
          ) : (
            <span id="state" role="status" className={now.is === "refused" ? "bad" : "busy"}>
              {now.is === "refused" ? "Not open" : "Opening…"}
            </span>
          )}
        </div>
      </header>
      <main tabIndex={-1}>
        {now.is === "open" ? (
          <>
            <Unsafe />
            <Failure openSettings={() => setSetting(true)} />
            <Problems />
            <Boundary key={route}>
              {route === "" ? (
                <ProjectList openSettings={() => setSetting(true)} />
              ) : (
                <ProjectPage key={route} id={route} />
              )}
            </Boundary>
          </>
        ) : now.is === "refused" ? (
          <Refusal {...now} />
        ) : (
          <p className="loading">Opening your projects…</p>
        )}
      </main>
      {isSetting && now.is === "open" && <SettingsDialog close={() => setSetting(false)} />}
      <Notices />
    </>
  );
  if (now.is !== "open") return page;
  return (
    <AppContext value={now}>
      <HoldfastProvider database={now.db}>{page}</HoldfastProvider>
    </AppContext>
  );
}

/** What to do when there is nothing to show. */
function Refusal({ error, isGone }: Extract<Phase, { is: "refused" }>) {
  const { code, message, advice } = explained(error);
  return (
    <div className="empty" role="alert">
      <h2>{isGone ? "The database is gone" : "The projects can't be opened"}</h2>
      <p>
        {isGone
          ? "It was deleted in another tab or window, or the browser has removed it. Opening it again shows what is there now."
          : advice}
      </p>
      <p className="error">
        {code && <code>{code}</code>} {message}
      </p>
      <button type="button" className="primary" onClick={() => void start()}>
        {isGone ? "Open it again" : "Try again"}
      </button>
    </div>
  );
}
