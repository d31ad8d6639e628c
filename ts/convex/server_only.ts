/**
 * Parts of a Convex app that only a server runs: routes, cron jobs and components. Here they can be written down, so that
 * the files that do so load; nothing ever runs them.
 */
import type { PublicHttpAction } from "../functions/registration.js";

/** The methods of HTTP that can be routed. */
export const ROUTABLE_HTTP_METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] as const;

/** A method of HTTP. */
export type RoutableMethod = (typeof ROUTABLE_HTTP_METHODS)[number];

/** Where an HTTP action is to be found. */
export type RouteSpec = { method: RoutableMethod; handler: PublicHttpAction } & (
  { path: string } | { pathPrefix: string }
);

/** Routes, which nobody takes here. */
export class HttpRouter {
  /** Always true. */
  readonly isRouter = true;
  readonly #routes: RouteSpec[] = [];

  /** Notes a route. */
  route = (spec: RouteSpec): void => {
    this.#routes.push(spec);
  };

  /** What was noted. */
  getRoutes = (): (readonly [string, RoutableMethod, PublicHttpAction])[] =>
    this.#routes.map((spec) => ["path" in spec ? spec.path : `${spec.pathPrefix}*`, spec.method, spec.handler]);
}

/** Makes an {@link HttpRouter}. */
export const httpRouter = (): HttpRouter => new HttpRouter();

/** Cron jobs, which nobody starts here. */
export interface Crons {
  /** Always true. */
  readonly isCrons: true;
  /** Does nothing here. */
  interval(name: string, ...schedule: unknown[]): void;
  /** Does nothing here. */
  hourly(name: string, ...schedule: unknown[]): void;
  /** Does nothing here. */
  daily(name: string, ...schedule: unknown[]): void;
  /** Does nothing here. */
  weekly(name: string, ...schedule: unknown[]): void;
  /** Does nothing here. */
  monthly(name: string, ...schedule: unknown[]): void;
  /** Does nothing here. */
  cron(name: string, ...schedule: unknown[]): void;
}

/** Makes {@link Crons}. */
export function cronJobs(): Crons {
  const ignore = (): void => undefined;
  return {
    isCrons: true,
    interval: ignore,
    hourly: ignore,
    daily: ignore,
    weekly: ignore,
    monthly: ignore,
    cron: ignore,
  };
}

/** Components by their names. */
export type AnyComponents = Record<string, any>;

/** References to the functions of components, of which there are none here. */
export const componentsGeneric = (): AnyComponents => ({});
