/**
 * References to functions: `api.tasks.list` names a function without importing it. Convex's, so that generated `api`
 * objects work as they are, those of the `convex` package included.
 */
import { invalidArgument } from "../arguments.js";
import type { Expand } from "../data_model.js";
import { describe, describeError, shortened } from "../describe.js";
import { HoldfastError } from "../errors.js";
import type { EmptyObject, FunctionVisibility, RegisteredFunction } from "./registration.js";

/** The kinds of functions. */
export type FunctionType = "query" | "mutation" | "action";

/** The arguments of a function about which nothing is known. */
export type DefaultFunctionArgs = Record<string, unknown>;

/** A reference to a function, as the types have it. At run time it is an object that knows a name. */
export interface FunctionReference<
  Type extends FunctionType,
  Visibility extends FunctionVisibility = "public",
  Args extends DefaultFunctionArgs = any,
  ReturnType = any,
  ComponentPath = string | undefined,
> {
  /** For the type checker only. */
  _type: Type;
  /** For the type checker only. */
  _visibility: Visibility;
  /** For the type checker only. */
  _args: Args;
  /** For the type checker only. */
  _returnType: ReturnType;
  /** For the type checker only. */
  _componentPath: ComponentPath;
}

/** The same: Convex compares these more exactly than it does the others; here there is one way. */
export type FunctionReference_future<
  Type extends FunctionType,
  Visibility extends FunctionVisibility = "public",
  Args extends DefaultFunctionArgs = any,
  ReturnType = any,
  ComponentPath = string | undefined,
> = FunctionReference<Type, Visibility, Args, ReturnType, ComponentPath>;

/** A reference to any function. */
export type AnyFunctionReference = FunctionReference<any, any>;

/** The arguments of the function that a reference names. */
export type FunctionArgs<Reference extends AnyFunctionReference> = Reference["_args"];

/** What the function that a reference names answers. */
export type FunctionReturnType<Reference extends AnyFunctionReference> = Reference["_returnType"];

/** The arguments of a call: may be left out when there are none. */
export type OptionalRestArgs<Reference extends AnyFunctionReference> =
  FunctionArgs<Reference> extends EmptyObject ? [args?: EmptyObject] : [args: FunctionArgs<Reference>];

/** The arguments of a call and its options. */
export type ArgsAndOptions<Reference extends AnyFunctionReference, Options> =
  FunctionArgs<Reference> extends EmptyObject
    ? [args?: EmptyObject, options?: Options]
    : [args: FunctionArgs<Reference>, options?: Options];

/** What a caller gets: `undefined` arrives as `null`. */
export type ConvertReturnType<T> = UndefinedToNull<Awaited<T>>;
type UndefinedToNull<T> = T extends void ? null : T;

/** The reference to an exported function. */
export type FunctionReferenceFromExport<Export> =
  Export extends RegisteredFunction<infer Type, infer Visibility, infer Args, infer Returns>
    ? FunctionReference<Type, Visibility, Args, ConvertReturnType<Returns>>
    : never;

type FunctionReferencesInModule<Module extends Record<string, any>> = {
  -readonly [
    Name in keyof Module as Module[Name]["isConvexFunction"] extends true ? Name : never
  ]: FunctionReferenceFromExport<Module[Name]>;
};

type ApiForModule<Path extends string, Module extends object> = Path extends `${infer First}/${infer Rest}`
  ? { [_ in First]: ApiForModule<Rest, Module> }
  : { [_ in Path]: FunctionReferencesInModule<Module> };

type UnionToIntersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends (
  all: infer Intersection,
) => void
  ? Intersection
  : never;

type ExpandApi<Node> = Node extends AnyFunctionReference ? Node : { [Key in keyof Node]: ExpandApi<Node[Key]> };

/** The type of `api` for the modules of an app by their paths, as Convex's code generator writes it. */
export type ApiFromModules<Modules extends Record<string, object>> = FilterApi<
  ExpandApi<
    UnionToIntersection<{ [Path in keyof Modules]: ApiForModule<Path & string, Modules[Path]> }[keyof Modules]>
  >,
  AnyFunctionReference
>;

type KeyIfWanted<Key, Node, Predicate> = Node extends Predicate
  ? Key
  : Node extends AnyFunctionReference
    ? never
    : FilterApi<Node, Predicate> extends Record<string, never>
      ? never
      : Key;

/** The part of an API whose references are of one kind. */
export type FilterApi<Api, Predicate> = Expand<{
  [Key in keyof Api as KeyIfWanted<Key, Api[Key], Predicate>]: Api[Key] extends Predicate
    ? Api[Key]
    : FilterApi<Api[Key], Predicate>;
}>;

/** An API of which nothing is known. */
export type AnyApi = Record<string, Record<string, AnyModuleOrFunction>>;
type AnyModuleOrFunction = { [key: string]: AnyModuleOrFunction } & AnyFunctionReference;

/** A part of an API. */
export type PartialApi<Api> = {
  [Key in keyof Api]?: Api[Key] extends AnyFunctionReference ? Api[Key] : PartialApi<Api[Key]>;
};

/** Where a reference keeps its function's name; the same symbol in all copies of all packages. */
const NAME = Symbol.for("functionName");

/** Where a reference to a component's function keeps which one that is; the same symbol in all copies, too. */
export const COMPONENT_PATH = Symbol.for("toReferencePath");

/** How references begin that are texts a server has made. */
export const HANDLE_PREFIX = "function://";

function apiAt(path: readonly string[]): unknown {
  return new Proxy(
    {},
    {
      get(_, key) {
        if (typeof key === "string") return apiAt([...path, key]);
        if (key === NAME) return nameAt(path);
        return key === Symbol.toStringTag ? "FunctionReference" : undefined;
      },
    },
  );
}

function nameAt(path: readonly string[]): string {
  if (path.length < 2) {
    throw invalidArgument(
      "API path is expected to be of the form `api.moduleName.functionName`. " +
        `Found: \`${["api", ...path].join(".")}\``,
    );
  }
  const name = path.at(-1)!;
  const module = path.slice(0, -1).join("/");
  return name === "default" ? module : `${module}:${name}`;
}

/** All references: `anyApi.tasks.list` names `list` in the module `tasks`. */
export const anyApi = /* @__PURE__ */ apiAt([]) as AnyApi;

/** A reference to a function by its name, as in `"tasks:list"`. */
export function makeFunctionReference<Type extends FunctionType, Args extends DefaultFunctionArgs = any, Returns = any>(
  name: string,
): FunctionReference<Type, "public", Args, Returns> {
  return { [NAME]: name } as unknown as FunctionReference<Type, "public", Args, Returns>;
}

/** The name of a function that a reference stands for, as in `"tasks:list"`. */
export function getFunctionName(reference: AnyFunctionReference | string): string {
  const name = nameOfReference(reference);
  if (name?.startsWith(HANDLE_PREFIX)) throw notOurs(`function handle ${shortened(name)}`);
  if (name !== undefined) return name;
  const path = componentPathOf(reference);
  if (path !== undefined) throw notOurs(`reference ${shortened(path)}`);
  throw invalidArgument(`${describe(reference)} is not a functionReference`);
}

function notOurs(what: string): HoldfastError {
  return invalidArgument(
    `Expected function reference like "api.file.func" or "internal.file.func", but received ${what}`,
  );
}

/** The name, if it is a reference or the name itself. */
export function nameOfReference(reference: unknown): string | undefined {
  return typeof reference === "string" ? reference : propertyOf(reference, NAME);
}

/** Which function of a component is meant, if it is a reference to one. */
export function componentPathOf(reference: unknown): string | undefined {
  return propertyOf(reference, COMPONENT_PATH);
}

function propertyOf(reference: unknown, key: symbol): string | undefined {
  if (reference === null || (typeof reference !== "object" && typeof reference !== "function")) return undefined;
  let text: unknown;
  try {
    text = (reference as Record<symbol, unknown>)[key];
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError("InvalidArgument", `The reference can't be read: ${describeError(cause)}`, { cause });
  }
  return typeof text === "string" && text !== "" ? text : undefined;
}

/** The same API with a narrower type. */
export function filterApi<Api, Predicate>(api: Api): FilterApi<Api, Predicate> {
  return api as unknown as FilterApi<Api, Predicate>;
}

/** A type that the place where this stands has no say in: it is the function's, and an argument too many is refused. */
export type Settled<T> = [T][T extends any ? 0 : never];
