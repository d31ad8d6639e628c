/**
 * HTTP routes: they can be written down and looked up; nobody takes them here.
 */
import { invalidArgument } from "../arguments.js";
import { describe } from "../describe.js";
import type { PublicHttpAction } from "../functions/registration.js";
import { refusal } from "../refusal.js";

/** The methods of HTTP that can be routed. */
export const ROUTABLE_HTTP_METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] as const;

/** A method of HTTP. */
export type RoutableMethod = (typeof ROUTABLE_HTTP_METHODS)[number];

/** Where an HTTP action is to be found: at one path. */
export type RouteSpecWithPath = { path: string; method: RoutableMethod; handler: PublicHttpAction };

/** Where an HTTP action is to be found: at all paths that begin so. */
export type RouteSpecWithPathPrefix = { pathPrefix: string; method: RoutableMethod; handler: PublicHttpAction };

/** Where an HTTP action is to be found. */
export type RouteSpec = RouteSpecWithPath | RouteSpecWithPathPrefix;

type Actions = Map<string, Map<RoutableMethod, PublicHttpAction>>;

/** Routes, which nobody takes here. Checked as Convex checks them. */
export class HttpRouter {
  /** Actions by their paths and methods. */
  exactRoutes: Actions = new Map();
  /** Actions by their methods and the beginnings of paths. */
  prefixRoutes = new Map<RoutableMethod, Map<string, PublicHttpAction>>();
  /** Always true. */
  isRouter = true as const;

  /** Notes a route. */
  route = (spec: RouteSpec): void => {
    const { method, handler } = spec;
    if (!handler) throw invalidArgument("route requires handler");
    if (!method) throw invalidArgument("route requires method");
    if (!ROUTABLE_HTTP_METHODS.includes(method)) {
      throw invalidArgument(`${describe(method)} is not an allowed HTTP method (like GET, POST, PUT etc.)`);
    }
    if ("path" in spec && "pathPrefix" in spec) {
      throw invalidArgument("Invalid httpRouter route: cannot contain both 'path' and 'pathPrefix'");
    }
    if ("path" in spec) {
      const path = checkedPath("path", spec.path);
      const methods = innerMap(this.exactRoutes, path);
      if (methods.has(method)) throw invalidArgument(`Path '${path}' for method ${method} already in use`);
      methods.set(method, handler);
      return;
    }
    if (!("pathPrefix" in spec)) {
      throw invalidArgument("Invalid httpRouter route entry: must contain either field 'path' or 'pathPrefix'");
    }
    const prefix = checkedPath("pathPrefix", spec.pathPrefix);
    if (!prefix.endsWith("/")) throw invalidArgument(`pathPrefix ${prefix} must end with a /`);
    const prefixes = innerMap(this.prefixRoutes, method);
    if (prefixes.has(prefix)) throw invalidArgument(`${method} pathPrefix ${prefix} is already defined`);
    prefixes.set(prefix, handler);
  };

  /** What was noted: paths in order, then beginnings with a `*` by their methods. */
  getRoutes = (): (readonly [string, RoutableMethod, PublicHttpAction])[] => [
    ...flattened(this.exactRoutes).map(([path, method, handler]) => [path, method, handler] as const),
    ...flattened(this.prefixRoutes).map(([method, prefix, handler]) => [`${prefix}*`, method, handler] as const),
  ];

  /** The action of a path, and its route; the longest beginning wins. */
  lookup = (
    path: string,
    wanted: RoutableMethod | "HEAD",
  ): readonly [PublicHttpAction, RoutableMethod, string] | null => {
    const method = wanted === "HEAD" ? "GET" : wanted;
    const exact = this.exactRoutes.get(path)?.get(method);
    if (exact !== undefined) return [exact, method, path];
    let longest: readonly [PublicHttpAction, RoutableMethod, string] | null = null;
    for (const [prefix, handler] of this.prefixRoutes.get(method) ?? []) {
      if (path.startsWith(prefix) && prefix.length >= (longest?.[2].length ?? 0)) {
        longest = [handler, method, `${prefix}*`];
      }
    }
    return longest;
  };

  /** Refused: it takes a server to answer requests. */
  runRequest = async (_request: string, _route: string): Promise<string> => {
    throw refusal("`HttpRouter.runRequest`");
  };
}

/** Makes an {@link HttpRouter}. */
export const httpRouter = (): HttpRouter => new HttpRouter();

function checkedPath(name: string, path: unknown): string {
  if (typeof path !== "string" || !path.startsWith("/")) {
    throw invalidArgument(`${name} '${typeof path === "string" ? path : describe(path)}' does not start with a /`);
  }
  if (path === "/.files" || path.startsWith("/.files/")) throw invalidArgument(`${name} '${path}' is reserved`);
  return path;
}

function innerMap<Key, Inner, Value>(outer: Map<Key, Map<Inner, Value>>, key: Key): Map<Inner, Value> {
  let inner = outer.get(key);
  if (inner === undefined) outer.set(key, (inner = new Map<Inner, Value>()));
  return inner;
}

function flattened<Key, Inner, Value>(outer: Map<Key, Map<Inner, Value>>): [Key, Inner, Value][] {
  return [...outer.keys()]
    .sort()
    .flatMap((key) =>
      [...outer.get(key)!.keys()].sort().map((inner): [Key, Inner, Value] => [key, inner, outer.get(key)!.get(inner)!]),
    );
}
