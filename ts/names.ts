/**
 * What an engine calls tables and fields: numbers, by which documents are encoded.
 */
import { bounded } from "./arguments.js";
import type { Bridge } from "./bridge.js";
import { DocumentEncoder } from "./encode.js";
import { nameIds, type NameIds } from "./encode_plan.js";
import { Status } from "./mailbox.js";
import type { SchemaJson } from "./schema.js";
import type { ValidatorJson } from "./validators.js";

/** So many letters of an id hold nothing but its table's number. */
const PREFIX_LENGTH = 3;

/** The tables of an app's schema, and the numbers that an engine has for them and for fields. */
export class Names {
  readonly #bridge: Bridge;
  readonly #documentTypes = new Map<string, ValidatorJson | undefined>();
  readonly #tables = new Map<string, number>();
  #encoders = new Map<string, DocumentEncoder>();
  #fields: NameIds | undefined;
  #prefixes: Map<string, string> | undefined;

  constructor(bridge: Bridge, schema: SchemaJson) {
    this.#bridge = bridge;
    for (const table of schema.tables) this.#documentTypes.set(table.tableName, table.documentType);
  }

  /** The tables of the app's schema. */
  get tables(): string[] {
    return [...this.#documentTypes.keys()];
  }

  /** The schema is another one now. */
  schemaChanged(): void {
    this.#fields = undefined;
    this.#prefixes = undefined;
  }

  /** The engine is another one now. */
  engineChanged(): void {
    this.schemaChanged();
    this.#tables.clear();
  }

  /** The engine's number of a table's name. */
  table(given: string): number {
    const name = bounded(given);
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = this.#bridge.engine.table(this.#bridge.input.writeText(name));
      this.#tables.set(name, table);
    }
    return table;
  }

  /** Writes documents of a table. */
  encoder(given: string): DocumentEncoder {
    const table = bounded(given);
    if (this.#fields === undefined) {
      this.#bridge.engine.names();
      this.#fields = nameIds(JSON.parse(this.#bridge.text()) as string[]);
      this.#encoders = new Map();
    }
    let encoder = this.#encoders.get(table);
    if (encoder === undefined) {
      encoder = new DocumentEncoder(this.#documentTypes.get(table), this.#fields);
      this.#encoders.set(table, encoder);
    }
    return encoder;
  }

  /**
   * The table that an id is of, going by its first letters: good enough to choose an encoder, because any encoder
   * writes any document.
   */
  tableOf(id: string): string | undefined {
    if (this.#prefixes === undefined) {
      this.#prefixes = new Map();
      for (const table of this.#documentTypes.keys()) {
        if (this.#bridge.engine.newId(0, this.table(table)) === Status.Done) {
          this.#prefixes.set(this.#bridge.text().slice(0, PREFIX_LENGTH), table);
        }
      }
    }
    return this.#prefixes.get(id.slice(0, PREFIX_LENGTH));
  }
}
