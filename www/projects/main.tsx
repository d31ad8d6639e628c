/** The page with projects: tasks on this device, shared with others by links. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { keepFocus } from "../focus";
import { offline } from "../offline";
import { App } from "./app";
import { phase, start } from "./database";
import { followAddress } from "./joining";
import { followSettings } from "./syncing";
import { saveKept } from "./typing";

keepFocus("main");
followSettings();
followAddress();
phase.subscribe(saveKept);
// A page that one has left and comes back to may be the one that was left.
addEventListener("pageshow", saveKept);
const opening = start();

// What a boundary has caught it shows.
const root = createRoot(document.getElementById("root")!, { onCaughtError: () => undefined });
root.render(
  <StrictMode>
    <App />
  </StrictMode>,
);

void opening.then(() => offline("../service-worker.js"));
