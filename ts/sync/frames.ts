/**
 * What two databases tell each other, and what the docs worker asks of the page.
 */

/** What peers tell each other. */
export type Frame =
  /** The documents that there are to talk about. */
  | { readonly type: "documents"; readonly ids: readonly Uint8Array[] }
  /** A message of automerge's sync protocol about one. */
  | { readonly type: "sync"; readonly id: Uint8Array; readonly message: Uint8Array };

/** What the docs worker has for one of those it talks with, as src/browser/docs.rs makes it. */
export type PeerOutput =
  | ["documents", peer: number, ids: Uint8Array[]]
  | ["sync", peer: number, id: Uint8Array, message: Uint8Array]
  | ["status", peer: number, id: Uint8Array, isSynced: boolean]
  | ServerOutput;

/** What it has for servers alone. Times are those of `performance.now()`. */
export type ServerOutput =
  /** Open a socket. */
  | ["open", peer: number]
  /** Close it: nothing that it says after that counts. */
  | ["close", peer: number]
  | ["send", peer: number, message: Uint8Array]
  /** Say so when it is that time. */
  | ["wake", peer: number, atMs: number]
  /** How the connection stands. */
  | ["connection", peer: number, standing: ConnectionStanding, message: string, retryAtMs: number]
  /** Say what is kept of the server that calls its documents so. */
  | ["remember", peer: number, store: string]
  /** Keep that. */
  | ["keep", peer: number, id: Uint8Array, state: Uint8Array]
  /** Somebody has passed a text on. */
  | ["told", peer: number, id: Uint8Array, session: string, count: number, text: string]
  /** The server does not have a document that is not here either. */
  | ["unavailable", peer: number, id: Uint8Array];

/** How a connection to a server stands, as `failure_name` in src/browser/docs.rs has it. */
export type ConnectionStanding =
  "off" | "connecting" | "connected" | "unreachable" | "lost" | "silent" | "notAServer" | "version" | "refused";

/** What the docs worker wants done. */
export type HubOutput =
  | ["load", id: Uint8Array]
  | ["merge", id: Uint8Array, message: Uint8Array]
  | ["snapshot", id: Uint8Array, heads: Uint8Array[], snapshot: Uint8Array]
  | ["answer", request: number, text: string]
  | ["setAside", peer: number | null, id: Uint8Array, reason: string]
  | PeerOutput;

/** A server is wanted, or is not any more, it may be that it can be reached again, or time has passed. */
export const Attend = { Begin: 0, End: 1, Hurry: 2, Time: 3 } as const;

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
  | ["refuse", peer: number, id: Uint8Array]
  | ["server", peer: number, name: string, seed: Uint8Array]
  | ["attend", peer: number, what: (typeof Attend)[keyof typeof Attend], nowMs: number]
  | ["socketOpened", peer: number, nowMs: number]
  | ["socketClosed", peer: number, code: number, reason: string, nowMs: number]
  | ["socketReceived", peer: number, message: Uint8Array | undefined, nowMs: number]
  | ["tellAll", peer: number, id: Uint8Array, session: string, count: number, text: string]
  | ["remembered", peer: number, ids: Uint8Array[], states: Uint8Array[]]
  | ["wanted", id: Uint8Array, isWanted: boolean]
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
