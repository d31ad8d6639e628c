/**
 * What `db.live` and `db.now` do: find out what is meant, and answer with what follows it or with what there is now.
 */
import { invalidArgument } from "../arguments.js";
import type { Bridge } from "../bridge.js";
import { Status } from "../mailbox.js";
import type { GenericDocument } from "../data_model.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import { type Contexts, copyOfArguments } from "../functions/contexts.js";
import { nameOfReference } from "../functions/reference.js";
import { isQuery, type PaginationOptions, serializedQuery, type Terminal, uniqueOf } from "../query.js";
import { Executor } from "../reads.js";
import { notFound, target } from "../transactions.js";
import type { Entry } from "./entry.js";
import { limitOf, LiveQueries } from "./queries.js";

/** Whether something is a function of an app's own, and not a registered one or a reference to that. */
export function isAction(what: unknown): what is (ctx: object) => unknown {
  return typeof what === "function" && !("_handler" in what) && nameOfReference(what) === undefined;
}

/** Makes the live queries of one database. */
export class LiveSource {
  readonly #bridge: Bridge;
  readonly #contexts: Contexts;
  #queries: LiveQueries | undefined;
  /** Numbers of functions that an app hands over, which may have no name. */
  readonly #numbers = new WeakMap<object, number>();
  #next = 0;

  constructor(bridge: Bridge, contexts: Contexts) {
    this.#bridge = bridge;
    this.#contexts = contexts;
  }

  /** What follows a query, a registered query with arguments, or a function. */
  entry(what: unknown, second?: unknown): Entry<unknown> {
    this.#queries ??= new LiveQueries(this.#bridge);
    if (isQuery(what)) return this.#queries.query(serializedQuery(what), terminalOf(second));
    if (isAction(what)) return this.#queries.function(undefined, (scope) => what(this.#contexts.ofRead(scope)));
    const copy = copyOfArguments(second);
    return this.#queries.function(this.#keyOf(what, copy), async (scope) => {
      const functions = await this.#contexts.functions();
      const callable = await functions.find(what);
      if (callable.type !== "query") {
        throw invalidArgument(`\`live\` follows queries; "${callable.name}" is a ${callable.type}.`);
      }
      return functions.run(callable, functions.arguments(callable, copy), scope);
    });
  }

  /** What makes the pages of a query, or of a registered query whose arguments have `paginationOpts`. */
  pages(what: unknown, given?: Record<string, unknown>): (options: PaginationOptions) => Entry<any> {
    if (!isQuery(what)) return (options) => this.entry(what, { ...given, paginationOpts: options });
    const bridge = this.#bridge;
    const query = serializedQuery(what);
    const own = bridge.input.queryKey(query);
    return ({ numItems, cursor, endCursor = null }) => {
      this.#queries ??= new LiveQueries(bridge);
      return this.#queries.function(`page ${numItems} ${cursor} ${endCursor} ${own}`, (scope) =>
        new Executor(bridge, scope).paginate(query, { numItems, cursor, endCursor, maximumRowsRead: null }),
      );
    };
  }

  /** What a registered function is told from others by: its name, or a number that it is given. */
  keyOf(what: unknown): string {
    const name = nameOfReference(what);
    if (name !== undefined) return name;
    if (typeof what !== "function") {
      throw invalidArgument(
        'What can be followed is a query such as `db.query("tasks")`, a function that reads, or a registered query with ' +
          `its arguments. Received ${describe(what)}.`,
      );
    }
    let number = this.#numbers.get(what);
    if (number === undefined) this.#numbers.set(what, (number = this.#next += 1));
    return `#${number}`;
  }

  /** The same of what is read page by page. */
  keyOfPages(what: unknown, given: Record<string, unknown>): string | undefined {
    if (!isQuery(what)) return this.#keyOf(what, copyOfArguments(given));
    return this.#bridge.input.queryKey(serializedQuery(what));
  }

  /** The same function with the same arguments is one live query. */
  #keyOf(what: unknown, given: ReturnType<typeof copyOfArguments>): string | undefined {
    const name = this.keyOf(what);
    try {
      return `${name} ${this.#bridge.input.keyOf(given())}`;
    } catch {
      return undefined; // The call will say what is wrong with them.
    }
  }

  /** The document with an id, if it is in memory. */
  get(tableOrId: string, id?: string): unknown {
    const bridge = this.#bridge;
    const [tableName, text] = target("get", tableOrId, id);
    if (bridge.isDown) throw restarting();
    const table = tableName === undefined ? 0 : bridge.table(tableName) + 1;
    const status = bridge.engine.get(bridge.input.writeText(text), table);
    if (status === Status.Done) return bridge.takeKeptRow();
    if (status === Status.Nothing) return null;
    throw status === Status.Failed ? notFound(bridge, tableName, text) : this.#notCached(status);
  }

  /** The answer of a query, if it is in memory. */
  query(query: unknown, second?: unknown): unknown {
    const bridge = this.#bridge;
    const terminal = terminalOf(second);
    const serialized = serializedQuery(query);
    if (bridge.isDown) throw restarting();
    const length = bridge.input.writeQuery(serialized, limitOf(terminal));
    const rows: GenericDocument[] = [];
    let status = terminal === "count" ? bridge.engine.count(0, length) : bridge.engine.query(0, length);
    for (;;) {
      if (terminal !== "count") bridge.takeKept(rows);
      if (status !== Status.Paused) break;
      status = bridge.engine.step(bridge.run());
    }
    if (status === Status.Failed) throw bridge.error();
    if (status !== Status.Done) throw this.#notCached(status);
    if (terminal === "count") return bridge.count();
    if (terminal === "unique") return uniqueOf(serialized, rows);
    return terminal === "first" ? (rows[0] ?? null) : rows;
  }

  /** The error of a read that would have to wait. What it lacks is on its way by now. */
  #notCached(status: number): HoldfastError {
    const bridge = this.#bridge;
    if (status === Status.Missing) {
      const read = bridge.read();
      // The pages go into memory all the same.
      bridge.ready(read).catch(() => undefined);
      bridge.engine.dropRun(bridge.run());
    }
    const what = status === Status.Building ? "The index is being built" : "What this reads is not in memory";
    return new HoldfastError("NotCached", `${what}: it can't be answered at once. Read it by \`db\`, which waits.`);
  }
}

function restarting(): HoldfastError {
  return new HoldfastError(
    "NotCached",
    "The engine has failed and is being started again. Read it by `db`, which waits.",
  );
}

/** What is to be made of the rows of a query. */
function terminalOf(given: unknown): Terminal {
  if (given === undefined) return "collect";
  if (given === "collect" || given === "first" || given === "unique" || given === "count") return given;
  if (typeof given === "object" && given !== null) {
    const { take } = given as { take?: unknown };
    if (typeof take === "number" && Number.isInteger(take) && take >= 0) return { take };
  }
  throw invalidArgument(
    'What is made of a query\'s rows is "collect", "first", "unique", "count", or { take: n } with a non-negative ' +
      `integer. Received ${describe(given)}.`,
  );
}
