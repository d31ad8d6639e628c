/**
 * Parts of the package that a page loads when it first needs them.
 */
import { HoldfastError } from "./errors.js";

/** Loads a part, or says which one is not to be had. */
export async function loadPart<Part>(load: () => Promise<Part>, task: string): Promise<Part> {
  try {
    return await load();
  } catch (cause) {
    throw new HoldfastError("EngineUnavailable", `The part of Holdfast that ${task} could not be loaded.`, { cause });
  }
}
