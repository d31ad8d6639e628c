/**
 * Pages that the browser freezes: their timers and the answers of IndexedDB stand still, while transactions that they
 * have begun stay open and make other tabs wait.
 */

/**
 * Calls when the browser freezes the page, and when it goes on. Answers what ends that. Where there is no page, or the
 * browser does not tell, nothing is called.
 */
export function followFreezing(freeze: () => void, resume: () => void): () => void {
  const { document } = globalThis as { document?: Partial<EventTarget> };
  document?.addEventListener?.("freeze", freeze);
  document?.addEventListener?.("resume", resume);
  return () => {
    document?.removeEventListener?.("freeze", freeze);
    document?.removeEventListener?.("resume", resume);
  };
}
