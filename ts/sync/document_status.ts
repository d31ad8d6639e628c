/**
 * How single documents stand to the server.
 */
import type { SyncedDocuments } from "./documents.js";
import { HoldfastError } from "../errors.js";
import { describe } from "../describe.js";
import { keyOf } from "./frames.js";
import { LiveValue } from "./live_value.js";
import type { Servers } from "./servers.js";
import type { SyncState } from "./sync_status.js";

/**
 * How a document stands to the server, at one moment: as the database stands to it, but `synced` as soon as this document is, and
 * `setAside` if something of it can't be taken in, or makes the docs worker fail: others go on.
 */
export interface DocumentStatus {
  readonly state: SyncState | "setAside";
  /** Why it is set aside, for people; `undefined` if it is not. */
  readonly message: string | undefined;
}

/** The documents that somebody has asked for. */
export class DocumentStatuses {
  readonly #documents: SyncedDocuments;
  readonly #servers: Servers;
  readonly #refused: ReadonlyMap<string, string>;
  readonly #asked = new Map<string, LiveValue<DocumentStatus>>();

  constructor(documents: SyncedDocuments, servers: Servers, refused: ReadonlyMap<string, string>) {
    this.#documents = documents;
    this.#servers = servers;
    this.#refused = refused;
  }

  /** That of a row of a `root()` table: the same value whenever it is asked for. */
  of(rootId: string): LiveValue<DocumentStatus> {
    let status = this.#asked.get(rootId);
    if (status === undefined) {
      status = new LiveValue(() => this.#read(rootId));
      this.#asked.set(rootId, status);
    }
    return status;
  }

  /** They may be others. */
  changed(): void {
    for (const status of this.#asked.values()) status.changed();
  }

  async #read(rootId: string): Promise<DocumentStatus> {
    const documents = await this.#documents.listed();
    const found = documents.find(([, , id, isShared]) => isShared && id === rootId);
    if (found === undefined) {
      const message = `\`statusOf\` takes the id of a row of a \`root()\` table that is saved: there is no document of ${describe(rootId)}.`;
      throw new HoldfastError("NonexistentDocument", message);
    }
    const key = keyOf(found[1]);
    if (this.#servers.isSynced(key)) return { state: "synced", message: undefined };
    const message = this.#refused.get(key);
    if (message !== undefined) return { state: "setAside", message };
    const { state } = this.#servers.status.snapshot;
    return { state: state === "synced" ? "syncing" : state, message: undefined };
  }
}
