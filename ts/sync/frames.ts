/**
 * What two databases tell each other, and what the docs worker asks of the page.
 */

/** What peers tell each other. */
export type Frame =
  /** The documents that there are to talk about. */
  | { readonly type: "documents"; readonly ids: readonly Uint8Array[] }
  /** A message of automerge's sync protocol about one. */
  | { readonly type: "sync"; readonly id: Uint8Array; readonly message: Uint8Array };

/** What the docs worker wants done, as src/browser/docs.rs makes it. */
export type HubOutput =
  | ["load", id: Uint8Array]
  | ["merge", id: Uint8Array, message: Uint8Array]
  | ["snapshot", id: Uint8Array, heads: Uint8Array[], snapshot: Uint8Array]
  | ["documents", peer: number, ids: Uint8Array[]]
  | ["sync", peer: number, id: Uint8Array, message: Uint8Array]
  | ["answer", request: number, text: string]
  | ["setAside", peer: number | null, id: Uint8Array, reason: string]
  | ["status", peer: number, id: Uint8Array, isSynced: boolean];

/** What the docs worker is told: a method of its class `Docs`, and arguments. */
export type HubCall =
  | ["known", id: Uint8Array, root: string, isShared: boolean, heads: Uint8Array[] | undefined]
  | ["loaded", id: Uint8Array, changes: Uint8Array, actors: Uint8Array[], heads: Uint8Array[]]
  | ["saved", id: Uint8Array, changes: Uint8Array, actors: Uint8Array[]]
  | ["allTold"]
  | ["snapshotSaved", id: Uint8Array, bytes: number]
  | ["merged", id: Uint8Array, outcome: 0 | 1 | 2, reason: string]
  | ["reset"]
  | ["quiet"]
  | ["connected", peer: number, device: string]
  | ["disconnected", peer: number]
  | ["receivedDocuments", peer: number, ids: Uint8Array[]]
  | ["receivedSync", peer: number, id: Uint8Array, message: Uint8Array]
  | ["beside", id: Uint8Array, table: string, row: string]
  | ["takeTables", id: Uint8Array, tables: string[]]
  | ["history", id: Uint8Array, request: number, table: string, row: string, limit: number, before: Uint8Array]
  | ["rowAt", id: Uint8Array, request: number, table: string, row: string, change: Uint8Array];

/** What people want to know of a row. */
export type Question =
  | { readonly kind: "history"; readonly limit: number; readonly before?: string }
  | { readonly kind: "at"; readonly change: string };

/** Bytes of hexadecimal text. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

/** Bytes as something to find things by. */
export function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (const byte of bytes) key += byte.toString(16).padStart(2, "0");
  return key;
}
