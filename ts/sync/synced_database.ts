/**
 * A database with synced tables: what it can do beyond others.
 */
import { invalidArgument, requireText } from "../arguments.js";
import type { Bridge } from "../bridge.js";
import type { NonUnion } from "../context.js";
import type {
  DocumentByName,
  GenericDataModel,
  GenericId,
  TableNamesInDataModel,
  WithoutSystemFields,
} from "../data_model.js";
import { Database, type DatabaseParts } from "../database.js";
import { decodeText } from "../decode.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import { loadPart } from "../load_part.js";
import { Status } from "../mailbox.js";
import { readOptions } from "../options.js";
import type { Scope } from "../scope.js";
import type { Placed } from "../sync_part.js";
import { mutate, notFound, target, TransactionDatabase } from "../transactions.js";
import { DatabaseSync } from "./database_sync.js";
import { askEngine } from "./ask_engine.js";
import type { SyncEngine } from "./engine.js";
import type { Question } from "./frames.js";
import type { HistoryEntry, Part, ToldEntry, ToldFields } from "./history.js";
import { LiveValue } from "./live_value.js";
import type { Presence } from "./presence.js";
import { nameOfTab, UndoManager, type UndoOptions } from "./undo.js";

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
   * - `duplicate`: a row of the same id in another document counts, be it shown or deleted;
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

/** A row that was deleted and can come back. */
export interface DeletedRow<TableName extends string = string, Fields = Readonly<Record<string, unknown>>> {
  /** Its id, for `restore`, `history` and `revert`. `history` tells when it was deleted. */
  readonly id: GenericId<TableName>;
  /** The id of the row in whose document it lies: its own for `root()`, empty for `workspace()`. */
  readonly root: string;
  /** The fields that it would come back with: those that it was deleted with, and what others have changed of it since. */
  readonly fields: Fields;
}

/** A document that knows of a row, and the id of the row that it belongs to. */
interface Place {
  readonly key: Uint8Array;
  readonly root: string;
}

const isChange = (change: unknown): change is string => typeof change === "string" && /^[0-9a-f]{64}$/.test(change);

/** Options of {@link SyncedDatabase.history}. */
export interface HistoryOptions {
  /** At most so many entries. Default: 100. */
  readonly limit?: number;
  /** Only what is older than this entry. */
  readonly before?: HistoryEntry;
}

/**
 * An open database with synced tables. Made by `openDatabase` with the option `sync`.
 *
 * Its rows are read and written as those of any {@link Database}. What is here is about what synced rows have on top: other
 * devices that write to them, and a past.
 */
export class SyncedDatabase<DataModel extends GenericDataModel> extends Database<DataModel> {
  readonly #bridge: Bridge;
  readonly #placed: Placed;
  readonly #sync: DatabaseSync;
  readonly #problems = new LiveValue(() => this.#readProblems());
  /** Those that were asked for, by their tables. */
  readonly #deleted = new Map<string, LiveValue<DeletedRow[]>>();
  /** What can be taken back, by names and scopes. */
  readonly #undo = new Map<string, UndoManager>();

  /** @internal Use `openDatabase`. */
  constructor(placed: Placed, parts: DatabaseParts) {
    super(...parts);
    const [, bridge, , options] = parts;
    this.#bridge = bridge;
    this.#placed = placed;
    this.#sync = new DatabaseSync(bridge, options, () => {
      this.#problems.changed();
      for (const deleted of this.#deleted.values()) deleted.changed();
    });
  }

  /** @internal */
  protected override get placed(): Placed {
    return this.#placed;
  }

  /** What is about syncing itself. */
  override get sync(): DatabaseSync {
    return this.#sync;
  }

  /**
   * What was written to a document at the same time as what it shows; empty, if nothing was.
   *
   * Throws `NotSupported` for a document of a table that is not synced.
   */
  conflicts(id: GenericId<TableNamesInDataModel<DataModel>>): Promise<Conflict[]>;
  /** What was written to a document at the same time as what it shows; empty, if nothing was. */
  conflicts<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
  ): Promise<Conflict[]>;
  async conflicts(tableOrId: string, id?: string): Promise<Conflict[]> {
    const [table, text] = target("conflicts", tableOrId, id);
    const answer = await askEngine(this.#bridge, (engine) => {
      const number = table === undefined ? 0 : this.#bridge.table(table) + 1;
      return engine.conflicts(this.#bridge.input.writeText(text), number);
    }).catch((error: unknown) => {
      throw error instanceof HoldfastError && error.code === "InvalidId" ? notFound(this.#bridge, table, text) : error;
    });
    return decodeText(answer as string) as unknown as Conflict[];
  }

  /**
   * The rows that are kept and not shown, and documents that can't be taken in: a value that follows them, the same one
   * whenever it is asked for.
   */
  problems(): LiveValue<Problem[]> {
    return this.#problems;
  }

  /**
   * The rows of a synced table that were deleted, here or elsewhere, and that `restore` brings back: a value that follows
   * them, the same one whenever it is asked for. A row is listed once its deletion is saved. One that the schema does not
   * accept any more is kept and not listed. The rows are in no order that means anything.
   *
   * Throws `TableNotFound` for a table that the schema does not have, `NotSupported` for one that is not synced.
   *
   * ```ts
   * const bin = db.deleted("tasks");
   * bin.subscribe(() => show(bin.value ?? []));
   * const [row] = await bin.current();
   * if (row !== undefined) await db.restore(row.id);
   * ```
   */
  deleted<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
  ): LiveValue<DeletedRow<TableName, WithoutSystemFields<DocumentByName<DataModel, TableName>>>[]>;
  deleted(table: string): LiveValue<DeletedRow[]> {
    requireText(table, "deleted", "table");
    let deleted = this.#deleted.get(table);
    if (deleted === undefined) {
      if (!this.#bridge.tableNames.includes(table)) {
        throw new HoldfastError("TableNotFound", `Table ${describe(table)} is not in the schema.`);
      }
      if (this.#homeOf(table) === "local") {
        const message = `Table ${describe(table)} is not synced: what is deleted there does not come back.`;
        throw new HoldfastError("NotSupported", message);
      }
      deleted = new LiveValue(() => this.#readDeleted(table));
      this.#deleted.set(table, deleted);
    }
    return deleted;
  }

  /**
   * Begins to look at the document of a row of a `root()` table, together with others who do: in other tabs, and by way of the
   * server. `stop()` ends that.
   *
   * Rejects with `NonexistentDocument` if there is no such document.
   *
   * ```ts
   * const presence = await db.presence(projectId);
   * presence.set({ name: "Ada", task: taskId });
   * presence.subscribe(() => show(presence.others));
   * ```
   */
  presence(id: GenericId<TableNamesInDataModel<DataModel>>): Promise<Presence> {
    return this.#sync.presence(id);
  }

  /**
   * What has become of a document, the newest change first. It takes as long as it takes to load what it is synced with,
   * that in which it was before a move, too: the docs worker does it. Empty for an id that nobody has used.
   *
   * Throws `NotSupported` for a document of a table that is not synced.
   */
  async history(
    id: GenericId<TableNamesInDataModel<DataModel>>,
    options: HistoryOptions = {},
  ): Promise<HistoryEntry[]> {
    const { limit = 100, before } = readOptions(options, "The options of `history`", ["limit", "before"]);
    if (!Number.isInteger(limit) || limit < 1) {
      throw invalidArgument(`\`limit\` must be a number of entries, at least 1. Received ${describe(limit)}.`);
    }
    if (before !== undefined && !isChange((before as HistoryEntry | null)?.change)) {
      throw invalidArgument(`\`before\` must be an entry of \`history\`. Received ${describe(before)}.`);
    }
    const most = Math.min(limit, 2 ** 32 - 1);
    const { joined } = await loadPart(() => import("./history.js"), "reads histories");
    const [own, ...others] = await this.#placesOf("history", id);
    if (own === undefined) return [];
    if (others.length === 0) return joined([await this.#history(id, own, most, before?.change)]).entries;
    // Where it was is told by the documents in which it was, from that on in which it lies: others may have a row of its id.
    const parts = [await this.#history(id, own)];
    for (let at = 0; at < parts.length; at += 1) {
      for (const { kind, other } of parts[at]!.entries) {
        const place = others.find(({ root }) => root === other);
        if (place === undefined || (kind !== "movedAway" && kind !== "arrived")) continue;
        if (parts.every(({ root }) => root !== other)) parts.push(await this.#history(id, place));
      }
    }
    const { entries, instead } = joined(parts);
    if (before === undefined) return entries.slice(0, most);
    const wanted = instead.get(before.change) ?? before.change;
    const begin = entries.findIndex(({ change }) => change === wanted) + 1;
    return begin === 0 ? [] : entries.slice(begin, begin + most);
  }

  /**
   * Gives a document the fields that it had right after a change, as a new change; one that was deleted comes back.
   *
   * Throws `InvalidArgument` for an entry `movedAway`: `arrived` is the same move, with the fields after it.
   */
  async revert(id: GenericId<TableNamesInDataModel<DataModel>>, entry: HistoryEntry): Promise<void> {
    const { change, root, kind } = (entry as HistoryEntry | undefined) ?? {};
    if (!isChange(change)) throw invalidArgument("`revert` takes an entry of `history` as its second argument.");
    if (kind === "movedAway") {
      throw invalidArgument("`revert` can't go back to `movedAway`: take the entry `arrived` of the same move.");
    }
    const places = await this.#placesOf("revert", id);
    const place = places.find((place) => place.root === root);
    const text = place === undefined ? "null" : await this.#ask(id, place, { kind: "at", change });
    const fields = text === "null" ? undefined : (decodeText(text) as unknown as ToldFields);
    if (fields === undefined) {
      throw new HoldfastError("NonexistentDocument", `The document ${id} has no such change.`, { details: { id } });
    }
    await mutate(
      this.#bridge,
      async (scope) => {
        const database = new TransactionDatabase(this.#bridge, scope);
        if ((await database.get(id)) === null) await this.#restoreIn(scope, undefined, id);
        await database.replace(id, fields);
      },
      { name: "revert", timeoutMs: undefined },
    );
  }

  /**
   * What mutations of this tab write to synced tables from now on, to be taken back one by one, with what such a manager has
   * noted before the page was loaded again.
   */
  undoManager(options: UndoOptions<DataModel> = {}): UndoManager {
    this.#sync.requireOpen();
    const known = readOptions(options, "The options of `undoManager`", ["scope", "limit", "name"]);
    const { scope, limit = 100, name = nameOfTab(this.name) } = known;
    if (!Number.isInteger(limit) || limit < 1) {
      throw invalidArgument(`\`limit\` must be a number of mutations, at least 1. Received ${describe(limit)}.`);
    }
    if (typeof name !== "string") throw invalidArgument(`\`name\` must be a string. Received ${describe(name)}.`);
    const list: readonly unknown[] = scope === undefined ? [] : Array.isArray(scope) ? scope : [scope];
    for (const one of list) {
      const isRow = typeof one === "string" && this.#homeOf(this.#bridge.tableOf(one)) === "root";
      if (this.#homeOf(one) === "local" && !isRow) {
        throw invalidArgument(`\`scope\` names synced tables, or rows of \`root()\`. Received ${describe(one)}.`);
      }
    }
    const stack = JSON.stringify([name, ...[...new Set(list as string[])].sort()]);
    const running = this.#undo.get(stack);
    if (running?.isOver === false) return running.shared(limit);
    const database = {
      restore: (inside: Scope, table: string, id: string) => this.#restoreIn(inside, table, id),
      isRoot: (table: string) => this.#homeOf(table) === "root",
    };
    const manager = new UndoManager(
      this.#bridge,
      database,
      stack,
      list.length > 0 ? (list as string[]) : undefined,
      limit,
    );
    this.#undo.set(stack, manager);
    return manager;
  }

  /**
   * Brings a document back that was deleted, with what others have changed of it since.
   *
   * Throws `InvalidArgument` for one that is not deleted, `NotSupported` for one of a table that is not synced.
   */
  restore(id: GenericId<TableNamesInDataModel<DataModel>>): Promise<void>;
  /** Brings a document back that was deleted, with what others have changed of it since. */
  restore<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
  ): Promise<void>;
  async restore(tableOrId: string, id?: string): Promise<void> {
    const [table, text] = target("restore", tableOrId, id);
    await mutate(this.#bridge, (scope) => this.#restoreIn(scope, table, text), {
      name: "restore",
      timeoutMs: undefined,
      // As it was: what it lies within may be deleted, too.
      dangling: "inDocuments",
    });
  }

  /** The same in a mutation. */
  async #restoreIn(scope: Scope, table: string | undefined, id: string): Promise<void> {
    for (;;) {
      scope.check();
      const number = table === undefined ? 0 : this.#bridge.table(table) + 1;
      const engine = this.#bridge.engine as SyncEngine;
      const status = engine.restore(scope.transaction, this.#bridge.input.writeText(id), number);
      if (status === Status.Done) return;
      if (status === Status.Failed) throw notFound(this.#bridge, table, id);
      if (status !== Status.Missing) scope.lost();
      await this.#bridge.ready(this.#bridge.read());
    }
  }

  /** Where rows of a table lie. */
  #homeOf(table: unknown) {
    return typeof table === "string" && Object.hasOwn(this.#placed, table) ? this.#placed[table]!.home : "local";
  }

  /** What one document says of a row. */
  async #history(id: string, place: Place, limit = 2 ** 32 - 1, before?: string): Promise<Part> {
    const text = await this.#ask(id, place, { kind: "history", limit, ...(before !== undefined && { before }) });
    return { root: place.root, entries: text === "null" ? [] : (decodeText(text) as unknown as ToldEntry[]) };
  }

  /** The documents that know of a row, that in which it lies first. */
  async #placesOf(method: "history" | "revert", id: string): Promise<Place[]> {
    const [, text] = target(method, id, undefined);
    const bridge = this.#bridge;
    const roots = await askEngine(bridge, (engine) => engine.rootsOf(bridge.input.writeText(text), method)).catch(
      (error: unknown) => {
        if (bridge.isOver || bridge.isDown) throw error;
        throw notFound(bridge, undefined, text);
      },
    );
    return (roots as [Uint8Array, string][]).map(([key, root]) => ({ key, root }));
  }

  /** Asks the docs worker about a row in one of them. */
  async #ask(id: string, { key }: Place, question: Question): Promise<string> {
    const table = this.#bridge.tableOf(id);
    return table === undefined ? "null" : this.#sync.documents.ask(key, table, id, question);
  }

  async #readProblems(): Promise<Problem[]> {
    const answer = (await askEngine(this.#bridge, (engine) => engine.problems())) as string;
    const refused = [...this.#sync.refused].map(([id, reason]): Problem => {
      const message = `What a peer sends of a document can't be taken in: ${reason}`;
      return { kind: "refused", table: "", id, root: "", message, fields: {} };
    });
    return [...(decodeText(answer) as unknown as Problem[]), ...refused];
  }

  async #readDeleted(table: string): Promise<DeletedRow[]> {
    const answer = await askEngine(this.#bridge, (engine) => engine.deleted(this.#bridge.table(table)));
    return decodeText(answer as string) as unknown as DeletedRow[];
  }
}
