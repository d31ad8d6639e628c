/**
 * What is said of a docs worker that is not there.
 */
import { HoldfastError } from "../errors.js";

/** It has failed; another one begins. */
export function fallen(reason: string): HoldfastError {
  return fault(`The docs worker has failed (${reason}). What is saved is safe; it begins anew.`);
}

/** It has failed too often. */
export function givenUp(reason: string): HoldfastError {
  return fault(
    `The docs worker has failed again and again (${reason}). What is saved is safe; \`connect()\` tries again.`,
  );
}

/** It can't be begun. */
export function absent(reason: string): HoldfastError {
  return fault(
    `The docs worker can't be loaded, so nothing is merged: ${reason.replace(/\.$/, "")}. What is saved is safe. Check that ` +
      "the app serves `docs_worker.js` and `holdfast_docs_bg.wasm`; `connect()` tries again.",
  );
}

function fault(message: string): HoldfastError {
  return new HoldfastError("EngineFault", message, { retryable: true });
}
