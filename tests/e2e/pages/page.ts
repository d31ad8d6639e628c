/** What tests in a browser find in the page: the package, a schema and a database that they may open. */
import { abortAfter } from "./abort_after.js";
import { type Database, defineSchema, defineTable, openDatabase, type OpenDatabaseOptions, v } from "holdfast";

const schema = defineSchema({
  tasks: defineTable({ title: v.string(), n: v.number(), text: v.optional(v.string()) })
    .index("by_n", ["n"])
    .index("by_title", ["title"]),
});

/** The same with one more index. */
const more = defineSchema({
  tasks: defineTable({ title: v.string(), n: v.number(), text: v.optional(v.string()) })
    .index("by_n", ["n"])
    .index("by_title", ["title"])
    .index("by_text", ["text"]),
});

/** An app's version with a table and an index that the next one has not. */
const before = defineSchema({
  tasks: defineTable({ title: v.string(), n: v.number(), text: v.optional(v.string()) })
    .index("by_n", ["n"])
    .index("by_title", ["title"]),
  notes: defineTable({ text: v.string() }),
});

const after = defineSchema({
  tasks: defineTable({ title: v.string(), n: v.number(), text: v.optional(v.string()) })
    .index("by_n", ["n"])
    .index("by_text", ["text"]),
});

type Tables = typeof openTasks extends (...args: never[]) => Promise<Database<infer Model>> ? Model : never;

function openTasks(options: Partial<OpenDatabaseOptions<typeof schema>> = {}) {
  return openDatabase({ name: "test", ...options, schema });
}

function openMore(options: Partial<OpenDatabaseOptions<typeof more>> = {}) {
  return openDatabase({ name: "test", ...options, schema: more });
}

function openBefore() {
  return openDatabase({ name: "test", schema: before });
}

function openAfter() {
  return openDatabase({ name: "test", schema: after });
}

/** What is in the page. */
export interface Page {
  openTasks: typeof openTasks;
  openMore: typeof openMore;
  openBefore: typeof openBefore;
  openAfter: typeof openAfter;
  db: Database<Tables>;
  sleep(milliseconds: number): Promise<void>;
  until(condition: () => boolean | Promise<boolean>, milliseconds?: number): Promise<void>;
  codeOf(promise: Promise<unknown>): Promise<string>;
  raw<T>(name: string, use: (database: IDBDatabase) => T | Promise<T>, version?: number, stores?: string[]): Promise<T>;
  done<T>(request: IDBRequest<T>): Promise<T>;
  abortAfter: typeof abortAfter;
}

export const page: Omit<Page, "db"> = {
  openTasks,
  openMore,
  openBefore,
  openAfter,
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  async until(condition, milliseconds = 15_000) {
    const end = performance.now() + milliseconds;
    while (!(await condition())) {
      if (performance.now() > end) throw new Error(`It did not happen within ${milliseconds} ms: ${String(condition)}`);
      await page.sleep(10);
    }
  },
  async codeOf(promise) {
    try {
      await promise;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
    return "no error";
  },
  /** Opens a database as code that is not ours does, and makes these stores in a new one. */
  async raw(name, use, version, stores = []) {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => {
      for (const store of stores) request.result.createObjectStore(store);
    };
    return await use(await page.done(request));
  },
  done: (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error!);
    }),
  abortAfter,
};
Object.assign(globalThis, page);
document.title = "ready";
