/**
 * The errors that Holdfast throws: one class with a stable code, and Convex's own for what an application throws itself.
 */
import { describe } from "./describe.js";
import type { Value } from "./data_model.js";

/**
 * What went wrong, as a name that programs may compare. The names are those of the engine, one to one, and are never
 * reused for another meaning.
 */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Every {@link ErrorCode}: the caller's mistakes, then the world's failures, then our own. */
export const ERROR_CODES = [
  "InvalidValue",
  "ValueTooLarge",
  "SchemaEnforcementError",
  "InvalidSchema",
  "SchemaDoesNotFit",
  "SchemaChanged",
  "InvalidId",
  "WrongTable",
  "NonexistentDocument",
  "DuplicateId",
  "TableNotFound",
  "IndexNotFound",
  "InvalidIndexRange",
  "InvalidFilter",
  "InvalidCursor",
  "NotUnique",
  "InvalidArgument",
  "InvalidImport",
  "FunctionNotFound",
  "ArgumentValidationError",
  "ReturnsValidationError",
  "NotSupported",
  "NotCached",
  "DocumentRefused",
  "NotSynced",
  "TransactionClosed",
  "MutationTimeout",
  "TooManyConflicts",
  "TransactionTooLarge",
  "DatabaseClosed",
  "StorageUnavailable",
  "ForeignDatabase",
  "QuotaExceeded",
  "StorageFailed",
  "OutcomeUnknown",
  "Corrupt",
  "NewerFormat",
  "EngineUnavailable",
  "EngineFault",
] as const;

/**
 * Nothing about the call is wrong and nothing was saved: the same call may succeed another time. `OutcomeUnknown` is
 * not among them, because a second try could save twice.
 */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "MutationTimeout",
  "TooManyConflicts",
  "QuotaExceeded",
  "StorageFailed",
  "EngineUnavailable",
  "NotCached",
  "NotSynced",
]);

/** What a {@link HoldfastError} may carry besides its code and message. */
export interface HoldfastErrorOptions {
  /** Overrides what the code says about trying again. */
  retryable?: boolean;
  /** Facts for programs: names of tables, ids, paths. */
  details?: Readonly<Record<string, unknown>>;
  /** The error that led to this one. */
  cause?: unknown;
}

/**
 * The one error of Holdfast. Whatever was asked for has not happened, except where the code is `OutcomeUnknown`.
 *
 * Where Convex has a text for the same mistake, `message` is that text, unless it would mislead.
 */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  /** The stable name of what went wrong. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed another time. */
  readonly retryable: boolean;
  /** Facts for programs; empty when there are none. */
  readonly details: Readonly<Record<string, unknown>>;

  /** Applications have no need to construct one. */
  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    this.details = options.details ?? {};
  }
}

/** A promise that is rejected with whatever was thrown. */
export async function rejected(error: unknown): Promise<never> {
  throw error;
}

/** Marks a {@link ConvexError} across realms and package copies; Convex's client looks for the same symbol. */
const IDENTIFYING_FIELD = Symbol.for("ConvexError");

/** As much as Convex says of an error's data. */
const CONVEX_ERROR_LENGTH_MAX = 16_384;

/**
 * An error that an application's function throws on purpose: it passes through Holdfast with its data unchanged.
 *
 * @typeParam Data - The type of `data`.
 */
export class ConvexError<Data extends Value> extends Error {
  override readonly name = "ConvexError";
  /** What the application wants to tell the caller. */
  readonly data: Data;
  /** @internal */
  readonly [IDENTIFYING_FIELD] = true;

  /** Makes an error that carries `data`. */
  constructor(data: Data) {
    super(typeof data === "string" ? data : describe(data, CONVEX_ERROR_LENGTH_MAX));
    this.data = data;
  }
}
