/** Cards that are dragged by their handles: by mouse, pen and finger alike. */
import { type PointerEvent, type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Id, Status } from "./schema";

export interface Target {
  readonly status: Status;
  /** Among the cards of the column, without the one that is dragged. */
  readonly index: number;
}

/** Who presses and moves less than this means no drag. */
const slackPx = 5;
/** So near to the edge of the window it scrolls, by so much at each move. */
const [edgePx, scrolledPx] = [60, 12];

export function useDrag(board: RefObject<HTMLElement | null>, drop: (id: Id<"tasks">, target: Target) => void) {
  const [dragged, setDragged] = useState<Id<"tasks">>();
  const [target, setTarget] = useState<Target>();
  const end = useRef<() => void>(undefined);
  useEffect(() => () => end.current?.(), []);
  const latest = useRef(drop);
  useLayoutEffect(() => {
    latest.current = drop;
  });

  // The same at each rendering, or all cards would be rendered with it.
  const start = useCallback((event: PointerEvent, id: Id<"tasks">): void => {
    if (event.button !== 0) return;
    end.current?.();
    const listening = new AbortController();
    const { signal } = listening;
    const { clientX, clientY, pointerId } = event;
    let isMoving = false;
    let over: Target | undefined;
    end.current = () => {
      listening.abort();
      end.current = undefined;
      setDragged(undefined);
      setTarget(undefined);
    };
    const moved = (now: globalThis.PointerEvent): void => {
      if (now.pointerId !== pointerId) return;
      isMoving ||= Math.hypot(now.clientX - clientX, now.clientY - clientY) > slackPx;
      if (!isMoving) return;
      setDragged(id);
      if (now.clientY < edgePx) scrollBy(0, -scrolledPx);
      else if (now.clientY > innerHeight - edgePx) scrollBy(0, scrolledPx);
      over = targetAt(board.current!, id, now.clientX, now.clientY) ?? over;
      setTarget(over);
    };
    const released = (now: globalThis.PointerEvent): void => {
      if (now.pointerId !== pointerId) return;
      end.current?.();
      if (isMoving && over !== undefined) latest.current(id, over);
    };
    addEventListener("pointermove", moved, { signal });
    addEventListener("pointerup", released, { signal });
    addEventListener("pointercancel", () => end.current?.(), { signal });
    const byKey = (now: KeyboardEvent): void => {
      if (now.key === "Escape") end.current?.();
    };
    addEventListener("keydown", byKey, { signal });
  }, []);
  return { dragged, target, start };
}

/** The column under a point, or the nearest one, and the place in it. */
function targetAt(board: HTMLElement, id: string, x: number, y: number): Target | undefined {
  const columns = [...board.querySelectorAll<HTMLElement>("[data-status]")];
  const away = (element: HTMLElement): number => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    return Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
  };
  const nearest = columns.sort((a, b) => away(a) - away(b))[0];
  if (nearest === undefined) return undefined;
  const cards = [...nearest.querySelectorAll<HTMLElement>("[data-id]")].filter(({ dataset }) => dataset["id"] !== id);
  const index = cards.findIndex((card) => {
    const { top, height } = card.getBoundingClientRect();
    return y < top + height / 2;
  });
  return { status: nearest.dataset["status"] as Status, index: index === -1 ? cards.length : index };
}
