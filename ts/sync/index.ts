/**
 * Tables whose rows are merged with those of other devices, as CRDT documents (automerge).
 *
 * ```ts
 * import { root, within, text } from "holdfast/sync";
 *
 * const db = await openDatabase({
 *   name: "app",
 *   schema,
 *   sync: { projects: root(), tasks: within("projectId", { notes: text() }) },
 * });
 * ```
 */
import type { SyncPart } from "../sync_part.js";
import { loadSyncWasm } from "./engine.js";
import { checkFields, placementsOf } from "./placement.js";
import { SyncedDatabase } from "./synced_database.js";

const part: SyncPart = {
  check: checkFields,
  loadWasm: loadSyncWasm,
  open: (placed, ...parts) => new SyncedDatabase(placed, parts),
};
const placements = placementsOf(part);

/**
 * Each row has a document of its own, with the rows that lie {@link within} it: what is shared with others as a whole.
 */
export const root = placements.root;
/** Rows lie in the document of the row whose id this field has: `within("projectId")`. */
export const within = placements.within;
/** Rows belong to the person who uses the app, and to nobody else. */
export const workspace = placements.workspace;

/** A table that was synced and is to be so no longer: its rows stay on this device, and what was kept for others goes. */
export const local = placements.local;

export { counter, text } from "./placement.js";
export type { FieldKind, FieldKinds } from "./placement.js";
export type { TablePlacement } from "../sync_part.js";
export { linkInMemory } from "./link.js";
export type { MemoryLink } from "./link.js";
export { SyncedDatabase } from "./synced_database.js";
export type { HistoryEntry } from "./history.js";
export type { Conflict, DeletedRow, HistoryOptions, Problem } from "./synced_database.js";
export { DatabaseSync } from "./database_sync.js";
export type { DocumentStatus } from "./document_status.js";
export { Presence } from "./presence.js";
export type { Present } from "./presence.js";
export { SyncStatus } from "./sync_status.js";
export type { AwaitedDocument, SyncFailure, SyncFailureKind, SyncSnapshot, SyncState } from "./sync_status.js";
export type { ConnectOptions } from "./servers.js";
export type { Socket, SocketConstructor } from "./server.js";
export { LiveValue } from "./live_value.js";
export { UndoManager } from "./undo.js";
export type { UndoOptions, UndoScope } from "./undo.js";
