/**
 * Loads the engine that can sync. The only importer of what wasm-bindgen has made of it.
 */
import { deleteDatabase, Engine, initSync, onTrap, restart } from "../../pkg/holdfast_sync.js";
import { type EngineFiles, engineLoader } from "../wasm.js";

export type { Engine as SyncEngine };

// It has all that the other one has.
const glue = { Engine, deleteDatabase, initSync, onTrap, restart } as unknown as EngineFiles["glue"];

/** Loads it, once for a page. */
export const loadSyncWasm = engineLoader({
  glue,
  file: "holdfast_sync_bg.wasm",
  place: () => new URL("./holdfast_sync_bg.wasm", import.meta.url),
  inlined: () => import("../../pkg/holdfast_sync_inlined.js"),
});
