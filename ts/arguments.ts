/**
 * Arguments as an app gives them. In plain JavaScript anything may come; the errors are in Convex's words.
 */
import { describe } from "./describe.js";
import { HoldfastError } from "./errors.js";

/** An argument of the wrong kind. */
export function invalidArgument(message: string): HoldfastError {
  return new HoldfastError("InvalidArgument", message);
}

/** Convex's error for a missing argument, the n-th from 1. */
export function requireArgument(value: unknown, method: string, name: string, position = 1): void {
  if (value === undefined) throw invalidArgument(`Must provide arg ${position} \`${name}\` to \`${method}\``);
}

/** An argument that must be a string. */
export function requireText(value: unknown, method: string, name: string, position = 1): asserts value is string {
  requireArgument(value, method, name, position);
  if (typeof value === "string") return;
  throw invalidArgument(
    `Invalid argument \`${name}\` for \`db.${method}\`, expected string but got '${typeof value}': ${describe(value)}`,
  );
}

/**
 * No id has more letters, and no table or index has a longer name. Letters beyond are none that the engine could need to
 * say what is wrong.
 */
const LOOKED_UP_LENGTH_MAX = 200;

/**
 * An id or a name for the engine: itself, or its beginning if it is too long to be one. The memory that the engine would
 * take for a text of any length it would never give back. The end makes sure that nothing is found by the beginning.
 */
export function bounded(text: string): string {
  return text.length <= LOOKED_UP_LENGTH_MAX ? text : `${text.slice(0, LOOKED_UP_LENGTH_MAX - 1)}…`;
}

/** An argument that must be a function. */
export function requireFunction(value: unknown, method: string, name: string, position = 1): void {
  requireArgument(value, method, name, position);
  if (typeof value !== "function")
    throw invalidArgument(`Arg ${position} \`${name}\` to \`${method}\` must be a function`);
}
