/**
 * Calls of functions: they are found, their arguments and results validated, and one runs another.
 */
import { invalidArgument } from "../arguments.js";
import type { Bridge } from "../bridge.js";
import { Status } from "../mailbox.js";
import { checkedCopy } from "../checked.js";
import type { Value } from "../data_model.js";
import { encodeTrusted } from "../encode.js";
import { HoldfastError } from "../errors.js";
import { isQuery } from "../query.js";
import { refusal } from "../refusal.js";
import type { Scope } from "../scope.js";
import type { ValidatorJson } from "../validators.js";
import type { Arguments, Contexts } from "./contexts.js";
import { type FunctionModules, FunctionRegistry, type NamedCallable } from "./registry.js";

/** Runs functions for one database. */
export class Functions {
  readonly #bridge: Bridge;
  readonly #registry: FunctionRegistry;
  readonly #contexts: Contexts;
  /** The engine's numbers of validators, which it keeps: those of the same text share one. */
  #validators = new WeakMap<ValidatorJson, number>();
  readonly #validatorsByText = new Map<string, number>();
  /** What the engine that knows them had last failed of. */
  #fault: HoldfastError | undefined;

  constructor(bridge: Bridge, modules: FunctionModules, contexts: Contexts) {
    this.#bridge = bridge;
    this.#registry = new FunctionRegistry(modules);
    this.#contexts = contexts;
  }

  /** The function that is meant, which must be one that can run here. */
  async find(meant: unknown): Promise<NamedCallable> {
    const found = await this.#registry.find(meant);
    if (found.type === "action") throw refusal(`The action "${found.name}"`);
    return found;
  }

  /** Arguments as a function may be given them: validated. */
  arguments(callable: NamedCallable, copy: () => Arguments): Arguments {
    return named(callable, () => {
      const given = copy();
      this.#validate(callable.args, given, false);
      return given;
    });
  }

  /** Runs a query or mutation in a scope of its own. What it answers is a copy, validated. */
  async run(callable: NamedCallable, given: Arguments, scope: Scope): Promise<Value> {
    const ctx = callable.type === "query" ? this.#contexts.ofQuery(scope) : this.#contexts.ofMutation(scope);
    // A run again must not see what this one makes of its arguments.
    const result = await callable.handler(ctx, checkedCopy(given));
    if (isQuery(result)) {
      throw invalidArgument(
        "Return value is a Query. Results must be retrieved with `.collect()`, `.take(n), `.unique()`, or `.first()`.",
      );
    }
    return named(callable, () => {
      const copy = checkedCopy(result === undefined ? null : result);
      if (callable.returns !== null) this.#validate(callable.returns, copy, true);
      return copy;
    });
  }

  /** Runs the query that is meant, for a function. */
  async runQuery(scope: Scope, reference: unknown, given: () => Arguments): Promise<Value> {
    const callable = await this.find(reference);
    if (callable.type !== "query")
      throw invalidArgument(`\`ctx.runQuery\` runs queries; "${callable.name}" is a mutation.`);
    const inner = scope.ofQuery();
    try {
      const result = await this.run(callable, this.arguments(callable, given), inner);
      if (inner.writes.isOpen) await inner.writes.end();
      return result;
    } finally {
      inner.end();
    }
  }

  /** Runs the mutation that is meant, in a place of its own. */
  async runMutation(inner: Scope, reference: unknown, given: () => Arguments): Promise<Value> {
    const callable = await this.find(reference);
    if (callable.type === "mutation") return this.run(callable, this.arguments(callable, given), inner);
    throw invalidArgument(`\`ctx.runMutation\` runs mutations; "${callable.name}" is a query.`);
  }

  #validate(validator: ValidatorJson, value: Value, isResult: boolean): void {
    if (validator.type === "any") return;
    const bridge = this.#bridge;
    const { input } = bridge;
    if (this.#fault !== bridge.fault) {
      // Another engine: it knows none of them.
      this.#fault = bridge.fault;
      this.#validators = new WeakMap();
      this.#validatorsByText.clear();
    }
    let number = this.#validators.get(validator);
    if (number === undefined) {
      const text = JSON.stringify(validator);
      number = this.#validatorsByText.get(text);
      if (number === undefined) {
        input.clear();
        encodeTrusted(input, validator);
        if (bridge.engine.validator(input.position) === Status.Failed) throw bridge.error();
        number = bridge.number();
        this.#validatorsByText.set(text, number);
      }
      this.#validators.set(validator, number);
    }
    input.clear();
    encodeTrusted(input, value);
    if (bridge.engine.check(number, input.position, isResult) === Status.Failed) throw bridge.error();
  }
}

/** Errors about the arguments or the result of a function say of which. */
function named<T>({ name }: NamedCallable, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "DatabaseClosed") throw error;
    const { code, message, retryable, details, cause } = error;
    throw new HoldfastError(code, message, {
      retryable,
      details: { ...details, function: name },
      ...(cause !== undefined && { cause }),
    });
  }
}
