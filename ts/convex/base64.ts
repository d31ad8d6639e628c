/**
 * Base64 as `convex/values` exports it.
 */
import { fromBase64, toBase64 } from "../json.js";

/** Bytes as text and back. */
export const Base64 = {
  /** The text of bytes. */
  fromByteArray: (bytes: Uint8Array): string => toBase64(bytes),
  /** The same, as it can be part of an address. */
  fromByteArrayUrlSafeNoPadding: (bytes: Uint8Array): string =>
    toBase64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, ""),
  /** The bytes of a text of either kind; throws when it is none. */
  toByteArray: (text: string): Uint8Array => new Uint8Array(fromBase64(text.replace(/-/g, "+").replace(/_/g, "/"))),
};
