/**
 * Older snapshots. They write an int64 and bytes as strings, as they do NaN and the infinities, and have beside each
 * table a shape that says which string is what, and for single documents what the shape leaves open.
 */
import type { Value } from "../data_model.js";
import { describe } from "../describe.js";
import { fromBase64 } from "../json.js";

/** What a string may stand for. */
type Meaning = "string" | "int64" | "nan" | "infinity" | "bytes";

/** What is known of a place in a document: meanings of strings, and what is inside. */
interface Shape {
  readonly strings: readonly Meaning[];
  readonly fields?: ReadonlyMap<string, Shape>;
  readonly values?: Shape;
  readonly elements?: Shape;
}

/** What a document's own line says: a word, or the same for what is inside. */
type Override = undefined | string | Override[] | { [name: string]: Override };

const of = (...strings: Meaning[]): Shape => ({ strings });
const UNKNOWN: Shape = of("string", "infinity", "nan", "int64", "bytes");

/** Words for shapes; what begins like another comes first. */
const WORDS: [string, Shape][] = [
  ["never", of()],
  ["null", of()],
  ["int64", of("int64")],
  ["float64", of("nan", "infinity")],
  ["normalfloat64", of()],
  ["-inf", of("infinity")],
  ["inf", of("infinity")],
  ["-0", of()],
  ["NaN", of("nan", "infinity")],
  ["boolean", of()],
  ["field_name", of("string")],
  ["string", of("string")],
  ["bytes", of("bytes")],
  ["unknown", UNKNOWN],
];

/** Reads shapes. */
class ShapeReader {
  #rest: string;

  constructor(text: string) {
    this.#rest = text;
  }

  get isAtEnd(): boolean {
    return this.#rest === "";
  }

  union(depth = 0): readonly Shape[] {
    if (depth > 100) throw new SyntaxError("the shape is too deep");
    const options = [this.#option(depth)];
    while (this.#skip(" | ")) options.push(this.#option(depth));
    return options;
  }

  #option(depth: number): Shape {
    for (const [word, shape] of WORDS) if (this.#skip(word)) return shape;
    if (this.#skip("{")) {
      const fields = new Map<string, Shape>();
      while (!this.#skip("}")) {
        const [, name, mark] = /^"([^"]*)"(\??): /.exec(this.#rest) ?? [];
        if (name === undefined) throw this.#unexpected();
        this.#rest = this.#rest.slice(name.length + mark!.length + 4);
        fields.set(name, merged(this.union(depth + 1)));
        if (!this.#skip(", ") && !this.#rest.startsWith("}")) throw this.#unexpected();
      }
      return { strings: [], fields };
    }
    if (this.#skip("id<")) {
      this.#until(">");
      return of("string");
    }
    if (this.#skip("array<")) {
      const elements = merged(this.union(depth + 1));
      this.#expect(">");
      return { strings: [], elements };
    }
    if (this.#skip("record<")) {
      this.union(depth + 1);
      this.#expect(", ");
      const values = merged(this.union(depth + 1));
      this.#expect(">");
      return { strings: [], values };
    }
    if (this.#skip('"')) {
      this.#until('"');
      return of("string");
    }
    throw this.#unexpected();
  }

  #skip(text: string): boolean {
    if (!this.#rest.startsWith(text)) return false;
    this.#rest = this.#rest.slice(text.length);
    return true;
  }

  #expect(text: string): void {
    if (!this.#skip(text)) throw this.#unexpected();
  }

  #until(text: string): void {
    const end = this.#rest.indexOf(text);
    if (end < 0) throw this.#unexpected();
    this.#rest = this.#rest.slice(end + text.length);
  }

  #unexpected(): SyntaxError {
    return new SyntaxError(`unexpected token at '${this.#rest.slice(0, 40)}'`);
  }
}

/** What is known where a value is of one shape or another. */
function merged(options: readonly Shape[]): Shape {
  if (options.length === 1) return options[0]!;
  const strings = [...new Set(options.flatMap((option) => option.strings))];
  const fields = new Map<string, Shape>();
  for (const option of options) {
    for (const [name, shape] of option.fields ?? []) {
      const known = fields.get(name);
      fields.set(name, known === undefined ? shape : merged([known, shape]));
    }
  }
  const all = (pick: (shape: Shape) => Shape | undefined) => {
    const found = options.map(pick).filter((shape) => shape !== undefined);
    return found.length === 0 ? undefined : merged(found);
  };
  const [values, elements] = [all((shape) => shape.values), all((shape) => shape.elements)];
  return { strings, fields, ...(values && { values }), ...(elements && { elements }) };
}

const OVERRIDES: readonly unknown[] = ["infer", "int64", "float64inf", "bytes"];

/** An override as it must be. One that nobody knows would leave a string what it is not. */
function checkedOverride(override: unknown): Override {
  if (typeof override === "object" && override !== null) {
    if (!("$float64NaN" in override)) Object.values(override).forEach(checkedOverride);
  } else if (!OVERRIDES.includes(override)) throw new SyntaxError(`${describe(override)} is no override`);
  return override as Override;
}

/** What a table's `generated_schema.jsonl` says about its documents. */
export class GeneratedSchema {
  readonly #shape: Shape;
  readonly #overrides = new Map<string, Override>();

  /** Takes the shape, as its text. */
  constructor(text: string) {
    const reader = new ShapeReader(text);
    this.#shape = merged(reader.union());
    if (!reader.isAtEnd) throw new SyntaxError("the shape goes on behind its end");
  }

  /** Takes one of the lines behind the first. */
  add(line: unknown): void {
    const entries = typeof line === "object" && line !== null && !Array.isArray(line) ? Object.entries(line) : [];
    if (entries.length !== 1) throw new SyntaxError("override object should have one item");
    const [[id, override]] = entries as [[string, unknown]];
    this.#overrides.set(id, checkedOverride(override));
  }

  /** A document of the table, whose values have the types that they had. */
  apply(document: unknown): unknown {
    const id = (document as { _id?: unknown } | null)?._id;
    return typed(document, this.#shape, typeof id === "string" ? this.#overrides.get(id) : undefined);
  }
}

function typed(value: unknown, shape: Shape | undefined, override: Override): unknown {
  if (typeof value === "string") return typedString(value, shape, override);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const elements = shape?.elements ?? (shape === UNKNOWN ? UNKNOWN : undefined);
    return value.map((element, index) =>
      typed(element, elements, Array.isArray(override) ? override[index] : undefined),
    );
  }
  const own = typeof override === "object" && !Array.isArray(override) ? override : undefined;
  const inside = (name: string) => (shape === UNKNOWN ? UNKNOWN : (shape?.fields?.get(name) ?? shape?.values));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, typed(field, inside(name), own?.[name])]),
  );
}

function typedString(text: string, shape: Shape | undefined, override: Override): Value {
  if (override === "int64") return int64(text);
  if (override === "float64inf") return infinity(text);
  if (override === "bytes") return fromBase64(text);
  if (typeof override === "object" && "$float64NaN" in override) return NaN;
  // What could be several things is what it looks like.
  if (shape?.strings.length !== 1) return text;
  switch (shape.strings[0]) {
    case "int64":
      return int64(text);
    case "infinity":
      return infinity(text);
    case "bytes":
      return fromBase64(text);
    default:
      return text;
  }
}

function int64(text: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) throw new SyntaxError("Unexpected string for i64");
  return BigInt(text.replace("+", ""));
}

function infinity(text: string): number {
  if (text === "Infinity" || text === "-Infinity") return Number(text);
  throw new SyntaxError("Unexpected string for f64");
}
