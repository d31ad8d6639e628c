/**
 * What a command is, and its arguments: what it knows, and what was given. Whatever is misspelt is named.
 */
import { parseArgs } from "node:util";
import { usageProblem } from "./problems.js";
import type { Streams } from "./streams.js";

/** What stands for the standard input or output in the place of a file. */
export const STANDARD = "-";

/** An option. */
export interface Option {
  /** What its value is called in the help; without it, it takes none. */
  readonly value?: string;
  /** Its letter, if it has one. */
  readonly short?: string;
  readonly about: string;
}

/** The options of a command, by their names. */
export type Options = Readonly<Record<string, Option>>;

/** What was given. */
export interface Given {
  readonly positionals: readonly string[];
  /** The values of options; `""` of those that take none. */
  readonly options: ReadonlyMap<string, string>;
}

/** A command. */
export interface Command {
  /** What it does, in a sentence. */
  readonly about: string;
  /** What it takes besides options. */
  readonly operands: string;
  readonly options: Options;
  /** What else there is to know. */
  readonly more: string;
  /** Answers what to end with. */
  run(given: Given, streams: Streams): Promise<number>;
}

/** Takes arguments apart. `command` is what messages call it. */
export function readArguments(argv: readonly string[], known: Options, command: string): Given {
  const entries = Object.entries(known);
  const types = entries.map(
    ([name, { value, short }]) => [name, { type: value ? "string" : "boolean", ...(short && { short }) }] as const,
  );
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(types),
    strict: false,
    tokens: true,
  });
  const positionals: string[] = [];
  const options = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const option = Object.hasOwn(known, name) ? known[name] : undefined;
    if (option === undefined || ![`--${name}`, `-${option.short}`].includes(rawName)) {
      const names = entries.map(([each]) => `--${each}`).join(", ");
      throw usageProblem(`Unknown option ${rawName}: \`${command}\` has ${names}.`);
    }
    if (options.has(name)) throw usageProblem(`${rawName} is given twice.`);
    if (option.value === undefined) {
      if (value !== undefined) throw usageProblem(`${rawName} takes no value.`);
    } else if (value === undefined || (!inlineValue && value.startsWith("-") && value !== STANDARD)) {
      throw usageProblem(`${rawName} needs a value: ${rawName} <${option.value}>.`);
    }
    options.set(name, value ?? "");
  }
  return { positionals, options };
}

/** The one file that a command is about. */
export function onlyFile({ positionals }: Given, what: string): string {
  const [file, other] = positionals;
  if (file === undefined || file === "") throw usageProblem(`The command needs a file: ${what}.`);
  if (other !== undefined) throw usageProblem(`The command takes one file, and "${other}" is another.`);
  return file;
}

/** The value of an option that must be there. */
export function required({ options }: Given, name: string, what: string): string {
  const value = options.get(name);
  if (value === undefined || value === "") throw usageProblem(`--${name} is missing: it names ${what}.`);
  return value;
}
