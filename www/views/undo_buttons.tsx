/** Takes back what was done, and does it again; what others have done stays. */
import type { UndoManager } from "holdfast/sync";
import { useCallback, useLayoutEffect, useRef, useSyncExternalStore } from "react";
import { handOver } from "../focus";
import { ActionButton } from "./parts";

interface Props {
  undo: UndoManager;
  /** What it is about. */
  label: string;
  /** Of both buttons, in this order. */
  titles: readonly [undo: string, redo: string];
  takeBack: (isRedo: boolean) => Promise<void>;
}

export function UndoButtons({ undo, label, titles, takeBack }: Props) {
  const subscribe = useCallback((changed: () => void) => undo.subscribe(changed), [undo]);
  const can = [
    useSyncExternalStore(subscribe, () => undo.canUndo),
    useSyncExternalStore(subscribe, () => undo.canRedo),
  ] as const;
  const [canUndo, canRedo] = can;
  const buttons = useRef<HTMLDivElement>(null);
  // What has nothing left to do gives the focus to the other one.
  useLayoutEffect(() => {
    const [first, second] = buttons.current!.querySelectorAll("button");
    if (!canUndo && canRedo) handOver(first!, second!);
    if (!canRedo && canUndo) handOver(second!, first!);
  }, [canUndo, canRedo]);
  return (
    <div ref={buttons} className="undo" role="group" aria-label={label}>
      {["Undo", "Redo"].map((text, at) => (
        <ActionButton
          key={text}
          text={text}
          busyText={text}
          title={titles[at]}
          disabled={!can[at]}
          action={() => takeBack(at === 1)}
        />
      ))}
    </div>
  );
}
