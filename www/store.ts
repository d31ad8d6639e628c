/** What the page itself knows, and no database: a value that components follow. */
import { useSyncExternalStore } from "react";

export class Store<T> {
  #value: T;
  readonly #callbacks = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    for (const callback of this.#callbacks) callback();
  }

  readonly subscribe = (callback: () => void): (() => void) => {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  };
}

export const useStore = <T>(store: Store<T>): T => useSyncExternalStore(store.subscribe, () => store.value);
