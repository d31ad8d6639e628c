/**
 * Snapshots: looked into by what imports use, and brought into databases in memory by the public API.
 *
 * The package is loaded here alone, and only when it is needed: `--help` is there at once, and pages get the same files as
 * if there were no command line.
 */
import { randomUUID } from "node:crypto";
import type { AnyDataModel, Database } from "../index.js";
import type { Source } from "../transfer/sources.js";
import { Problem } from "./problems.js";
import type { Progress } from "./streams.js";

/** The package as apps have it. */
export const loadPackage = () => import("../index.js");
/** The part that reads and makes files. */
export const loadTransfer = () => import("../transfer/transfer.js");

/** The tables of a snapshot, by their names. */
export async function lookInto(path: string, blob: Blob): Promise<Source> {
  const { readSource } = await loadTransfer();
  const source = await inFile(path, readSource(blob, "zip", undefined));
  return { ...source, tables: [...source.tables].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** What an action answers; what it finds wrong is said of this file. */
export async function inFile<T>(path: string, action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (error) {
    throw new Problem(`${path}: ${await sentenceOfAny(error)}`);
  }
}

/** What an error says to people. Those that are nobody's mistake are thrown on. */
export async function sentenceOfAny(error: unknown): Promise<string> {
  const [{ HoldfastError }, { sentenceOf }] = [await loadPackage(), await loadTransfer()];
  if (error instanceof HoldfastError) return sentenceOf(error);
  throw error;
}

/** A database of any documents. */
export type AnyDatabase = Database<AnyDataModel>;

/** Does something with a database in memory that has these tables and is gone afterwards. */
export async function inMemory<T>(tables: readonly string[], use: (db: AnyDatabase) => Promise<T>): Promise<T> {
  const { defineSchema, defineTable, openDatabase, v } = await loadPackage();
  const schema = defineSchema(Object.fromEntries(tables.map((name) => [name, defineTable(v.any())])));
  const db = await openDatabase({ name: `holdfast ${randomUUID()}`, schema, storage: "memory" });
  try {
    return await use(db);
  } finally {
    await db.close();
  }
}

/** What shows how far an import is. */
export function importing(progress: Progress) {
  return ({ table, rows, done }: { table: string; rows: number; done: number }) =>
    progress.tell(`reading ${table}: ${rows} rows, ${Math.floor(done * 100)} %`);
}
