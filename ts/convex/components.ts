/**
 * Components: apps and components can be defined, and references to the functions of components made. It takes a server to
 * install a component, so that a call of such a function is refused.
 */
import { invalidArgument } from "../arguments.js";
import type { Expand } from "../data_model.js";
import { describe } from "../describe.js";
import {
  type AnyFunctionReference,
  componentPathOf,
  COMPONENT_PATH,
  type DefaultFunctionArgs,
  type FunctionReference,
  type FunctionType,
  HANDLE_PREFIX,
  nameOfReference,
} from "../functions/reference.js";
import { refusal } from "../refusal.js";
import {
  type Infer,
  isValidator,
  type Validator,
  type VLiteral,
  type VOptional,
  type VString,
  type VUnion,
} from "../validators.js";

/** A reference to a function, as text. */
export type FunctionHandle<Type extends FunctionType, Args extends DefaultFunctionArgs = any, Returns = any> = string &
  FunctionReference<Type, "internal", Args, Returns>;

/** The same: references are compared in one way here. */
export type FunctionHandle_future<
  Type extends FunctionType,
  Args extends DefaultFunctionArgs = any,
  Returns = any,
> = FunctionHandle<Type, Args, Returns>;

/** Refused: only a server knows handles. */
export async function createFunctionHandle<Type extends FunctionType, Args extends DefaultFunctionArgs, Returns>(
  reference: FunctionReference<Type, "public" | "internal", Args, Returns>,
): Promise<FunctionHandle<Type, Args, Returns>> {
  getFunctionAddress(reference);
  throw refusal("`createFunctionHandle`");
}

/** How a server is told of a function: by its name, as a handle or as a component's. */
export function getFunctionAddress(
  reference: unknown,
): { functionHandle: string } | { name: string } | { reference: string } {
  if (typeof reference === "string" && reference.startsWith(HANDLE_PREFIX)) return { functionHandle: reference };
  const path = componentPathOf(reference);
  if (path !== undefined) return { reference: path };
  const name = nameOfReference(reference);
  if (name !== undefined) return { name };
  throw invalidArgument(`${describe(reference)} is not a functionReference`);
}

/** Values of the environment, which are texts. */
type StringLikeValidator =
  | VString<string, "required">
  | VLiteral<string, "required">
  | VUnion<string, Validator<any, "required", any>[], "required">;

/** Names of the environment, and what their values must be. */
export type EnvDefinition = Record<string, StringLikeValidator | VOptional<StringLikeValidator>>;

type OptionalNames<Env extends EnvDefinition> = {
  [Name in keyof Env]: Env[Name] extends Validator<any, "optional", any> ? Name : never;
}[keyof Env];
type RequiredNames<Env extends EnvDefinition> = Exclude<keyof Env, OptionalNames<Env>>;

/** The values of an environment. */
export type EnvFromDefinition<Env extends EnvDefinition> = Expand<
  { [Name in RequiredNames<Env>]: Infer<Env[Name]> } & { [Name in OptionalNames<Env>]?: Infer<Env[Name]> | undefined }
>;

/** The values of an app's environment. */
export type EnvFromAppDefinition<App> =
  App extends AppDefinition<infer Env> ? EnvFromDefinition<Env> : Record<string, never>;

type EnvReference<Name extends string = string> = { __envVarRef: Name };
type EnvReferences<Env extends EnvDefinition> = { [Name in keyof Env & string]: EnvReference<Name> };

type GivenEnv<Env extends EnvDefinition> = Expand<
  { [Name in RequiredNames<Env>]: Infer<Env[Name]> | EnvReference } & {
    [Name in OptionalNames<Env>]?: Infer<Env[Name]> | EnvReference | undefined;
  }
>;

type UseOptions<Env extends EnvDefinition> = { name?: string; httpPrefix?: string } & (RequiredNames<Env> extends never
  ? { env?: GivenEnv<Env> }
  : { env: GivenEnv<Env> });

type UseArgs<Definition extends ComponentDefinition<any, any>> =
  RequiredNames<Definition["__env"]> extends never
    ? [options?: UseOptions<Definition["__env"]>]
    : [options: UseOptions<Definition["__env"]>];

interface ComponentExports {
  [key: string]: AnyFunctionReference | ComponentExports;
}

/** A component that is a part of another or of an app. */
interface InstalledComponent<Definition extends ComponentDefinition<any, any>> {
  /** References to its functions. */
  readonly exports: Definition["__exports"];
}

/** An app and its components. */
export type AppDefinition<Env extends EnvDefinition = EnvDefinition> = {
  /** Notes a component as a part. */
  use<Definition extends ComponentDefinition<any, any>>(
    definition: Definition,
    ...args: UseArgs<Definition>
  ): InstalledComponent<Definition>;
  /** References to the environment. */
  env: EnvReferences<Env>;
  /** For the type checker only. */
  __env: Env;
};

/** A component and its parts. */
export type ComponentDefinition<
  Exports extends ComponentExports = any,
  Env extends EnvDefinition = {},
> = AppDefinition<Env> & {
  /** For the type checker only. */
  __exports: Exports;
};

/** Defines an app. */
export function defineApp<Env extends EnvDefinition = EnvDefinition>(options?: {
  httpPrefix?: string;
  env?: Env;
}): AppDefinition<Env> {
  checkPrefix(options?.httpPrefix);
  return definition({ _isRoot: true }, "defineApp", options?.env) as AppDefinition<Env>;
}

/** Defines a component. */
export function defineComponent<Exports extends ComponentExports = any, const Env extends EnvDefinition = {}>(
  name: string,
  options?: { env?: Env },
): ComponentDefinition<Exports, Env> {
  return definition({ _isRoot: false, _name: name }, "defineComponent", options?.env) as ComponentDefinition<
    Exports,
    Env
  >;
}

function definition(base: object, method: string, env: EnvDefinition | undefined): unknown {
  for (const [name, validator] of Object.entries(env ?? {})) {
    if (isValidator(validator)) continue;
    throw invalidArgument(`Environment variable "${name}" must be defined with a validator (e.g. v.string()).`);
  }
  const references = new Proxy(
    {},
    {
      get(_, name) {
        if (typeof name !== "string") return undefined;
        if (env !== undefined && Object.hasOwn(env, name)) return { __envVarRef: name };
        throw invalidArgument(`Env var "${name}" is not declared. Add it to the \`env\` option of ${method}.`);
      },
    },
  );
  return { ...base, env: references, use };
}

/** Notes nothing: what is imported is the component's own definition here, where a server has its path. */
function use(
  component: { _name?: unknown; defaultName?: unknown } | undefined,
  options?: { name?: string; httpPrefix?: string },
): unknown {
  const name = options?.name ?? component?._name ?? component?.defaultName ?? "component";
  if (typeof name !== "string") throw invalidArgument(`Component name must be a string. Received: ${typeof name}`);
  if (name === "") throw invalidArgument("Component name cannot be empty.");
  checkPrefix(options?.httpPrefix);
  return { exports: componentsAt([name]) };
}

function checkPrefix(prefix: string | undefined): void {
  if (prefix === undefined || prefix.startsWith("/")) return;
  throw invalidArgument(`httpPrefix must start with "/". Received: "${prefix}"`);
}

type AnyComponent = { [key: string]: AnyComponent } & AnyFunctionReference;

/** Components by their names, of which nothing is known. */
export type AnyChildComponents = Record<string, Record<string, AnyComponent>>;

/** The same. */
export type AnyComponents = AnyChildComponents;

function componentsAt(path: readonly string[]): unknown {
  return new Proxy(
    {},
    {
      get(_, key) {
        if (typeof key === "string") return componentsAt([...path, key]);
        if (key !== COMPONENT_PATH) return undefined;
        if (path.length > 0) return `_reference/childComponent/${path.join("/")}`;
        throw invalidArgument(
          "API path is expected to be of the form `components.childComponent.functionName`. Found: `components`",
        );
      },
    },
  );
}

/** References to the functions of components: to call one is refused. */
export const componentsGeneric = (): AnyChildComponents => componentsAt([]) as AnyChildComponents;

/** A reference to a function of Convex's own in a component. */
export function currentSystemUdfInComponent(componentId: string): Record<string, AnyComponent> {
  const path = `_reference/currentSystemUdfInComponent/${componentId}`;
  return { [COMPONENT_PATH]: path };
}
