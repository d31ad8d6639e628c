/**
 * What the package knows of its part that syncs: `holdfast/sync` brings it along with the placements of tables.
 */
import { HoldfastError } from "./errors.js";
import { entriesOf, invalidSchema } from "./validators.js";
import type { FieldsOf } from "./context.js";
import type { GenericId } from "./data_model.js";
import type { DataModelOf, ExportableSchema, SchemaJson } from "./schema.js";
import type { DatabaseParts } from "./database.js";
import type { SyncedDatabase } from "./sync/synced_database.js";
import type { Wasm, WasmSource } from "./wasm.js";

/** The part of the package that syncs. */
export interface SyncPart {
  /** Throws if the schema has no such field as rows are to lie within. */
  check(schema: SchemaJson): void;
  /** The engine that can. */
  loadWasm(source?: WasmSource): Promise<Wasm>;
  /** A database whose tables are placed so; begins to follow its documents. */
  open(placed: Placed, ...parts: DatabaseParts): SyncedDatabase<any>;
}

/** Where the tables of a database lie. */
export type Placed = NonNullable<SchemaJson["sync"]>;

/** Where rows of a table lie. Made by `root`, `within` and `workspace` of `holdfast/sync`. */
export interface TablePlacement<
  out Field extends string = string,
  out Texts extends string = string,
  out Counters extends string = string,
> {
  /** In a document of its own, in that of the row whose id a field has, in the person's own, or in none. */
  readonly home: "root" | "within" | "workspace" | "local";
  /** The field of `within`. */
  readonly field?: Field;
  /** Fields that are merged as something else than a whole. */
  readonly kinds: Readonly<Record<string, "text" | "counter">>;
  /** @internal What does it. */
  readonly part: SyncPart;
  /** Which fields those are, for the compiler alone. */
  readonly merged?: { readonly texts: Texts; readonly counters: Counters };
}

/** Fields of a document that hold an id of another table. */
type IdFields<Document> = {
  [Name in keyof Document & string]: Document[Name] extends GenericId<string> ? Name : never;
}[keyof Document & string];

/** A placement for documents of a type. */
type PlacementOf<Document, Field extends string> = TablePlacement<
  Field,
  FieldsOf<Document, string>,
  FieldsOf<Document, number>
>;

/** The placements that the tables of a schema can have. */
export type SyncOption<Schema extends ExportableSchema> = {
  readonly [Table in keyof DataModelOf<Schema> & string]?: PlacementOf<
    DataModelOf<Schema>[Table]["document"],
    IdFields<DataModelOf<Schema>[Table]["document"]>
  >;
};

/** Adds placements to a schema, and answers what does that; undefined without `sync`. */
export function placeTables(schema: SchemaJson, sync: unknown): SyncPart | undefined {
  if (sync === undefined) return undefined;
  let part: SyncPart | undefined;
  const placed: Placed = {};
  for (const [name, placement] of entriesOf(sync, "`sync` must be an object that names tables")) {
    const { home, field, kinds, part: own } = (placement ?? {}) as Partial<TablePlacement>;
    if (own === undefined || home === undefined) {
      throw invalidSchema(
        `\`sync.${name}\` must be \`root()\`, \`within("field")\`, \`workspace()\` or \`local()\`, imported from "holdfast/sync".`,
      );
    }
    part = own;
    placed[name] = { home, ...(field !== undefined && { field }), kinds: { ...kinds } };
  }
  if (part === undefined) throw invalidSchema("`sync` names no table: leave it out, or say where a table lies.");
  schema.sync = placed;
  part.check(schema);
  return part;
}

/** Why nothing of a database is synced. */
export function notSynced(): HoldfastError {
  return new HoldfastError("NotSupported", "No table of this database is synced: `openDatabase` was given no `sync`.");
}
