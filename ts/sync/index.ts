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
import { DatabaseSync } from "./database_sync.js";
import { loadSyncWasm } from "./engine.js";
import { placementsOf } from "./placement.js";

const part: SyncPart = { loadWasm: loadSyncWasm, begin: (...about) => new DatabaseSync(...about) };
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
export type { MemoryLink, SyncedDatabase } from "./link.js";
export { DatabaseSync } from "./database_sync.js";
export type { Conflict, HistoryEntry, HistoryOptions, Problem } from "./database_sync.js";
export { LiveValue } from "./live_value.js";
export { UndoManager } from "./undo.js";
export type { UndoOptions } from "./undo.js";
