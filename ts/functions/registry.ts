/**
 * The functions of an app by their names: what `import.meta.glob` gives for the modules of its `convex` folder, looked
 * through when one is called.
 */
import { invalidArgument } from "../arguments.js";
import { describe, describeError } from "../describe.js";
import { HoldfastError } from "../errors.js";
import { refusal } from "../refusal.js";
import { type Callable, callableOf } from "./registration.js";
import { componentPathOf, HANDLE_PREFIX, nameOfReference } from "./reference.js";

/** A module, or what loads it. */
export type FunctionModule = object | (() => Promise<object>);

/** Modules by their paths, as `import.meta.glob` gives them, loaded or to be loaded. */
export type FunctionModules = Readonly<Record<string, FunctionModule>>;

/** A function that can be run, and what it is called in errors. */
export interface NamedCallable extends Callable {
  readonly name: string;
}

const EXTENSION = /\.(?:[cm]?[jt]sx?)$/;
const NOT_A_MODULE = /(?:^|\/)_generated\/|\.d\.[cm]?ts$|\.(?:test|spec|config)\.[cm]?[jt]sx?$/;

/** Looks functions up. */
export class FunctionRegistry {
  /** Modules by their names, such as `tasks` or `lib/tasks`. */
  readonly #modules = new Map<string, unknown>();
  /** Functions by what was exported; functions that the app hands over are here too. */
  readonly #callables = new WeakMap<object, NamedCallable>();

  constructor(modules: FunctionModules) {
    const paths = Object.keys(modules);
    const root = rootOf(paths);
    const named = new Map<string, string>();
    for (const path of paths) {
      if (NOT_A_MODULE.test(path)) continue;
      const name = path.slice(root.length).replace(EXTENSION, "");
      const other = named.get(name);
      if (other !== undefined) {
        throw invalidArgument(`\`functions\` has two modules of the name "${name}": "${other}" and "${path}".`);
      }
      named.set(name, path);
      this.#modules.set(name, modules[path]);
    }
  }

  /** The function that is meant: itself, a reference to it, or its name. */
  async find(meant: unknown): Promise<NamedCallable> {
    if (typeof meant === "function") {
      const own = this.#callable(meant, describeFunction(meant));
      if (own !== undefined) return own;
    }
    const component = componentPathOf(meant);
    if (component !== undefined)
      throw refusal(`The function "${component.split("/").slice(2).join(".")}" of a component`);
    const name = nameOfReference(meant);
    if (name?.startsWith(HANDLE_PREFIX)) throw refusal(`The function handle ${describe(name)}`);
    if (name === undefined) {
      throw invalidArgument(
        "What is to be run must be a function made by `query` or `mutation`, or a reference to one, such as " +
          `\`api.tasks.list\`. Received ${typeof meant === "function" ? "another function" : describe(meant)}.`,
      );
    }
    const [moduleName, exportName] = split(name);
    const module = await this.#module(moduleName, name);
    const exported: unknown = Object.hasOwn(module, exportName) ? module[exportName] : undefined;
    const found = typeof exported === "function" ? this.#callable(exported, name) : undefined;
    if (found !== undefined) return found;
    const others = Object.keys(module).filter((key) => callableOf(module[key]) !== undefined);
    throw notFound(
      name,
      others.length === 0 ? `The module "${moduleName}" has no functions.` : `The module has: ${others.join(", ")}.`,
    );
  }

  async #module(moduleName: string, name: string): Promise<Record<string, unknown>> {
    const module = this.#modules.get(moduleName);
    if (!this.#modules.has(moduleName)) {
      const names = [...this.#modules.keys()];
      throw notFound(
        name,
        names.length === 0
          ? "Give `openDatabase` the app's modules: `functions: import.meta.glob([…])`, as in docs/convex.md."
          : `There is no module "${moduleName}". Modules: ${names.join(", ")}.`,
      );
    }
    let loaded = module;
    try {
      if (typeof module === "function") loaded = await (module as () => Promise<unknown>)();
    } catch (cause) {
      const message = `The module "${moduleName}" could not be loaded: ${describeError(cause)}`;
      throw new HoldfastError("FunctionNotFound", message, { cause, retryable: true, details: { function: name } });
    }
    if (typeof loaded === "object" && loaded !== null) {
      // A loader takes its time even for what it has: longer than until the next frame.
      this.#modules.set(moduleName, loaded);
      return loaded as Record<string, unknown>;
    }
    throw notFound(name, `The module "${moduleName}" has no exports: it is ${describe(loaded)}.`);
  }

  #callable(exported: object, name: string): NamedCallable | undefined {
    let callable = this.#callables.get(exported);
    if (callable === undefined) {
      const found = callableOf(exported);
      if (found === undefined) return undefined;
      callable = { ...found, name };
      this.#callables.set(exported, callable);
    }
    return callable;
  }
}

/** A name's module and export: of `lib/tasks:list`; one without a colon is the default export. */
function split(name: string): [string, string] {
  const colon = name.lastIndexOf(":");
  const path = colon < 0 ? name : name.slice(0, colon);
  return [path.replace(EXTENSION, ""), colon < 0 ? "default" : name.slice(colon + 1)];
}

/**
 * Where module names begin in paths: behind the folder that has `_generated` and all modules, else behind what all have in
 * common. A component in a folder of its own has a `_generated`, too.
 */
function rootOf(paths: readonly string[]): string {
  const withGenerated = paths.flatMap((path) => {
    const found = /^(?:.*?\/)??(?=_generated\/)/.exec(path);
    return found === null ? [] : [found[0]];
  });
  const [outermost] = withGenerated.sort((a, b) => a.length - b.length);
  if (outermost !== undefined && paths.every((path) => path.startsWith(outermost))) return outermost;
  let root = paths[0] ?? "";
  for (const path of paths) while (!path.startsWith(root)) root = root.slice(0, -1);
  root = root.slice(0, root.lastIndexOf("/") + 1);
  // With a single folder of modules in it, what all have in common is too much.
  const folder = /^(?:.*\/)?convex\//.exec(root);
  return folder === null ? root : folder[0];
}

function describeFunction(meant: { name?: unknown }): string {
  return typeof meant.name === "string" && meant.name !== "" && meant.name !== "registered" ? meant.name : "a function";
}

function notFound(name: string, why: string): HoldfastError {
  return new HoldfastError("FunctionNotFound", `Could not find function '${name}'. ${why}`, {
    details: { function: name },
  });
}
