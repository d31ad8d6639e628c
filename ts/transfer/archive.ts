/**
 * ZIP files: written as they are made, and read at any place.
 */
import {
  BlobReader,
  BlobWriter,
  configure,
  type Entry,
  ZipReader,
  ZipWriter,
} from "@zip.js/zip.js/lib/zip-core-native.js";
import { describeError } from "../describe.js";
import { invalidImport, unreadable } from "./problems.js";

configure({ useWebWorkers: false });

/** A file inside. */
export interface ArchiveFile {
  readonly name: string;
  /** Its size, unpacked, by what the archive says. */
  readonly size: number;
  /** Fails when it has another name where its bytes are. Whoever reads those need not ask. */
  checkName(): Promise<void>;
  /** Its bytes. */
  stream(): ReadableStream<Uint8Array>;
}

/**
 * An archive is read as strictly as can be: its directory is all that tells which files there are, and no check guards
 * it, so whatever is said twice must be the same twice. (Names may be any: none is written to a disk.)
 */
const STRICT = { checkSignature: true, strictness: "strict", filenameValidation: "tolerant" } as const;

/** The files of a ZIP. */
export async function readArchive(blob: Blob): Promise<ArchiveFile[]> {
  const reader = new ZipReader(new BlobReader(blob), STRICT);
  let entries: Entry[];
  try {
    entries = await reader.getEntries();
  } catch (cause) {
    if (cause instanceof DOMException) throw unreadable(cause, "The file");
    throw invalidImport(`The file is not a whole ZIP archive: ${sentenceOfZip(cause)}`, {}, cause);
  }
  for (const { directory, filename } of entries) {
    if (!directory || filename.endsWith("/")) continue;
    throw invalidImport(`The ZIP archive takes ${filename} for a folder.`);
  }
  return entries
    .filter((entry) => !entry.directory)
    .map((entry) => ({
      name: entry.filename,
      size: entry.uncompressedSize,
      checkName: () => checkName(blob, entry),
      stream: () => streamOf(entry),
    }));
}

/** What precedes a file's name where its bytes are. */
const LOCAL_HEADER = 30;

/** The file's name is also where its bytes are. */
async function checkName(blob: Blob, { filename, offset, rawFilename }: Entry): Promise<void> {
  const start = offset + LOCAL_HEADER;
  const header = blob.slice(start, start + rawFilename.length);
  const there = new Uint8Array(
    await header.arrayBuffer().catch((cause: unknown) => {
      throw unreadable(cause, "The file");
    }),
  );
  if (rawFilename.every((byte, index) => there[index] === byte)) return;
  throw invalidImport(`The directory of the ZIP archive has ${filename} where the file itself has another name.`);
}

/** What the library says, and of what is ambiguous also the reason. */
function sentenceOfZip(cause: unknown): string {
  const { reason } = (cause ?? {}) as { reason?: unknown };
  return describeError(cause) + (typeof reason === "string" ? ` (${reason})` : "");
}

/** Fails when the archive's own check does, and when a file is longer than it was said to be. */
function streamOf(entry: Entry): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const damaged = (cause: unknown) =>
    invalidImport(
      `The file ${entry.filename} in the ZIP archive can't be unpacked: ${sentenceOfZip(cause)}`,
      {},
      cause,
    );
  const writer = writable.getWriter();
  let size = 0;
  const counted = new WritableStream<Uint8Array>({
    write(chunk) {
      size += chunk.length;
      if (size > entry.uncompressedSize) throw new Error("it is longer than the archive says");
      return writer.write(chunk);
    },
    close: () => writer.close(),
    abort: (reason) => writer.abort(damaged(reason)),
  });
  if (entry.directory) throw new Error("a folder has no bytes");
  entry.getData(counted).catch((cause: unknown) => writer.abort(damaged(cause)).catch(() => undefined));
  return readable;
}

/** Makes a ZIP of texts, one after the other. */
export class ArchiveWriter {
  readonly #zip = new ZipWriter(new BlobWriter("application/zip"), { level: 6, keepOrder: true });

  /** Adds a file whose text comes in pieces. */
  async add(name: string, pieces: AsyncIterable<string> | Iterable<string>): Promise<void> {
    await this.#zip.add(name, bytesOf(pieces), { unixMode: 0o644 });
  }

  /** The whole. */
  finish(): Promise<Blob> {
    return this.#zip.close();
  }
}

/** Pieces of text as a stream of bytes, made when they are asked for. */
export function bytesOf(pieces: AsyncIterable<string> | Iterable<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
