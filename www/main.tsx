/** The page: opens the database and shows it. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { start } from "./database";
import { offline } from "./offline";
import { App } from "./views/app";

void start("indexeddb");

// What a boundary has caught it shows.
const root = createRoot(document.getElementById("root")!, { onCaughtError: () => undefined });
root.render(
  <StrictMode>
    <App />
  </StrictMode>,
);

offline();
