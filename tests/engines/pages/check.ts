/** What the checks are made of. They run in a page, in any browser, without a test runner beside them. */
import { stringify } from "fast-check";
import { type Database, type DataModelFromSchemaDefinition, openDatabase, type OpenDatabaseOptions } from "holdfast";
import { page } from "../../e2e/pages/page.js";
import { schema } from "./schema.js";

export const { abortAfter, codeOf, done, raw, until } = page;

export type DB = Database<DataModelFromSchemaDefinition<typeof schema>>;

/** What a check is given: a name that no other database has, and handles that are closed when it has ended. */
export interface Place {
  readonly name: string;
  readonly open: (options?: Partial<OpenDatabaseOptions<typeof schema>>) => Promise<DB>;
}

type Check = (place: Place) => Promise<void>;

/** All of them, by what they say is true. */
export const checks = new Map<string, Check>();

export function check(name: string, body: Check): void {
  if (checks.has(name)) throw new Error(`There are two checks that are called: ${name}`);
  checks.set(name, body);
}

let count = 0;

/** Runs one check; throws what it does not find true. */
export async function run(name: string): Promise<void> {
  const body = checks.get(name);
  if (!body) throw new Error(`There is no check that is called: ${name}`);
  count += 1;
  const handles: DB[] = [];
  const place: Place = {
    name: `check ${count}`,
    async open(options = {}) {
      const db = await openDatabase({ name: place.name, onProblem: () => undefined, ...options, schema });
      handles.push(db);
      return db;
    },
  };
  try {
    await body(place);
  } finally {
    await Promise.all(handles.map((db) => db.close().catch(() => undefined)));
    await done(indexedDB.deleteDatabase(place.name));
  }
}

/** Throws unless two values are the same in every bit: bytes, NaN, -0 and bigints too. */
export function equal(actual: unknown, expected: unknown, what = "It"): void {
  const [is, should] = [stringify(comparable(actual)), stringify(comparable(expected))];
  if (is !== should) throw new Error(`${what} is ${shortened(is)}, and should be ${shortened(should)}.`);
}

const shortened = (text: string) => (text.length > 600 ? `${text.slice(0, 600)}…` : text);

/** Buffers as numbers, and objects with their names in order. */
function comparable(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return { bytes: [...new Uint8Array(value)] };
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, comparable(each)]));
}

/** Tasks with these numbers. */
export const tasks = (numbers: readonly number[], text?: string) =>
  numbers.map((n) => ({ title: `t${n % 3}`, n, ...(text !== undefined && { text }) }));

/** 0 to n - 1. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Waits until all that was written is in the tree, and the log is empty. */
export const inTree = (db: DB) => until(() => db.stats().generation > 0 && db.stats().logRecords === 0);

/** Throws unless all that is stored is whole. */
export async function isSound(db: DB): Promise<void> {
  equal((await db.verify()).problems, [], "What verify() found");
}
