/**
 * What a database with synced tables can do beyond others.
 */
import type { Bridge } from "../bridge.js";
import { decodeText } from "../decode.js";
import { HoldfastError } from "../errors.js";
import { Status } from "../mailbox.js";
import { mutate, notFound, target } from "../transactions.js";
import type { Scope } from "../scope.js";
import { askEngine, type Peer, SyncedDocuments } from "./documents.js";
import type { SyncEngine } from "./engine.js";
import { LiveValue } from "./live_value.js";

/** A place in a document that was written at the same time elsewhere, too. */
export interface Conflict {
  /** Names of fields, and positions in arrays. */
  readonly path: readonly (string | number)[];
  /** The values that were not chosen, and are not shown. */
  readonly others: readonly unknown[];
}

/** A row that is kept and not shown, or a document that can't be taken in. */
export interface Problem {
  /**
   * - `misfit`: the schema does not accept it. It returns when schema or row allow;
   * - `duplicate`: a row of the same id in another document is shown;
   * - `refused`: what a peer sends of a document can't be taken in.
   */
  readonly kind: "misfit" | "duplicate" | "refused";
  /** Its table; empty for `refused`. */
  readonly table: string;
  /** Its id, or that of the document that is refused. */
  readonly id: string;
  /** The row in whose document it lies. */
  readonly root: string;
  /** What is wrong, for people. */
  readonly message: string;
  /** Its fields. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Synced tables of one database. `db.sync`. */
export class DatabaseSync {
  readonly #bridge: Bridge;
  readonly #documents: SyncedDocuments;
  readonly #problems: LiveValue<Problem[]>;
  /** Documents of peers that can't be taken in. */
  readonly #refused = new Map<string, Problem>();

  /** Settles when rows of tables that have become synced have their documents, and those of others have none. */
  readonly settled: Promise<void>;

  /** @internal */
  constructor(bridge: Bridge) {
    this.#bridge = bridge;
    this.#problems = new LiveValue(() => this.#readProblems());
    this.#documents = new SyncedDocuments(bridge, () => this.#problems.changed());
    this.settled = this.#settleTables();
  }

  /** What was written to a document at the same time as what it shows; empty, if nothing was. */
  async conflicts(tableOrId: string, id?: string): Promise<Conflict[]> {
    const [table, text] = target("conflicts", tableOrId, id);
    const answer = await askEngine(this.#bridge, (engine) => {
      const number = table === undefined ? 0 : this.#bridge.table(table) + 1;
      return engine.conflicts(this.#bridge.writeText(text), number);
    }).catch((error: unknown) => {
      throw error instanceof HoldfastError && error.code === "InvalidId" ? notFound(this.#bridge, table, text) : error;
    });
    return decodeText(answer as string) as unknown as Conflict[];
  }

  /** The rows that are kept and not shown, and documents that can't be taken in: a value that follows them. */
  get problems(): LiveValue<Problem[]> {
    return this.#problems;
  }

  /** Brings a document back that was deleted, with what others have changed of it since. */
  async restore(tableOrId: string, id?: string): Promise<void> {
    const [table, text] = target("restore", tableOrId, id);
    await mutate(this.#bridge, (scope) => this.restoreIn(scope, table, text), {
      name: "restore",
      timeoutMs: undefined,
    });
  }

  /** @internal The same in a mutation. */
  async restoreIn(scope: Scope, table: string | undefined, id: string): Promise<void> {
    for (;;) {
      scope.check();
      const number = table === undefined ? 0 : this.#bridge.table(table) + 1;
      const engine = this.#bridge.engine as SyncEngine;
      const status = engine.restore(scope.transaction, this.#bridge.writeText(id), number);
      if (status === Status.Done) return;
      if (status === Status.Failed) throw notFound(this.#bridge, table, id);
      if (status !== Status.Missing) scope.lost();
      await this.#bridge.ready(this.#bridge.read());
    }
  }

  /** @internal Begins to talk with another database; answers how to pass on what it says, and how to end that. */
  attach(peer: Omit<Peer, "setAside">): {
    receive: (frame: Parameters<SyncedDocuments["receive"]>[1]) => void;
    end: () => void;
  } {
    const number = this.#documents.attach({
      ...peer,
      send: (frame) => peer.send(frame),
      setAside: (id, reason) => this.#setAside(id, reason),
    });
    return {
      receive: (frame) => this.#documents.receive(number, frame),
      end: () => this.#documents.detach(number),
    };
  }

  #setAside(id: Uint8Array, reason: string): void {
    const text = Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const message = `What a peer sends of a document can't be taken in: ${reason}`;
    this.#refused.set(text, { kind: "refused", table: "", id: text, root: "", message, fields: {} });
    this.#problems.changed();
  }

  async #readProblems(): Promise<Problem[]> {
    const answer = (await askEngine(this.#bridge, (engine) => engine.problems())) as string;
    return [...(decodeText(answer) as unknown as Problem[]), ...this.#refused.values()];
  }

  /**
   * Tables may have become synced, or no longer be, and rows that an earlier version of the schema has left out may fit
   * this one.
   */
  async #settleTables(): Promise<void> {
    const bridge = this.#bridge;
    const settle = async (scope: Scope): Promise<boolean> => {
      for (;;) {
        scope.check();
        const status = (bridge.engine as SyncEngine).settleTables(scope.transaction);
        if (status === Status.Paused) return true;
        if (status === Status.Nothing) return false;
        if (status === Status.Failed) throw bridge.error();
        if (status !== Status.Missing) scope.lost();
        await bridge.ready(bridge.read());
      }
    };
    try {
      while (await mutate(bridge, settle, { name: "settle tables", timeoutMs: undefined }));
    } catch (error) {
      if (!bridge.isOver && !bridge.isDown) bridge.tell(error as HoldfastError);
    }
  }
}
