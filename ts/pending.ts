/**
 * Which documents are shown as they are not saved yet.
 */
import { requireFunction, requireText } from "./arguments.js";
import type { Bridge } from "./bridge.js";
import { call } from "./live/entry.js";

/** Changes of this tab that are shown and not saved yet, by their documents. */
export class PendingChanges {
  readonly #bridge: Bridge;
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  #isDue = false;

  /** @internal Use `db.pending`. */
  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /** Whether what this tab shows of the document with this id is not saved yet. Takes as long as there are such changes. */
  has(id: string): boolean {
    requireText(id, "pending.has", "id");
    const bridge = this.#bridge;
    // While the engine starts again, nothing is shown that is not saved.
    if (bridge.isClosed || bridge.isDown) return false;
    return bridge.pending > 0 && bridge.engine.isUnsaved(bridge.input.writeText(id));
  }

  /**
   * Calls a function whenever something was written, saved or taken back, not now; many changes of a moment together.
   * Answers what ends that.
   */
  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    const own = { call: callback };
    this.#callbacks.add(own);
    this.#bridge.safetyListeners.add(this.#noteChange);
    return () => {
      this.#callbacks.delete(own);
      if (this.#callbacks.size === 0) this.#bridge.safetyListeners.delete(this.#noteChange);
    };
  }

  readonly #noteChange = (): void => {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      for (const callback of [...this.#callbacks]) if (this.#callbacks.has(callback)) call(callback);
    });
  };
}
