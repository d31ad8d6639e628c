/** What this device remembers of the person's wishes, the same in all tabs. */
import { Store } from "../store";

const prefix = "holdfast-projects-";

/** A text that is kept, and followed in other tabs. */
export class Setting extends Store<string> {
  readonly #key: string;

  constructor(name: string, initial = "") {
    const key = prefix + name;
    super(localStorage.getItem(key) ?? initial);
    this.#key = key;
    addEventListener("storage", (event) => {
      // Without a key it says that all was forgotten.
      if (event.key === key || event.key === null) super.set(localStorage.getItem(key) ?? initial);
    });
  }

  override set(value: string): void {
    localStorage.setItem(this.#key, value);
    super.set(value);
  }
}

/** The sync server; empty if there is none. */
export const server = new Setting("server", import.meta.env.VITE_SYNC_SERVER ?? "");
/** Whether nobody is to be asked for anything: "yes" or nothing. */
export const isOffline = new Setting("offline");
/** By what name others see this person. */
export const me = new Setting("name");
