/**
 * Options as an app gives them. In plain JavaScript anything may come: a misspelt name is told instead of being ignored,
 * and so is an object that can't be read.
 */
import { invalidArgument } from "./arguments.js";
import { isSimpleObject } from "./checked.js";
import { describe, describeError } from "./describe.js";
import { HoldfastError } from "./errors.js";

/**
 * Options, read once.
 *
 * @param what - What they are called in messages, as in "The options of `mutate`".
 * @param known - Their names; whatever else is there is misspelt.
 * @param prefix - What stands before the names in messages.
 */
export function readOptions<Options extends object>(
  options: Options | undefined,
  what: string,
  known: readonly (keyof Options & string)[],
  prefix = "",
): Options {
  if (options === undefined) return {} as Options;
  const read: Record<string, unknown> = {};
  try {
    if (typeof options !== "object" || options === null || !isSimpleObject(options)) {
      throw invalidArgument(`${what} must be an object. Received ${describe(options)}.`);
    }
    for (const name of Object.keys(options)) {
      const value = (options as Record<string, unknown>)[name];
      if (value === undefined) continue;
      if (!(known as readonly string[]).includes(name)) {
        const names = known.map((each) => `\`${each}\``).join(", ");
        throw invalidArgument(`\`${prefix}${name}\` is no option: ${what} may have ${names}.`);
      }
      read[name] = value;
    }
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError("InvalidArgument", `${what} can't be read: ${describeError(cause)}`, { cause });
  }
  return read as Options;
}

/** Budgets and times: numbers that are not negative. */
export function readSizes<Sizes extends object>(
  sizes: Sizes | undefined,
  option: string,
  known: readonly (keyof Sizes & string)[],
): Sizes {
  const read = readOptions(sizes, `\`${option}\``, known, `${option}.`);
  for (const [name, size] of Object.entries(read)) {
    if (typeof size === "number" && size >= 0) continue;
    throw invalidArgument(`\`${option}.${name}\` must be a number that is not negative. Received ${describe(size)}.`);
  }
  return read;
}
