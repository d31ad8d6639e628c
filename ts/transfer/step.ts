/**
 * The steps of an import, as the engine takes them.
 */
import type { Bridge } from "../bridge.js";
import { Status } from "../mailbox.js";

/** The steps, as src/browser/writing.rs numbers them. */
export const BEGIN = 0;
export const FINISH = 1;
export const GIVE_UP = 2;
/** Not a step: whether there is an import that is not finished. */
const ASK = 3;

/** The number of the import that is not finished, if there is one. */
export function unfinishedImport(bridge: Bridge): number | undefined {
  if (bridge.isClosed || bridge.engine.importStep(0, ASK, 0) !== Status.Done) return undefined;
  return bridge.number();
}
