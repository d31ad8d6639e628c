/**
 * The command line: which command is meant, help, and what a command ends with.
 */
import { version } from "../../package.json";
import { type Command, type Options, readArguments } from "./arguments.js";
import { exportCommand } from "./export.js";
import { importCommand } from "./import.js";
import { inspectCommand } from "./inspect.js";
import { Exit, Problem, usageProblem } from "./problems.js";
import { sentenceOfAny } from "./snapshot.js";
import { say, type Streams } from "./streams.js";
import { verifyCommand } from "./verify.js";

const commands: Readonly<Record<string, Command>> = {
  inspect: inspectCommand,
  verify: verifyCommand,
  export: exportCommand,
  import: importCommand,
};

const HELP: Options = { help: { short: "h", about: "Tells this." } };
const TOP: Options = { ...HELP, version: { about: "Tells the version." } };

/** Runs a command. Answers the code to end with; whatever is wrong is said. */
export async function run(argv: readonly string[], streams: Streams): Promise<number> {
  const [name = "", ...rest] = argv;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (command === undefined) return runNone(argv, streams);
    const given = readArguments(rest, { ...command.options, ...HELP }, `holdfast ${name}`);
    if (given.options.has("help")) {
      say(streams.out, helpOf(name, command));
      return Exit.Fine;
    }
    return await command.run(given, streams);
  } catch (error) {
    return complain(error, command === undefined ? "holdfast --help" : `holdfast ${name} --help`, streams);
  }
}

/** What has no command: questions about all of them, and mistakes. */
function runNone(argv: readonly string[], { out, err }: Streams): number {
  const [name] = argv;
  if (name === undefined) {
    say(err, help());
    return Exit.Usage;
  }
  if (!name.startsWith("-")) {
    throw usageProblem(`There is no command "${name}". The commands: ${Object.keys(commands).join(", ")}.`);
  }
  const { options, positionals } = readArguments(argv, TOP, "holdfast");
  if (positionals.length > 0 && !options.has("help")) {
    throw usageProblem(`The command comes first, before ${name}.`);
  }
  say(out, options.has("help") ? help() : version);
  return Exit.Fine;
}

async function complain(error: unknown, ask: string, { err }: Streams): Promise<number> {
  // The line with the progress is still there.
  if (err.isTTY) err.write("\r\x1b[K");
  if (error instanceof Problem) {
    say(err, error.exit === Exit.Usage ? `${error.message}\n\`${ask}\` tells more.` : error.message);
    return error.exit;
  }
  // What the system says: a full disk, a file that must not be read.
  if (error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string") {
    say(err, `A file can't be read or written: ${error.message}.`);
    return Exit.Failed;
  }
  say(err, await sentenceOfAny(error).catch((fault: unknown) => `This is a bug of Holdfast: ${stackOf(fault)}`));
  return Exit.Failed;
}

const stackOf = (fault: unknown) => (fault instanceof Error ? (fault.stack ?? fault.message) : String(fault));

// ---- help ----

function help(): string {
  const lines = Object.entries(commands).map(([name, { operands, about }]) => [`${name} ${operands}`, about] as const);
  return [
    "Reads and changes snapshots of Holdfast and Convex: the ZIP files of db.export() and `npx convex export`.",
    "",
    "Usage: holdfast <command> …",
    "",
    ...columns(lines),
    "",
    ...columns(optionLines(TOP)),
    "",
    "A file that is called - is the standard input.",
    "`holdfast <command> --help` tells the options of a command.",
  ].join("\n");
}

function helpOf(name: string, { about, operands, options, more }: Command): string {
  const lines = columns(optionLines({ ...options, ...HELP }));
  return [about, "", `Usage: holdfast ${name} ${operands} [options]`, "", ...lines, "", more].join("\n");
}

const optionLines = (options: Options) =>
  Object.entries(options).map(
    ([name, { value, short, about }]) =>
      [`${short ? `-${short}, ` : ""}--${name}${value ? ` <${value}>` : ""}`, about] as const,
  );

function columns(lines: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...lines.map(([left]) => left.length));
  return lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
