/**
 * A list that is loaded page by page and follows the database: pages lie side by side without gaps or overlaps, whatever
 * comes and goes, because each ends where it ended when it was first read.
 */
import { invalidArgument, requireFunction } from "../arguments.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import type { PaginationOptions, PaginationResult } from "../query.js";
import { call, type Entry } from "./entry.js";
import { share } from "./share.js";

/** How far a list is loaded. Convex's words. */
export type PagesStatus = "LoadingFirstPage" | "CanLoadMore" | "LoadingMore" | "Exhausted";

/** What a list shows at one moment. */
export interface PagesSnapshot<Item> {
  /** What is loaded so far, in order. */
  readonly results: Item[];
  /** How far that is. */
  readonly status: PagesStatus;
  /** Why a page could not be read; `undefined` if all could. */
  readonly error: unknown;
}

/** Makes what follows one page. */
export type PageMaker<Item> = (options: PaginationOptions) => Entry<PaginationResult<Item>>;

/** A page, or two that will take its place when they are there. */
interface Page<Item> {
  options: PaginationOptions;
  entry: Entry<PaginationResult<Item>>;
  /** Ends the listening to it, if somebody listens. */
  end: (() => void) | undefined;
  halves: Page<Item>[] | undefined;
}

/**
 * A list that is loaded page by page. Made by `livePages`. It follows the database while somebody listens to it; one
 * that nobody has listened to for 5 seconds reads what it shows again when somebody does.
 */
export class LivePages<Item> {
  /** What it shows: another object whenever that has changed. */
  snapshot: PagesSnapshot<Item> = Object.freeze({ results: [], status: "LoadingFirstPage", error: undefined });
  readonly #make: PageMaker<Item>;
  readonly #first: PaginationOptions;
  #pages: Page<Item>[];
  readonly #callbacks = new Set<{ readonly call: () => void }>();
  #isHeld = false;
  #isTelling = false;

  /** @internal Use `livePages`. */
  constructor(make: PageMaker<Item>, numItems: number) {
    this.#make = make;
    this.#first = { numItems, cursor: null };
    this.#pages = [this.#page(this.#first)];
    this.#look();
  }

  /** What is loaded so far, in order. */
  get results(): Item[] {
    return this.snapshot.results;
  }

  /** How far that is. */
  get status(): PagesStatus {
    return this.snapshot.status;
  }

  /** Why a page could not be read; `undefined` if all could. */
  get error(): unknown {
    return this.snapshot.error;
  }

  /** Calls a function whenever anything has changed, not now. Answers what ends that. */
  subscribe(callback: () => void): () => void {
    requireFunction(callback, "subscribe", "callback");
    const own = { call: callback };
    this.#callbacks.add(own);
    this.#hold();
    return () => {
      this.#callbacks.delete(own);
      if (this.#callbacks.size === 0) this.stop();
    };
  }

  /** Loads about so many more. Does nothing while a page is under way, or when there are no more. */
  loadMore(numItems: number): void {
    requireCount("numItems", numItems);
    const value = this.#pages.at(-1)?.entry.snapshot.value;
    if (this.snapshot.status !== "CanLoadMore" || value === undefined) return;
    this.#pages.push(this.#page({ numItems, cursor: value.continueCursor }));
    this.#look();
  }

  /** Follows the database no longer, until somebody listens again. What it shows stays. */
  stop(): void {
    this.#isHeld = false;
    for (const page of this.#pages) this.#end(page);
  }

  #hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    for (const page of this.#pages) {
      for (const each of [page, ...(page.halves ?? [])]) {
        if (each.entry.isDropped) this.#makeAgain(each);
        this.#listen(each);
      }
    }
    this.#look();
  }

  /** A page that was given up ends where it ended: what comes behind it begins there. */
  #makeAgain(page: Page<Item>): void {
    const { value } = page.entry.snapshot;
    if (value !== undefined && !value.isDone) page.options = { ...page.options, endCursor: value.continueCursor };
    page.entry = this.#make(page.options);
  }

  #listen(page: Page<Item>): void {
    page.end ??= page.entry.subscribe(() => this.#look());
  }

  #end(page: Page<Item>): void {
    for (const each of [page, ...(page.halves ?? [])]) {
      each.end?.();
      each.end = undefined;
    }
  }

  #page(options: PaginationOptions): Page<Item> {
    const page: Page<Item> = { options, entry: this.#make(options), end: undefined, halves: undefined };
    if (this.#isHeld) this.#listen(page);
    return page;
  }

  /** Takes in what the pages show. */
  #look(): void {
    if (this.#pages.some(({ entry }) => isForeignCursor(entry.snapshot.error))) {
      // The query is another one now, as after a new schema: its pages begin anew.
      for (const page of this.#pages) this.#end(page);
      this.#pages = [this.#page(this.#first)];
    }
    // What has moved from one page to another must not be seen in both, or in none.
    if (this.#pages.some(({ entry }) => entry.snapshot.status === "updating")) return;
    this.#pages = this.#pages.flatMap((page) => this.#split(page));
    const results: Item[] = [];
    let error: unknown;
    let isLoading = false;
    let isDone = false;
    for (const { entry } of this.#pages) {
      const { snapshot } = entry;
      error ??= snapshot.error;
      // What lies behind a page that is not there can't be shown yet.
      if (snapshot.value === undefined) {
        isLoading = true;
        break;
      }
      results.push(...snapshot.value.page);
      isDone = snapshot.value.isDone;
    }
    const isFirst = this.#pages[0]?.entry.snapshot.value === undefined;
    const status = isFirst ? "LoadingFirstPage" : isLoading ? "LoadingMore" : isDone ? "Exhausted" : "CanLoadMore";
    const shown = share(this.snapshot.results, results);
    const before = this.snapshot;
    if (shown === before.results && status === before.status && error === before.error) return;
    this.snapshot = Object.freeze({ results: shown, status, error });
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      for (const callback of [...this.#callbacks]) if (this.#callbacks.has(callback)) call(callback);
    });
  }

  /** A page that has become long is cut in two; it goes when both halves are there. */
  #split(page: Page<Item>): Page<Item>[] {
    const { value } = page.entry.snapshot;
    if (page.halves !== undefined) {
      if (page.halves.some(({ entry }) => entry.snapshot.value === undefined)) return [page];
      const { halves } = page;
      page.halves = undefined;
      this.#end(page);
      return halves;
    }
    if (value === undefined || !value.splitCursor || !value.pageStatus) return [page];
    const { numItems, cursor } = page.options;
    page.halves = [
      this.#page({ numItems, cursor, endCursor: value.splitCursor }),
      this.#page({ numItems, cursor: value.splitCursor, endCursor: value.continueCursor }),
    ];
    return [page];
  }
}

/** With how many documents a list begins. */
export function initialNumItems(options: { readonly initialNumItems: number }): number {
  // In plain JavaScript there may be no options.
  const given = options as { readonly initialNumItems?: unknown } | null | undefined;
  return requireCount("options.initialNumItems", given?.initialNumItems);
}

function requireCount(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
  throw invalidArgument(`\`${name}\` must be a positive integer. Received ${describe(value)}.`);
}

function isForeignCursor(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "InvalidCursor";
}
