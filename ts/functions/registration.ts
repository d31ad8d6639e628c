/**
 * Functions of an app: `query({ args, returns, handler })` and `mutation({ … })`. Convex's builders; what they make runs
 * on the device by `db.run`.
 */
import { invalidArgument } from "../arguments.js";
import { isSimpleObject } from "../checked.js";
import type { GenericDataModel } from "../data_model.js";
import { describe } from "../describe.js";
import { asObjectValidator } from "../v.js";
import {
  type GenericValidator,
  type Infer,
  type ObjectType,
  type PropertyValidators,
  type Validator,
  type ValidatorJson,
} from "../validators.js";
import type {
  GenericActionCtx,
  GenericMutationCtx,
  GenericMutationCtxWithTable,
  GenericQueryCtx,
  GenericQueryCtxWithTable,
} from "./context.js";
import type { DefaultFunctionArgs, FunctionType } from "./reference.js";

/** Whether a function may be called from outside. On the device everything is inside; the types keep the difference. */
export type FunctionVisibility = "public" | "internal";

/** An object without fields. */
export type EmptyObject = Record<string, never>;

type VisibilityProperties<Visibility extends FunctionVisibility> = {
  /** For the type checker only. */
  _visibility: Visibility;
} & (Visibility extends "public" ? { isPublic: true } : { isInternal: true });

type CtxOf<Type extends FunctionType> = Type extends "query"
  ? GenericQueryCtx<any>
  : Type extends "mutation"
    ? GenericMutationCtx<any>
    : GenericActionCtx<any>;

type KindProperties<Type extends FunctionType> = Type extends "query"
  ? { isQuery: true }
  : Type extends "mutation"
    ? { isMutation: true }
    : { isAction: true };

/** A function as its builder has made it. */
export type RegisteredFunction<
  Type extends FunctionType,
  Visibility extends FunctionVisibility,
  Args extends DefaultFunctionArgs,
  Returns,
> = {
  /** Always true. */
  isConvexFunction: true;
  /** @internal The validator of its arguments, exported as JSON text. */
  exportArgs(): string;
  /** @internal The validator of its result, exported as JSON text; `null` when there is none. */
  exportReturns(): string;
  /** The function itself, by which the type checker knows arguments and result: it has to be in the declarations. */
  _handler: (ctx: CtxOf<Type>, args: Args) => Returns;
} & KindProperties<Type> &
  VisibilityProperties<Visibility>;

/** A query. */
export type RegisteredQuery<
  Visibility extends FunctionVisibility,
  Args extends DefaultFunctionArgs,
  Returns,
> = RegisteredFunction<"query", Visibility, Args, Returns>;

/** A mutation. */
export type RegisteredMutation<
  Visibility extends FunctionVisibility,
  Args extends DefaultFunctionArgs,
  Returns,
> = RegisteredFunction<"mutation", Visibility, Args, Returns>;

/** An action: it needs a server, so that it can be defined and not be run. */
export type RegisteredAction<
  Visibility extends FunctionVisibility,
  Args extends DefaultFunctionArgs,
  Returns,
> = RegisteredFunction<"action", Visibility, Args, Returns>;

/** An HTTP action: it needs a server. */
export interface PublicHttpAction {
  /** Always true. */
  isHttp: true;
}

/**
 * A query or mutation as the `convex` package declares it: arguments and result are not in its type. A reference to it,
 * as in `api.tasks.list`, has them.
 */
export type ForeignFunction = {
  /** Always true. */
  isConvexFunction: true;
  /** Ours have it in their types, and are not meant. */
  _handler?: never;
} & ({ isQuery: true } | { isMutation: true });

type OneArgArray<Args extends DefaultFunctionArgs = DefaultFunctionArgs> = [Args];

/** The arguments of a handler behind its context. */
export type ArgsArray = OneArgArray | [];

/** The arguments of a handler as an object. */
export type ArgsArrayToObject<Args extends ArgsArray> = Args extends OneArgArray<infer Fields> ? Fields : EmptyObject;

type AnyArgsValidator = PropertyValidators | Validator<any, "required", any> | void;

type NullToUndefinedOrNull<T> = T extends null ? T | undefined | void : T;

/** What a handler may answer where the result is validated as `T`. */
export type ValidatorTypeToReturnType<T> = Promise<NullToUndefinedOrNull<T>> | NullToUndefinedOrNull<T>;

/** What a handler may answer. */
export type ReturnValueForOptionalValidator<Returns extends Validator<any, any, any> | PropertyValidators | void> = [
  Returns,
] extends [Validator<any, any, any>]
  ? ValidatorTypeToReturnType<Infer<Returns>>
  : [Returns] extends [PropertyValidators]
    ? ValidatorTypeToReturnType<ObjectType<Returns>>
    : any;

/** What a handler may be given. */
export type ArgsArrayForOptionalValidator<Args extends GenericValidator | PropertyValidators | void> = [Args] extends [
  Validator<any, any, any>,
]
  ? OneArgArray<Infer<Args>>
  : [Args] extends [PropertyValidators]
    ? OneArgArray<ObjectType<Args>>
    : ArgsArray;

/** What a handler is given when it doesn't say. */
export type DefaultArgsForOptionalValidator<Args extends GenericValidator | PropertyValidators | void> = [
  Args,
] extends [Validator<any, any, any>]
  ? [Infer<Args>]
  : [Args] extends [PropertyValidators]
    ? [ObjectType<Args>]
    : OneArgArray;

/** Makes functions of one kind: of `{ args, returns, handler }`, or of the handler alone. */
export interface FunctionBuilder<Type extends FunctionType, Ctx, Visibility extends FunctionVisibility> {
  <
    Args extends AnyArgsValidator,
    Returns extends AnyArgsValidator,
    ReturnValue extends ReturnValueForOptionalValidator<Returns> = any,
    OneOrZeroArgs extends ArgsArrayForOptionalValidator<Args> = DefaultArgsForOptionalValidator<Args>,
  >(
    definition:
      | { args?: Args; returns?: Returns; handler: (ctx: Ctx, ...args: OneOrZeroArgs) => ReturnValue }
      | { (ctx: Ctx, ...args: OneOrZeroArgs): ReturnValue },
  ): RegisteredFunction<Type, Visibility, ArgsArrayToObject<OneOrZeroArgs>, ReturnValue>;
}

/** Makes queries. */
export type QueryBuilder<DataModel extends GenericDataModel, Visibility extends FunctionVisibility> = FunctionBuilder<
  "query",
  GenericQueryCtx<DataModel>,
  Visibility
>;

/** Makes mutations. */
export type MutationBuilder<
  DataModel extends GenericDataModel,
  Visibility extends FunctionVisibility,
> = FunctionBuilder<"mutation", GenericMutationCtx<DataModel>, Visibility>;

/** Makes actions. */
export type ActionBuilder<DataModel extends GenericDataModel, Visibility extends FunctionVisibility> = FunctionBuilder<
  "action",
  GenericActionCtx<DataModel>,
  Visibility
>;

/** Makes queries whose documents are reached by `ctx.db.table` alone. */
export type QueryBuilderWithTable<
  DataModel extends GenericDataModel,
  Visibility extends FunctionVisibility,
> = FunctionBuilder<"query", GenericQueryCtxWithTable<DataModel>, Visibility>;

/** Makes mutations whose documents are reached by `ctx.db.table` alone. */
export type MutationBuilderWithTable<
  DataModel extends GenericDataModel,
  Visibility extends FunctionVisibility,
> = FunctionBuilder<"mutation", GenericMutationCtxWithTable<DataModel>, Visibility>;

/** A function as it is defined without validators. */
export type UnvalidatedFunction<Ctx, Args extends ArgsArray, Returns> =
  ((ctx: Ctx, ...args: Args) => Returns) | { handler: (ctx: Ctx, ...args: Args) => Returns };

/** A function as it is defined with validators of its arguments. */
export interface ValidatedFunction<Ctx, ArgsValidator extends PropertyValidators, Returns> {
  /** What the arguments must be. */
  args: ArgsValidator;
  /** The function itself. */
  handler: (ctx: Ctx, args: ObjectType<ArgsValidator>) => Returns;
}

/** Makes HTTP actions. */
export type HttpActionBuilder = (
  handler: (ctx: GenericActionCtx<any>, request: Request) => Promise<Response>,
) => PublicHttpAction;

const KINDS = { query: "isQuery", mutation: "isMutation", action: "isAction" } as const;

/** A function as `db.run` sees it, ours or one that the `convex` package has made. */
export interface Callable {
  readonly type: FunctionType;
  readonly handler: (ctx: unknown, args: unknown) => unknown;
  /** The validator of its arguments; `any` when it has none. */
  readonly args: ValidatorJson;
  readonly returns: ValidatorJson | null;
}

/** What something exported is as a function; undefined if it is none. */
export function callableOf(exported: unknown): Callable | undefined {
  if (typeof exported !== "function") return undefined;
  const registered = exported as unknown as Partial<Record<string, unknown>>;
  const type = (["query", "mutation", "action"] as const).find((each) => registered[KINDS[each]] === true);
  const { exportArgs, exportReturns, _handler: handler } = registered;
  if (type === undefined || typeof handler !== "function" || typeof exportArgs !== "function") return undefined;
  const returns = typeof exportReturns === "function" ? (exportReturns as () => string)() : "null";
  return {
    type,
    handler: handler as Callable["handler"],
    args: JSON.parse((exportArgs as () => string)()) as ValidatorJson,
    returns: JSON.parse(returns) as ValidatorJson | null,
  };
}

function builderOf(type: FunctionType, visibility: FunctionVisibility): unknown {
  const name = visibility === "public" ? type : `internal${type[0]!.toUpperCase()}${type.slice(1)}`;
  return (definition: unknown) => {
    const { handler, args, returns } = readDefinition(name, definition);
    // Convex lets a function be called like any other, too: then nothing is validated.
    const registered = (ctx: unknown, input: unknown): unknown => handler(ctx, input);
    return Object.assign(registered, {
      isConvexFunction: true,
      [KINDS[type]]: true,
      [visibility === "public" ? "isPublic" : "isInternal"]: true,
      exportArgs: () => JSON.stringify(args === undefined ? { type: "any" } : jsonOf(args)),
      exportReturns: () => JSON.stringify(returns === undefined ? null : jsonOf(returns)),
      _handler: handler,
    });
  };
}

type AnyDefinition = {
  handler: (ctx: unknown, args: unknown) => unknown;
  args?: GenericValidator | PropertyValidators;
  returns?: GenericValidator | PropertyValidators;
};

function readDefinition(name: string, definition: unknown): AnyDefinition {
  if (typeof definition === "function") return { handler: definition as AnyDefinition["handler"] };
  const given = typeof definition === "object" && definition !== null && isSimpleObject(definition) ? definition : {};
  if (typeof given["handler"] === "function") return given as AnyDefinition;
  throw invalidArgument(
    `\`${name}\` takes a function, or an object with a \`handler\`, \`args\` and \`returns\`. Received ${describe(definition)}.`,
  );
}

/** Exported late: modules that import each other in a circle are whole by then. */
function jsonOf(validator: GenericValidator | PropertyValidators): ValidatorJson {
  return (asObjectValidator(validator) as GenericValidator).json;
}

/** Makes a query that anybody may call. */
export const queryGeneric = /* @__PURE__ */ builderOf("query", "public") as QueryBuilder<any, "public">;
/** Makes a query for other functions. */
export const internalQueryGeneric = /* @__PURE__ */ builderOf("query", "internal") as QueryBuilder<any, "internal">;
/** Makes a mutation that anybody may call. */
export const mutationGeneric = /* @__PURE__ */ builderOf("mutation", "public") as MutationBuilder<any, "public">;
/** Makes a mutation for other functions. */
export const internalMutationGeneric = /* @__PURE__ */ builderOf("mutation", "internal") as MutationBuilder<
  any,
  "internal"
>;
/** Makes an action, which needs a server: it is refused when it is called. */
export const actionGeneric = /* @__PURE__ */ builderOf("action", "public") as ActionBuilder<any, "public">;
/** Makes an action, which needs a server: it is refused when it is called. */
export const internalActionGeneric = /* @__PURE__ */ builderOf("action", "internal") as ActionBuilder<any, "internal">;

/** Makes an HTTP action, which needs a server: nothing here ever calls it. */
export const httpActionGeneric: HttpActionBuilder = (handler) =>
  Object.assign((ctx: never, request: never) => handler(ctx, request), { isHttp: true as const, _handler: handler });
