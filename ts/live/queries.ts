/**
 * The live queries of a database: takes their news from the engine, and tells those who listen, once a commit.
 */
import type { Bridge } from "../bridge.js";
import { HoldfastError } from "../errors.js";
import { News, Status } from "../mailbox.js";
import type { GenericDocument } from "../data_model.js";
import { type PageJournal, type Terminal, uniqueOf } from "../query.js";
import type { Scope } from "../scope.js";
import type { SerializedQuery } from "../serialized_query.js";
import { read } from "../transactions.js";
import { call, Entry, type EntryOwner } from "./entry.js";
import { share } from "./share.js";

/** What an entry does about news of it. */
interface Follower {
  /** Asks the engine to watch it, and answers its number of it. */
  watch(): number;
  /** Takes them. */
  take(news: number): void;
  /** The engine could not. */
  entry: Entry<any>;
}

/** What is watched, as in src/browser/live.rs. */
const WATCH = { rows: 0, count: 1, function: 2 } as const;

/** So many steps others wait for a function that needs nothing but what is in memory: a fraction of a millisecond. */
const PATIENCE_STEPS = 500;

/** All live queries of one database. */
export class LiveQueries implements EntryOwner {
  readonly #bridge: Bridge;
  /** By the engine's numbers. */
  readonly #followers = new Map<number, Follower>();
  /** All of them. */
  readonly #all = new Set<Follower>();
  readonly #shared = new Map<string, Entry<any>>();
  #isTaking = false;
  /** Those that are to show something else. */
  #changed = new Set<Entry<any>>();
  /** Whose subscribers are to be told. */
  #told = new Set<Entry<any>>();
  /** Functions that run because of what has changed, and are waited for. */
  readonly #awaited = new Set<Follower>();
  /** How many steps are left to them. */
  #patience = 0;

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
    bridge.followed({
      takeNews: () => this.#takeNews(),
      end: (error) => this.#end(error),
      renew: () => this.#renew(),
      healed: () => this.#healed(),
    });
  }

  /** The rows of a query, or what is made of them. */
  query(query: SerializedQuery, terminal: Terminal): Entry<unknown> {
    const bridge = this.#bridge;
    const limit = limitOf(terminal);
    // With a filter, rows have to be looked at to be counted.
    const kind = terminal === "count" && query.operators.length === 0 ? WATCH.count : WATCH.rows;
    const key = `${typeof terminal === "object" ? "take" : terminal} ${bridge.input.queryKey(query, limit)}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return renewed(known);
    const entry = new Entry<unknown>(this, key);
    const answer = (rows: GenericDocument[]) => {
      if (terminal === "unique") return uniqueOf(query, rows);
      if (terminal === "count") return rows.length;
      return terminal === "first" ? (rows[0] ?? null) : rows;
    };
    const watch = () => bridge.engine.watch(bridge.input.writeQuery(query, limit), kind);
    this.#follow(
      kind === WATCH.count
        ? new CountFollower(bridge, entry, watch)
        : new RowsFollower(bridge, entry, watch, limit, answer),
    );
    this.#takeNews();
    return entry;
  }

  /**
   * What a function makes of what it reads. Those of one `key` are one; without it, each is its own.
   */
  function<T>(key: string | undefined, run: (scope: Scope) => Promise<T> | T): Entry<T> {
    const known = key === undefined ? undefined : this.#shared.get(key);
    if (known !== undefined) return renewed(known) as Entry<T>;
    const entry = new Entry<T>(this, key);
    const follower = new FunctionFollower(this.#bridge, entry, run, this.#awaited);
    this.#follow(follower);
    void follower.run();
    return entry;
  }

  #follow(follower: Follower): void {
    const { entry } = follower;
    this.#all.add(follower);
    if (entry.key !== undefined) this.#shared.set(entry.key, entry);
    // Else with all others, as soon as there is an engine again.
    if (!this.#bridge.isDown) this.#watch(follower);
  }

  #watch(follower: Follower): void {
    const number = follower.watch();
    follower.entry.number = number;
    this.#followers.set(number, follower);
  }

  /** There is another engine, which watches nothing so far. */
  #renew(): void {
    this.#followers.clear();
    for (const follower of this.#all) this.#watch(follower);
    // Functions are touched, too, as far as anybody knows.
    for (const follower of this.#all) follower.take(News.Touched);
    this.#takeNews();
  }

  changed(entry: Entry<any>): void {
    this.#changed.add(entry);
    if (!this.#isTaking) this.#show();
  }

  /** Shows all that has changed together, when the functions that it touches are through; but they get so many steps only. */
  #show(): void {
    if (this.#changed.size === 0) return;
    if (this.#awaited.size > 0) {
      for (const entry of this.#changed) {
        // Who shows nothing yet waits for nobody.
        if (entry.snapshot.status === "loading") this.#showOne(entry);
        else entry.defer();
      }
      if (this.#patience > 0 || this.#changed.size === 0) return;
      this.#patience = PATIENCE_STEPS;
      void this.#wait();
      return;
    }
    this.#showAll();
  }

  async #wait(): Promise<void> {
    for (; this.#patience > 0 && this.#awaited.size > 0; this.#patience -= 1) await Promise.resolve();
    this.#patience = 0;
    // Who is late now may take as long as it likes: others wait for it no more, whatever else changes meanwhile.
    this.#awaited.clear();
    this.#showAll();
  }

  #showAll(): void {
    for (const entry of this.#changed) this.#showOne(entry);
  }

  #showOne(entry: Entry<any>): void {
    this.#changed.delete(entry);
    // Who comes later sees it as it is.
    if (!entry.publish() || entry.callbacks.size === 0) return;
    if (this.#told.size === 0) queueMicrotask(() => this.#tell());
    this.#told.add(entry);
  }

  dropped(entry: Entry<any>): void {
    const follower = this.#followers.get(entry.number) ?? [...this.#all].find((one) => one.entry === entry);
    if (follower !== undefined) this.#all.delete(follower);
    this.#followers.delete(entry.number);
    if (entry.key !== undefined && this.#shared.get(entry.key) === entry) this.#shared.delete(entry.key);
    if (!this.#bridge.isClosed && !this.#bridge.isDown) this.#bridge.engine.unwatch(entry.number);
  }

  /** Takes all news of a commit before anybody is told of any. */
  #takeNews(): void {
    // The engine may say that there is news while it is asked for some: that is taken then, too.
    if (this.#isTaking || this.#bridge.isDown) return;
    this.#isTaking = true;
    try {
      this.#takeAll();
    } catch (error) {
      // The next engine tells all of it.
      if (error !== this.#bridge.fault) throw error;
    } finally {
      this.#isTaking = false;
      this.#show();
    }
  }

  #takeAll(): void {
    const bridge = this.#bridge;
    let number = 0;
    for (;;) {
      const status = bridge.engine.liveNews(number);
      if (status === Status.Nothing) return;
      number = bridge.read();
      const follower = this.#followers.get(number);
      const news = bridge.run();
      try {
        if (status === Status.Failed) throw bridge.error();
        follower?.take(news);
      } catch (error) {
        if (bridge.isDown) throw error;
        follower?.entry.fail(error);
      }
      if (status === Status.Failed || (news & News.Unfinished) === 0) number = 0;
    }
  }

  #tell(): void {
    const told = this.#told;
    this.#told = new Set();
    for (const entry of told) {
      for (const callback of [...entry.callbacks]) {
        // One that was called before may have ended this one.
        if (entry.callbacks.has(callback)) call(callback);
      }
    }
  }

  /** Storage works again: what has failed of it is read once more. */
  #healed(): void {
    for (const follower of this.#all) {
      const { error } = follower.entry.latest;
      if (error instanceof HoldfastError && error.retryable) follower.take(News.Touched);
    }
  }

  /** The database is closed. */
  #end(error: unknown): void {
    for (const { entry } of [...this.#all]) {
      entry.fail(error);
      entry.drop();
    }
    this.#showAll();
  }
}

function renewed(entry: Entry<any>): Entry<unknown> {
  entry.linger();
  return entry;
}

/** How many rows of a query it takes. */
export function limitOf(terminal: Terminal): number | undefined {
  if (typeof terminal === "object") return terminal.take;
  return terminal === "first" ? 1 : terminal === "unique" ? 2 : undefined;
}

/** Follows the rows of a query. */
class RowsFollower implements Follower {
  readonly entry: Entry<unknown>;
  readonly watch: () => number;
  readonly #bridge: Bridge;
  readonly #limit: number;
  readonly #answer: (rows: GenericDocument[]) => unknown;
  /** The rows, and with a limit some beyond it, which take the places of those that go. */
  #window: GenericDocument[] = [];
  /** Those of a read under way. */
  #next: GenericDocument[] = [];
  /** The rows that are shown. */
  #shown: GenericDocument[] | undefined;

  constructor(
    bridge: Bridge,
    entry: Entry<unknown>,
    watch: () => number,
    limit: number | undefined,
    answer: (rows: GenericDocument[]) => unknown,
  ) {
    this.#bridge = bridge;
    this.entry = entry;
    this.watch = watch;
    this.#limit = limit ?? Infinity;
    this.#answer = answer;
  }

  take(news: number): void {
    if ((news & News.Patches) !== 0) {
      this.#bridge.takePatches(this.#window);
    } else if ((news & News.Rows) !== 0) {
      if ((news & News.More) === 0) this.#next = [];
      this.#bridge.takeKept(this.#next);
      if ((news & News.Waiting) !== 0) this.entry.wait();
      if ((news & (News.Unfinished | News.Waiting)) !== 0) return;
      // Rows that the cache has let go meanwhile are other objects now.
      this.#window = this.#shown === undefined ? this.#next : [...share(this.#window, this.#next)];
      this.#next = [];
    } else {
      if ((news & News.Waiting) !== 0) this.entry.wait();
      return;
    }
    const shown = this.#window.slice(0, this.#limit);
    const before = this.#shown;
    const isSame = before?.length === shown.length && before.every((row, index) => row === shown[index]);
    if (!isSame) this.#shown = shown;
    // An error of what the rows come to, as of `unique`, is no reason to read them again.
    if (isSame && this.entry.latest.status === "ready") return;
    this.entry.ready(this.#answer(this.#shown!));
  }
}

/** Follows how many rows a query has. */
class CountFollower implements Follower {
  readonly entry: Entry<unknown>;
  readonly watch: () => number;
  readonly #bridge: Bridge;

  constructor(bridge: Bridge, entry: Entry<unknown>, watch: () => number) {
    this.#bridge = bridge;
    this.entry = entry;
    this.watch = watch;
  }

  take(news: number): void {
    if ((news & News.Count) !== 0) this.entry.ready(this.#bridge.count());
    else if ((news & News.Waiting) !== 0) this.entry.wait();
  }
}

/** Follows what a function makes of what it reads. */
class FunctionFollower<T> implements Follower {
  readonly entry: Entry<T>;
  readonly #bridge: Bridge;
  readonly #run: (scope: Scope) => Promise<T> | T;
  readonly #journal: PageJournal = { pages: [], next: 0 };
  readonly #awaited: Set<Follower>;
  #isRunning = false;
  /** Whether what it has read was changed since. */
  #isTouched = false;

  constructor(bridge: Bridge, entry: Entry<T>, run: (scope: Scope) => Promise<T> | T, awaited: Set<Follower>) {
    this.#bridge = bridge;
    this.entry = entry;
    this.#run = run;
    this.#awaited = awaited;
  }

  watch(): number {
    return this.#bridge.engine.watch(0, WATCH.function);
  }

  take(news: number): void {
    if ((news & News.Touched) === 0) return;
    this.entry.wait();
    this.#isTouched = true;
    if (this.#isRunning) return;
    // Not for the first run of one that shows nothing yet, and not for one that is late.
    this.#awaited.add(this);
    void this.run();
  }

  /** Runs the function until what it has read is what there is. */
  async run(): Promise<void> {
    this.#isRunning = true;
    do {
      this.#isTouched = false;
      let result: T | undefined;
      let failure: { readonly error: unknown } | undefined;
      try {
        result = await read(this.#bridge, this.#run, { live: () => this.entry.number, journal: this.#journal });
      } catch (error) {
        failure = { error };
      }
      if (!this.#isTouched || this.entry.isDropped) this.#awaited.delete(this);
      if (this.entry.isDropped) return;
      if (failure === undefined) this.#show(result as T);
      else this.entry.fail(failure.error);
    } while (this.#isTouched);
    this.#isRunning = false;
  }

  #show(result: T): void {
    try {
      const value = share(this.entry.latest.value, result);
      this.entry.show({ value, status: this.#isTouched ? "updating" : "ready", error: undefined });
    } catch (error) {
      // What refers to itself has no end.
      this.entry.fail(error);
    }
  }
}
