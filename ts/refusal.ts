/**
 * What needs a server: it is there, so that code written for Convex loads and type-checks, and is refused when it is used.
 */
import { HoldfastError } from "./errors.js";

/** The error of what needs a server. */
export function refusal(what: string, other = ""): HoldfastError {
  return new HoldfastError(
    "NotSupported",
    `${what} needs a Convex server${other && ` ${other}`}: Holdfast runs queries and mutations on the device.`,
  );
}
