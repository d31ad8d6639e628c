/**
 * Files on the disk: read where they lie, written as a whole or not at all.
 */
import { openAsBlob, type Stats } from "node:fs";
import { chmod, open, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { buffer } from "node:stream/consumers";
import { STANDARD } from "./arguments.js";
import { usageProblem } from "./problems.js";
import type { Streams } from "./streams.js";

/** Forms of files with the rows of one table. */
export const ROW_FORMATS = ["csv", "jsonl", "json"] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

/** The form that an option names, or else the end of a file's name. */
export function formatOf(option: string | undefined, path: string | undefined): RowFormat {
  const name =
    option ??
    extname(path ?? "")
      .slice(1)
      .toLowerCase();
  const found = ROW_FORMATS.find((format) => format === name);
  if (found !== undefined) return found;
  if (option !== undefined) throw usageProblem(`--format must be csv, jsonl or json, and not "${option}".`);
  throw usageProblem("--format is missing: csv, jsonl or json.");
}

/** What is at a path; undefined when there is nothing. */
async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A file, of which no more is in memory than is being read; undefined when there is none. */
export async function readIfThere(path: string): Promise<Blob | undefined> {
  const stats = await lookAt(path);
  if (stats === undefined) return undefined;
  if (stats.isDirectory()) throw usageProblem(`${path} is a folder, and a file is needed.`);
  // A pipe can be read only once, and a snapshot's table of contents is at its end.
  if (!stats.isFile()) return new Blob([await readFile(path)]);
  // The blob is opened when it is read, and would not say then why it can't be.
  await (await open(path)).close();
  return openAsBlob(path);
}

/** A file that must be there, or the standard input. */
export async function readWhole(path: string, streams: Streams): Promise<Blob> {
  if (path === STANDARD) return new Blob([await buffer(streams.in)] as BlobPart[]);
  const blob = await readIfThere(path);
  if (blob === undefined) throw usageProblem(`There is no file ${path}.`);
  return blob;
}

/** Fails where a file would take the place of another, or of the one that it is made of. */
export async function requireFree(path: string, origin: string, isForced: boolean): Promise<void> {
  const before = await lookAt(path);
  if (before === undefined || !before.isFile()) return;
  if (origin !== STANDARD && (await realpath(path)) === (await realpath(origin))) {
    throw usageProblem(`${path} is what is read. Write to another file.`);
  }
  if (!isForced) throw usageProblem(`There is a file ${path} already: --force replaces it.`);
}

/** Writes a file beside its place and puts it there when it is on the disk: until then, what was there before is there. */
export async function writeWhole(path: string, blob: Blob): Promise<void> {
  const before = await lookAt(path);
  if (before?.isDirectory()) throw usageProblem(`${path} is a folder, and a file is to be written.`);
  // A device or a pipe is written to, and not replaced.
  if (before !== undefined && !before.isFile()) return writeFile(path, blob.stream());
  // What a link leads to is replaced, and not the link.
  const place = before === undefined ? path : await realpath(path);
  const temporary = `${place}.${process.pid}.tmp`;
  const file = await open(temporary, "wx");
  try {
    try {
      await writeFile(file, blob.stream());
      await file.sync();
    } finally {
      await file.close();
    }
    if (before !== undefined) await chmod(temporary, before.mode & 0o777);
    await rename(temporary, place);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
