/** Takes back what was done in this tab; what others have done stays. */
import { useEffect } from "react";
import { UndoButtons } from "../views/undo_buttons";
import { type Opened, takeBack, useApp } from "./database";

export function Undo() {
  const app = useApp();
  useUndoKeys(app);
  return (
    <UndoButtons
      undo={app.undo}
      label="What you have done"
      titles={["Ctrl+Z", "Ctrl+Shift+Z"]}
      takeBack={(isRedo) => takeBack(app, isRedo)}
    />
  );
}

/** In a field these keys are the browser's, about what is typed there; in a dialog they would change what lies behind it. */
const elsewhere = "input:not([type=checkbox]), textarea, select, dialog";

function useUndoKeys(app: Opened): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      if (event.target instanceof Element && event.target.closest(elsewhere) !== null) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      void takeBack(app, key === "y" || event.shiftKey);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [app]);
}
