/** Takes back what was done in this tab; what others have done stays. */
import { useCallback, useEffect, useLayoutEffect, useRef, useSyncExternalStore } from "react";
import { handOver } from "../focus";
import { ActionButton } from "../views/parts";
import { type Opened, takeBack, useApp } from "./database";

export function UndoButtons() {
  const app = useApp();
  const { undo } = app;
  const subscribe = useCallback((changed: () => void) => undo.subscribe(changed), [undo]);
  const [canUndo, canRedo] = [
    useSyncExternalStore(subscribe, () => undo.canUndo),
    useSyncExternalStore(subscribe, () => undo.canRedo),
  ];
  const buttons = useRef<HTMLDivElement>(null);
  // What has nothing left to do gives the focus to the other one.
  useLayoutEffect(() => {
    const [first, second] = buttons.current!.querySelectorAll("button");
    if (!canUndo && canRedo) handOver(first!, second!);
    if (!canRedo && canUndo) handOver(second!, first!);
  }, [canUndo, canRedo]);
  useUndoKeys(app);
  return (
    <div ref={buttons} className="undo" role="group" aria-label="What you have done">
      <ActionButton
        text="Undo"
        busyText="Undo"
        title="Ctrl+Z"
        disabled={!canUndo}
        action={() => takeBack(app, false)}
      />
      <ActionButton
        text="Redo"
        busyText="Redo"
        title="Ctrl+Shift+Z"
        disabled={!canRedo}
        action={() => takeBack(app, true)}
      />
    </div>
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
