/**
 * Who hears of what becomes of a database.
 */
import type { HoldfastError } from "./errors.js";

/** Who follows live queries. */
export interface LiveFollower {
  /** The engine has news of some. */
  takeNews(): void;
  /** It is closed. */
  end(error: HoldfastError): void;
  /** There is another engine, which watches none. */
  renew(): void;
  /** Storage works again. */
  healed(): void;
}

/** Who follows the mutations of this tab. */
export interface MutationFollower {
  /** One has run well and is about to be finished; it may run again. */
  finishing(transaction: number): void;
  /** It runs again. */
  again(transaction: number): void;
  /** It was saved, or never will be. */
  settled(transaction: number, isSaved: boolean): void;
}

/** Who follows CRDT documents. */
export interface DocumentFollower {
  /** The engine has news of some. */
  takeNews(): void;
  /** There is another engine, which tells nobody of any. */
  renew(): void;
  /** It is closed. */
  end(): void;
}
