/**
 * What Convex's servers do besides: a log of who did what, and services with credentials. Refused here.
 */
import { refusal } from "../refusal.js";

const REQUEST_ID: unique symbol = /* @__PURE__ */ Symbol("var.requestId");
const IP: unique symbol = /* @__PURE__ */ Symbol("var.ip");
const USER_AGENT: unique symbol = /* @__PURE__ */ Symbol("var.userAgent");
const NOW: unique symbol = /* @__PURE__ */ Symbol("var.now");
const CONVEX_ACTOR: unique symbol = /* @__PURE__ */ Symbol("var.convexActor");

/** What stands for a value that a server fills in. */
interface LogVars {
  /** The request's number. */
  readonly requestId: typeof REQUEST_ID;
  /** The client's address. */
  readonly ip: typeof IP;
  /** The client's browser. */
  readonly userAgent: typeof USER_AGENT;
  /** The time. */
  readonly now: typeof NOW;
  /** Who is signed in. */
  readonly convexActor: typeof CONVEX_ACTOR;
}

/** A value in the log. */
export type AuditLogValue =
  | null
  | undefined
  | boolean
  | number
  | string
  | LogVars[keyof LogVars]
  | AuditLogValue[]
  | { [key: string]: AuditLogValue };

/** What is noted. */
export type AuditLogBody = { [key: string]: AuditLogValue };

/** The log of who did what. */
export const log = {
  /** Refused. */
  audit: async (_body: AuditLogBody): Promise<void> => {
    throw refusal("`log.audit`");
  },
  /** What stands for values that a server fills in. */
  vars: {
    requestId: REQUEST_ID,
    ip: IP,
    userAgent: USER_AGENT,
    now: NOW,
    convexActor: CONVEX_ACTOR,
  } as LogVars,
};

/** The services there are. */
export type ServiceName = "ai-gateway";

/** Refused. */
export async function getServiceToken(_service: ServiceName): Promise<string> {
  throw refusal("`getServiceToken`");
}

/** Refused. */
export async function getServiceUrl(_service: ServiceName): Promise<string> {
  throw refusal("`getServiceUrl`");
}
