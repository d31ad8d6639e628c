/**
 * The careful walk over a value from outside: it finds what is wrong and says where, in Convex's words.
 *
 * The encoder is fast because it keeps no path. When it meets something it can't write, it gives up and lets this walk
 * find the same thing again. Builders of queries use it to copy values, so that a later change to an object doesn't
 * change a query.
 */
import { describe, describeError, describeSize, shortened } from "./describe.js";
import { HoldfastError } from "./errors.js";
import type { Value } from "./data_model.js";
import { isInt64, notInt64 } from "./json.js";

/** How deep arrays and objects may nest in any value; documents have a lower limit, which the engine checks. */
export const NESTING_MAX = 64;
/** How many elements an array may have. */
export const ARRAY_LENGTH_MAX = 8192;
/** How large a document may be. */
export const DOCUMENT_SIZE_MAX = 1 << 20;
const FIELD_NAME_LENGTH_MAX = 1024;
/** Few objects can make a value beyond measure when they are shared; a walk ends here. */
const VALUES_MAX = 1 << 22;

/** Whether a value is an object without a class, as a literal makes it. */
export function isSimpleObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  // Objects of another realm: an iframe, or a test runner's sandbox. (What `{ __proto__: fields }` makes inherits from
  // `fields`, which would be lost.)
  const isRoot = typeof value === "object" && Object.getPrototypeOf(prototype) === null;
  return isRoot && (prototype as { constructor?: { name?: unknown } }).constructor?.name === "Object";
}

const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")!;

/** Whether a value is an instance of a class; a proxy that can't be asked is none. */
export function isInstance<T>(value: unknown, kind: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof kind;
  } catch {
    return false;
  }
}

/** Whether a value is an ArrayBuffer, of any realm. */
export function isArrayBuffer(value: object): value is ArrayBuffer {
  if (value instanceof ArrayBuffer) return true;
  if (Object.prototype.toString.call(value) !== "[object ArrayBuffer]") return false;
  try {
    byteLength.get!.call(value); // throws for everything that only claims to be one
    return true;
  } catch {
    return false;
  }
}

/** What is wrong with a field's name, if anything. */
export function fieldNameProblem(name: string): string | undefined {
  if (name.length > FIELD_NAME_LENGTH_MAX) {
    return `Field name ${shortened(name)} exceeds maximum field name length ${FIELD_NAME_LENGTH_MAX}.`;
  }
  if (name.startsWith("$")) return `Field name ${name} starts with a '$', which is reserved.`;
  if (name === "__proto__") return "Field name __proto__ is reserved by JavaScript and can't be stored.";
  for (let index = 0; index < name.length; index += 1) {
    const code = name.charCodeAt(index);
    if (code < 0x20 || code >= 0x7f) {
      return (
        `Field name ${name} has invalid character '${name[index]}': ` +
        "Field names can only contain non-control ASCII characters"
      );
    }
  }
  return undefined;
}

/** The index of the first surrogate without its other half, or -1. */
export function loneSurrogate(text: string): number {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0xd800 || code > 0xdfff) continue;
    const next = text.charCodeAt(index + 1); // NaN at the end compares false
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return index;
    index += 1;
  }
  return -1;
}

const TYPES_LINK = "To learn about Convex's supported types, see https://docs.convex.dev/using/types.";

class Walk {
  readonly #original: unknown;
  #values = 0;

  constructor(original: unknown) {
    this.#original = original;
  }

  copy(value: unknown, path: string, depth: number): Value {
    this.#values += 1;
    if (this.#values > VALUES_MAX) {
      throw tooLarge(`Value is too large (more than ${VALUES_MAX} values inside)`, path);
    }
    switch (typeof value) {
      case "string": {
        const index = loneSurrogate(value);
        if (index >= 0) {
          throw invalid(
            `String ${describe(value)} has a lone surrogate at index ${index}, which is not valid Unicode` +
              `${this.#where(path)}.`,
            path,
          );
        }
        return value;
      }
      case "number":
      case "boolean":
        return value;
      case "bigint":
        if (!isInt64(value)) throw invalid(notInt64(value).message, path);
        return value;
      case "undefined":
        throw invalid(`undefined is not a valid Convex value${this.#where(path)}. ${TYPES_LINK}`, path);
      case "object":
        break;
      default:
        throw this.#unsupported(className(value), value, path);
    }
    if (value === null) return null;
    if (isArrayBuffer(value)) {
      try {
        return value.slice(0);
      } catch (cause) {
        const message = `The ArrayBuffer is detached${this.#where(path)}.`;
        throw new HoldfastError("InvalidValue", message, { cause, details: { path } });
      }
    }
    if (value instanceof Set) throw this.#unsupported("Set", [...value], path);
    if (value instanceof Map) throw this.#unsupported("Map", [...value], path);
    if (depth >= NESTING_MAX) {
      throw tooLarge(
        `Value is too nested (nested ${NESTING_MAX + 1} levels deep > maximum nesting ${NESTING_MAX})`,
        path,
      );
    }
    if (Array.isArray(value)) {
      const length = value.length;
      if (length > ARRAY_LENGTH_MAX) {
        throw tooLarge(`Array length is too long (${length} > maximum length ${ARRAY_LENGTH_MAX})`, path);
      }
      const copy: Value[] = [];
      // By index, because a hole is an undefined element and `map` would step over it.
      for (let index = 0; index < length; index += 1) {
        copy.push(this.copy(value[index], `${path}[${index}]`, depth + 1));
      }
      return copy;
    }
    if (!isSimpleObject(value)) throw this.#unsupported(className(value), value, path);
    const copy: Record<string, Value> = {};
    for (const name of Object.keys(value).sort()) {
      const field = value[name];
      if (field === undefined) continue;
      const problem = fieldNameProblem(name);
      if (problem !== undefined) throw invalid(problem, `${path}.${name}`);
      copy[name] = this.copy(field, `${path}.${name}`, depth + 1);
    }
    return copy;
  }

  #where(path: string): string {
    return path && ` (present at path ${path} in original object ${describe(this.#original)})`;
  }

  #unsupported(name: string, value: unknown, path: string): HoldfastError {
    const text = `${name}${describe(value)} is not a supported Convex type${this.#where(path)}.`;
    return invalid(path ? `${text} ${TYPES_LINK}` : text, path);
  }
}

/** A deep copy of a value; throws when it is none that Convex has a type for. `undefined` fields are left out. */
export function checkedCopy(value: unknown): Value {
  try {
    return new Walk(value).copy(value, "", 0);
  } catch (problem) {
    if (problem instanceof HoldfastError) throw problem;
    // What a getter or a proxy has thrown.
    throw new HoldfastError("InvalidValue", `The value could not be read: ${describeError(problem)}`, {
      cause: problem,
    });
  }
}

/**
 * The error for a value that the encoder could not write. In a patch a field may be `undefined` to remove it.
 */
export function problemOf(value: unknown): HoldfastError {
  try {
    checkedCopy(value);
  } catch (problem) {
    return problem as HoldfastError;
  }
  // A getter or proxy that answered differently the second time.
  return invalid("The value changed while it was read.");
}

/** The error for a document of too many bytes. */
export function documentTooLarge(size: number, path: string | undefined): HoldfastError {
  return tooLarge(`Value is too large (${describeSize(size)} > maximum size ${describeSize(DOCUMENT_SIZE_MAX)})`, path);
}

function className(value: unknown): string {
  let name: unknown;
  try {
    name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  } catch {
    name = undefined;
  }
  return typeof name === "string" && name ? `${name} ` : "";
}

function tooLarge(message: string, path: string | undefined): HoldfastError {
  return new HoldfastError("ValueTooLarge", message, path ? { details: { path } } : {});
}

function invalid(message: string, path = ""): HoldfastError {
  return new HoldfastError("InvalidValue", message, path ? { details: { path } } : {});
}
