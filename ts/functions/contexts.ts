/**
 * Makes the `ctx` of functions. What finds and runs functions is loaded when the first one is run.
 */
import type { Bridge } from "../bridge.js";
import { HoldfastError } from "../errors.js";
import { loadPart } from "../load_part.js";
import type { Scope } from "../scope.js";
import { TransactionDatabase, TransactionReader } from "../transactions.js";
import type { Functions } from "./calls.js";
import type { UserIdentity } from "./context.js";
import type { FunctionModules } from "./registry.js";

/** Who uses the app, or what finds that out. */
export type IdentityOption = UserIdentity | null | (() => UserIdentity | null | Promise<UserIdentity | null>);

/** Makes what functions of one database get. */
export class Contexts {
  readonly #bridge: Bridge;
  readonly #modules: FunctionModules;
  readonly #identity: IdentityOption | undefined;
  readonly #auth = { getUserIdentity: () => this.#userIdentity() };
  #functions: Promise<Functions> | undefined;

  constructor(bridge: Bridge, modules: FunctionModules, identity: IdentityOption | undefined) {
    this.#bridge = bridge;
    this.#modules = modules;
    this.#identity = identity;
    // Who gives modules will run their functions.
    if (Object.keys(modules).length > 0) this.functions().catch(() => undefined);
  }

  /** What runs functions. */
  functions(): Promise<Functions> {
    this.#functions ??= loadPart(() => import("./calls.js"), "runs functions").then(
      ({ Functions }) => new Functions(this.#bridge, this.#modules, this),
      (error: unknown) => {
        this.#functions = undefined;
        throw error;
      },
    );
    return this.#functions;
  }

  /** The `ctx` of a read, whose `db` says that it does not write. */
  ofRead(scope: Scope): object {
    return { ...this.ofQuery(scope), db: new TransactionDatabase(this.#bridge, scope) };
  }

  /** The `ctx` of a query. */
  ofQuery(scope: Scope): object {
    return {
      db: new TransactionReader(this.#bridge, scope),
      auth: this.#auth,
      storage: STORAGE,
      runQuery: (reference: unknown, given?: unknown) => this.#runQuery(scope, reference, given),
    };
  }

  /** The `ctx` of a mutation. */
  ofMutation(scope: Scope): object {
    return {
      db: new TransactionDatabase(this.#bridge, scope),
      auth: this.#auth,
      storage: STORAGE,
      scheduler: SCHEDULER,
      runQuery: (reference: unknown, given?: unknown) => this.#runQuery(scope, reference, given),
      runMutation: (reference: unknown, given?: unknown) =>
        scope.part(async (inner) => (await this.functions()).runMutation(inner, reference, given)),
    };
  }

  async #runQuery(scope: Scope, reference: unknown, given: unknown): Promise<unknown> {
    const functions = await this.functions();
    await scope.turn();
    scope.check();
    return functions.runQuery(scope, reference, given);
  }

  async #userIdentity(): Promise<UserIdentity | null> {
    const identity = this.#identity;
    if (identity === undefined) {
      throw refusal("`ctx.auth.getUserIdentity`", "or the option `identity` of `openDatabase`");
    }
    return typeof identity === "function" ? identity() : identity;
  }
}

/** The error of what needs a server. */
export function refusal(what: string, other = ""): HoldfastError {
  return new HoldfastError(
    "NotSupported",
    `${what} needs a Convex server${other && ` ${other}`}: Holdfast runs queries and mutations on the device.`,
  );
}

/** An object whose methods refuse to be called. */
function refusing(what: string, methods: readonly string[]): object {
  const refuse = (method: string) => async () => {
    throw refusal(`\`${what}.${method}\``);
  };
  return Object.fromEntries(methods.map((method) => [method, refuse(method)]));
}

const STORAGE = /* @__PURE__ */ refusing("ctx.storage", ["getUrl", "getMetadata", "generateUploadUrl", "delete"]);
const SCHEDULER = /* @__PURE__ */ refusing("ctx.scheduler", ["runAfter", "runAt", "cancel"]);
