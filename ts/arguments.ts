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

/** An argument that must be a function. */
export function requireFunction(value: unknown, method: string, name: string, position = 1): void {
  requireArgument(value, method, name, position);
  if (typeof value !== "function")
    throw invalidArgument(`Arg ${position} \`${name}\` to \`${method}\` must be a function`);
}
