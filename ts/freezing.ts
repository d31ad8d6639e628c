/**
 * Pages that the browser freezes: their timers and the answers of IndexedDB stand still, while transactions that they
 * have begun stay open and make other tabs wait. And pages that are looked at again: another one may have saved something
 * and ended before it could announce that.
 */

/**
 * Calls when the browser freezes the page, and when it goes on or is looked at again. Answers what ends that. Where there
 * is no page, or the browser does not tell, nothing is called.
 */
export function followFreezing(freeze: () => void, resume: () => void): () => void {
  const { document } = globalThis as { document?: Partial<EventTarget> & { visibilityState?: string } };
  const shown = () => document?.visibilityState === "visible" && resume();
  const listeners = { freeze, resume, visibilitychange: shown };
  for (const [event, listener] of Object.entries(listeners)) document?.addEventListener?.(event, listener);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) document?.removeEventListener?.(event, listener);
  };
}
