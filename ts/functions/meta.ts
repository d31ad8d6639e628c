/**
 * Types only: what Convex tells a function about itself and its deployment. It needs a server: every method is refused.
 */
import type { FunctionType } from "./reference.js";
import type { FunctionVisibility } from "./registration.js";

/** How much of a limit is used. */
export type TransactionMetric = { used: number; remaining: number };

/** What Convex limits in a transaction. */
type Limit =
  | "bytesRead"
  | "bytesWritten"
  | "databaseQueries"
  | "documentsRead"
  | "documentsWritten"
  | "functionsScheduled"
  | "scheduledFunctionArgsBytes"
  | "filesWritten"
  | "fileWriteBytes"
  | "filesRead"
  | "fileReadBytes";

/** How much of each limit is used. */
export type TransactionMetrics = { [Name in Limit]: TransactionMetric };

/** Limits of a function that is called. They mean nothing here. */
export type TransactionLimits = { [Name in Limit]?: number };

/** Which function runs. */
export type FunctionMetadata = {
  /** As in `"lib/tasks:list"`. */
  name: string;
  /** Empty for the app's own. */
  componentPath: string;
  /** Its kind. */
  type: FunctionType;
  /** Whether anybody may call it. */
  visibility: FunctionVisibility;
};

/** Where it runs. */
export type DeploymentMetadata = {
  /** The deployment's name. */
  name: string;
  /** Null where it is none of Convex's. */
  region: string | null;
  /** How large it is. */
  class: "s16" | "s256" | "d1024" | "d2048";
};

/** What has made it run. */
export type RequestMetadata = {
  /** The client's address. */
  ip: string | null;
  /** The client's browser. */
  userAgent: string | null;
  /** The request's number. */
  requestId: string;
  /** The scheduled function that it is part of. */
  scheduledFunctionId: string | null;
  /** What the client has identified itself by. */
  authToken: string | null;
};

/** `ctx.meta` of a query. */
export interface QueryMeta {
  /** Refused. */
  getFunctionMetadata(): Promise<FunctionMetadata>;
  /** Refused. */
  getTransactionMetrics(): Promise<TransactionMetrics>;
  /** Refused. */
  getDeploymentMetadata(): Promise<DeploymentMetadata>;
  /** Refused. */
  getSnapshotTs(): bigint;
}

/** `ctx.meta` of a mutation. */
export interface MutationMeta extends QueryMeta {
  /** Refused. */
  getRequestMetadata(): Promise<RequestMetadata>;
}

/** `ctx.meta` of an action. */
export interface ActionMeta {
  /** Refused. */
  getFunctionMetadata(): Promise<FunctionMetadata>;
  /** Refused. */
  getDeploymentMetadata(): Promise<DeploymentMetadata>;
  /** Refused. */
  getRequestMetadata(): Promise<RequestMetadata>;
}
