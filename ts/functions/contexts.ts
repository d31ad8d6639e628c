/**
 * Makes the `ctx` of functions. What finds and runs functions is loaded when the first one is run.
 */
import { invalidArgument } from "../arguments.js";
import type { Bridge } from "../bridge.js";
import { checkedCopy, isSimpleObject } from "../checked.js";
import type { Value } from "../data_model.js";
import { describe } from "../describe.js";
import { HoldfastError, rejected } from "../errors.js";
import { loadPart } from "../load_part.js";
import { refusal } from "../refusal.js";
import type { Scope } from "../scope.js";
import { TransactionDatabase, TransactionReader } from "../transactions.js";
import type { Functions } from "./calls.js";
import type { UserIdentity } from "./context.js";
import type { FunctionModules } from "./registry.js";

/** Who uses the app, or what finds that out. */
export type IdentityOption = UserIdentity | null | (() => UserIdentity | null | Promise<UserIdentity | null>);

/** The arguments of a call. */
export type Arguments = Record<string, Value>;

/** Makes what functions of one database get. */
export class Contexts {
  readonly #bridge: Bridge;
  readonly #modules: FunctionModules;
  readonly #identity: IdentityOption | undefined;
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
    return this.#context(scope, new TransactionDatabase(this.#bridge, scope));
  }

  /** The `ctx` of a query. */
  ofQuery(scope: Scope): object {
    return this.#context(scope, new TransactionReader(this.#bridge, scope));
  }

  /** The `ctx` of a mutation. */
  ofMutation(scope: Scope): object {
    return Object.assign(this.#context(scope, new TransactionDatabase(this.#bridge, scope)), {
      scheduler: refusing(scope, "ctx.scheduler", SCHEDULER),
      runMutation: (reference: unknown, given?: unknown) => {
        const copy = copyOfArguments(given);
        return scope.part(async (inner) => (await this.functions()).runMutation(inner, reference, copy));
      },
    });
  }

  /** Most functions need the documents alone: the rest is made when somebody looks for it. */
  #context(scope: Scope, db: TransactionReader): object {
    const getUserIdentity = () => scope.writes.call(this.#userIdentity());
    return {
      db,
      get auth() {
        return { getUserIdentity, ...refusing(scope, "ctx.auth", ["signJwt"]) };
      },
      get storage() {
        return refusing(scope, "ctx.storage", STORAGE);
      },
      get meta() {
        return { ...refusing(scope, "ctx.meta", META), getSnapshotTs };
      },
      runQuery: (reference: unknown, given?: unknown) => {
        const copy = copyOfArguments(given);
        return scope.writes.call(this.#runQuery(scope, reference, copy));
      },
    };
  }

  async #runQuery(scope: Scope, reference: unknown, copy: () => Arguments): Promise<unknown> {
    const functions = await this.functions();
    await scope.turn();
    scope.check();
    return functions.runQuery(scope, reference, copy);
  }

  async #userIdentity(): Promise<UserIdentity | null> {
    const identity = this.#identity;
    if (identity === undefined) {
      throw refusal("`ctx.auth.getUserIdentity`", "or the option `identity` of `openDatabase`");
    }
    return checkedIdentity(typeof identity === "function" ? await identity() : identity, "What `identity` answers");
  }
}

/** An identity as an app gives it. */
export function checkedIdentity(identity: unknown, what: string): UserIdentity | null {
  if (identity === null) return null;
  if (typeof identity !== "object" || Array.isArray(identity)) {
    throw invalidArgument(`${what} must be a user's identity, or null. Received ${describe(identity)}.`);
  }
  for (const claim of ["tokenIdentifier", "subject", "issuer"]) {
    if (typeof (identity as Record<string, unknown>)[claim] === "string") continue;
    throw invalidArgument(`${what} must have the text \`${claim}\`. Received ${describe(identity)}.`);
  }
  return identity as UserIdentity;
}

/**
 * Arguments as they are when a function is called: what the caller does to the object afterwards is seen by nobody. What is
 * wrong with them is told when the function is found, like everything else that is wrong with a call.
 */
export function copyOfArguments(given: unknown = {}): () => Arguments {
  try {
    if (typeof given !== "object" || given === null || Array.isArray(given) || !isSimpleObject(given)) {
      throw invalidArgument(`The arguments to a Convex function must be an object. Received: ${describe(given)}`);
    }
    const copy = checkedCopy(given) as Arguments;
    return () => copy;
  } catch (error) {
    const told = error instanceof HoldfastError ? error : invalidArgument("The arguments can't be read.");
    return () => {
      throw told;
    };
  }
}

/** An object whose methods refuse to be called; to call one without `await` is to fail. */
function refusing(scope: Scope, what: string, methods: readonly string[]): Record<string, () => Promise<never>> {
  const refuse = (method: string) => () => scope.writes.call(rejected(refusal(`\`${what}.${method}\``)));
  return Object.fromEntries(methods.map((method) => [method, refuse(method)]));
}

const STORAGE = ["getUrl", "getMetadata", "generateUploadUrl", "delete", "get", "store"];
const SCHEDULER = ["runAfter", "runAt", "cancel"];
const META = ["getFunctionMetadata", "getTransactionMetrics", "getDeploymentMetadata", "getRequestMetadata"];

function getSnapshotTs(): never {
  throw refusal("`ctx.meta.getSnapshotTs`");
}
