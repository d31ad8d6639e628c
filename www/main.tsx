/** The page: shows the database, as soon as that is open. */
import { opening } from "./begin";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { keepFocus } from "./focus";
import { offline } from "./offline";
import { App } from "./views/app";

keepFocus("#views");
// What a boundary has caught it shows.
const root = createRoot(document.getElementById("root")!, { onCaughtError: () => undefined });
root.render(
  <StrictMode>
    <App />
  </StrictMode>,
);

void opening.then(() => offline());
