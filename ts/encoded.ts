/**
 * Documents and changes as the engine takes them: encoded once, when the call is made. A mutation that runs again writes
 * the same ones, whatever became of the objects.
 */
import { bounded, invalidArgument, requireArgument } from "./arguments.js";
import type { Bridge } from "./bridge.js";
import { describe, describeError } from "./describe.js";
import type { DocumentEncoder } from "./encode.js";
import { HoldfastError } from "./errors.js";
import { placed } from "./place.js";

/** Encoded documents to insert. */
export interface Documents {
  readonly bytes: Uint8Array;
  /** What they were made of, for errors. */
  readonly values: readonly unknown[];
  /** Whether the caller gave several, so that an error says which. */
  readonly isMany: boolean;
}

/** An encoded change of a document. */
export interface Change {
  readonly bytes: Uint8Array;
  /** What it was made of, for errors. */
  readonly value: unknown;
  /** A `_creationTime` that was given and has to be that of the document. */
  readonly creationTime: unknown;
}

/** The documents of an `insertMany`, in an array of our own: nobody's iterator runs while they are written. */
export function listOf(values: unknown): unknown[] {
  requireArgument(values, "insertMany", "values", 2);
  try {
    if (Array.isArray(values)) {
      const { length } = values as unknown[];
      if (length > DOCUMENTS_MAX) {
        const message = `One \`insertMany\` takes ${DOCUMENTS_MAX} documents at most, not ${length}; split it into several.`;
        throw new HoldfastError("TransactionTooLarge", message);
      }
      return Array.from<unknown>(values);
    }
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    const message = `Arg 2 \`values\` to \`insertMany\` could not be read: ${describeError(cause)}`;
    throw new HoldfastError("InvalidArgument", message, { cause });
  }
  throw invalidArgument("Arg 2 `values` to `insertMany` must be an array of documents");
}

/** As `commit_bytes` in src/tab.rs. */
const COMMIT_BYTES_MAX = 96 * 1024 * 1024;

/** No record holds more, so that a wrong length is refused before anything is read. */
const DOCUMENTS_MAX = 1 << 21;

/** What deletes a document. */
export const NO_CHANGE: Change = { bytes: new Uint8Array(0), value: undefined, creationTime: undefined };

/** Encodes documents to insert. */
export function encodeDocuments(
  bridge: Bridge,
  tableName: string,
  values: readonly unknown[],
  isMany: boolean,
): Documents {
  const encoder = bridge.encoder(tableName);
  const { input } = bridge;
  input.clear();
  let index = 0;
  try {
    for (; index < values.length; index += 1) {
      appendDocument(bridge, encoder, values[index]);
      // Before memory is full of what is refused in the end, and never given back.
      if (input.position > COMMIT_BYTES_MAX) {
        throw new HoldfastError("TransactionTooLarge", "One mutation may write 96 MiB; split it into several.");
      }
    }
  } catch (error) {
    throw placed(error, { table: tableName, index: isMany ? index : undefined });
  }
  return { bytes: input.written().slice(), values, isMany };
}

/** Appends the lengths of id and document, the document and the id. */
function appendDocument(bridge: Bridge, encoder: DocumentEncoder, value: unknown): void {
  const { input } = bridge;
  const start = input.position;
  input.ensure(8);
  input.position += 8;
  encoder.encode(input, value, "insert");
  const { id, creationTime } = encoder;
  if (creationTime !== undefined) {
    throw new HoldfastError(
      "InvalidArgument",
      "`_creationTime` is set by the database; a document can't bring its own.",
      { details: { path: "._creationTime" } },
    );
  }
  const documentEnd = input.position;
  let idLength = 0;
  if (id !== undefined) {
    if (typeof id !== "string" || id === "") {
      const message = `The _id of a document must be an id, but got ${describe(id)}.`;
      throw new HoldfastError("InvalidId", message, { details: { path: "._id" } });
    }
    idLength = bridge.input.appendText(bounded(id));
  }
  input.ensure(0);
  const { bytes } = input;
  writeLength(bytes, start, idLength);
  writeLength(bytes, start + 4, documentEnd - start - 8);
}

/** Encodes what a document is changed by. */
export function encodeChange(
  bridge: Bridge,
  method: "patch" | "replace",
  tableName: string | undefined,
  id: string,
  value: unknown,
): Change {
  const table = tableName ?? bridge.tableOf(id);
  const encoder = bridge.encoder(table ?? "");
  bridge.input.clear();
  try {
    encoder.encode(bridge.input, value, method === "patch" ? "patch" : "insert");
  } catch (error) {
    throw placed(error, { table });
  }
  if (encoder.id !== undefined && encoder.id !== id) {
    throw invalidArgument(`Provided document ID ${bounded(id)} doesn't match '_id' field ${describe(encoder.id)}.`);
  }
  return { bytes: bridge.input.written().slice(), value, creationTime: encoder.creationTime };
}

function writeLength(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = length & 0xff;
  bytes[at + 1] = (length >> 8) & 0xff;
  bytes[at + 2] = (length >> 16) & 0xff;
  bytes[at + 3] = length >>> 24;
}
