/**
 * What a function makes of pages in memory is there before the next frame is painted. But `useSyncExternalStore` listens
 * only when that has been painted; so what comes earlier is rendered by this.
 */
import { useEffect, useLayoutEffect, useReducer } from "react";
import { flushSync } from "react-dom";

// On a server there is no frame.
const useEarlyEffect = typeof document === "undefined" ? useEffect : useLayoutEffect;

/** Components whose first value has come. */
const due = new Set<() => void>();

function render(): void {
  const components = [...due];
  due.clear();
  flushSync(() => {
    for (const component of components) component();
  });
}

/** What a component may show as loading. */
interface Followed {
  readonly snapshot: { readonly status: string };
  subscribe(callback: () => void): () => void;
}

/** Renders a component that shows something as loading as soon as it is not. */
export function useEarly(followed: Followed | undefined): void {
  const [, again] = useReducer((times: number) => times + 1, 0);
  useEarlyEffect(() => {
    if (followed === undefined || !/^loading/i.test(followed.snapshot.status)) return undefined;
    const end = followed.subscribe(() => {
      end();
      if (due.size === 0) queueMicrotask(render);
      due.add(again);
    });
    return () => {
      due.delete(again);
      end();
    };
  }, [followed]);
}
