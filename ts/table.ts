/**
 * Tables of a schema: their documents' validators and their indexes. Convex's `defineTable`.
 *
 * What is none at all is refused at once; the engine checks names and fields when a database is opened.
 */
import type {
  Expand,
  GenericTableIndexes,
  GenericTableSearchIndexes,
  GenericTableVectorIndexes,
  IndexTiebreakerField,
  SystemFields,
} from "./data_model.js";
import { describe } from "./describe.js";
import { v } from "./v.js";
import {
  entriesOf,
  type GenericValidator,
  invalidSchema,
  isValidator,
  type ObjectType,
  type Validator,
  type ValidatorJson,
  type VObject,
} from "./validators.js";

/** The fields an index may cover. `_id` is no part: it ends every index anyway. */
export type ExtractFieldPaths<T extends Validator<any, any, any>> = T["fieldPaths"] | keyof SystemFields;

/** An index in its long form. */
export interface DbIndexConfig<FirstFieldPath extends string, RestFieldPaths extends string[]> {
  /** The fields in order, one at least. */
  fields: [FirstFieldPath, ...RestFieldPaths];
}

/** A full-text index. Exported with the schema; Holdfast does not build it. */
export interface SearchIndexConfig<SearchField extends string, FilterFields extends string> {
  /** The field that holds the text. */
  searchField: SearchField;
  /** Fields that a search may compare. */
  filterFields?: FilterFields[];
}

/** A vector index. Exported with the schema; Holdfast does not build it. */
export interface VectorIndexConfig<VectorField extends string, FilterFields extends string> {
  /** The field that holds the vector. */
  vectorField: VectorField;
  /** The length of the vectors. */
  dimensions: number;
  /** Fields that a search may compare. */
  filterFields?: FilterFields[];
}

/** Options of all kinds of indexes. */
export interface IndexOptions {
  /** A staged index is built but can't be queried. */
  staged?: boolean;
}

/** An index as it is exported. */
export type Index = { indexDescriptor: string; fields: string[] };

/** A full-text index as it is exported. */
export type SearchIndex = { indexDescriptor: string; searchField: string; filterFields: string[] };

/** A vector index as it is exported. */
export type VectorIndex = {
  indexDescriptor: string;
  vectorField: string;
  dimensions: number;
  filterFields: string[];
};

/** A table as it is exported. */
export interface TableJson {
  /** The indexes that queries can use. */
  indexes: Index[];
  /** The indexes that are prepared for a later version of the schema. */
  stagedDbIndexes: Index[];
  /** Full-text indexes. */
  searchIndexes: SearchIndex[];
  /** Full-text indexes for a later version. */
  stagedSearchIndexes: SearchIndex[];
  /** Vector indexes. */
  vectorIndexes: VectorIndex[];
  /** Vector indexes for a later version. */
  stagedVectorIndexes: VectorIndex[];
  /** What documents must be. */
  documentType: ValidatorJson;
  /** What documents shall be in a later version. */
  stagedDocumentType: ValidatorJson | undefined;
}

/** The fields of an index as types, with the field that ends every index. */
type WithIndex<
  Indexes extends GenericTableIndexes,
  Name extends string,
  First extends string,
  Rest extends string[],
> = Expand<Indexes & Record<Name, [First, ...Rest, IndexTiebreakerField]>>;

/**
 * A table: its documents' validator and its indexes. Made by {@link defineTable}.
 */
export class TableDefinition<
  DocumentType extends Validator<any, any, any> = Validator<any, any, any>,
  Indexes extends GenericTableIndexes = {},
  SearchIndexes extends GenericTableSearchIndexes = {},
  VectorIndexes extends GenericTableVectorIndexes = {},
> {
  private readonly indexes: Index[] = [];
  private readonly stagedDbIndexes: Index[] = [];
  private readonly searchIndexes: SearchIndex[] = [];
  private readonly stagedSearchIndexes: SearchIndex[] = [];
  private readonly vectorIndexes: VectorIndex[] = [];
  private readonly stagedVectorIndexes: VectorIndex[] = [];
  private stagedValidator: Validator<any, any, any> | undefined;
  /** What the table's documents must be. */
  readonly validator: DocumentType;

  /** @internal Use {@link defineTable}. */
  constructor(documentType: DocumentType) {
    this.validator = documentType;
  }

  /** The indexes that queries can use. The leading space keeps it out of completion lists, as in Convex. */
  " indexes"(): { indexDescriptor: string; fields: string[] }[] {
    return this.indexes;
  }

  /**
   * Adds an index. `_creationTime` is appended to its fields.
   *
   * @param name - Unique within the table.
   * @param fields - The fields in order, one at least.
   */
  index<
    IndexName extends string,
    FirstFieldPath extends ExtractFieldPaths<DocumentType>,
    RestFieldPaths extends ExtractFieldPaths<DocumentType>[],
  >(
    name: IndexName,
    indexConfig: Expand<DbIndexConfig<FirstFieldPath, RestFieldPaths> & IndexOptions & { staged?: false }>,
  ): TableDefinition<
    DocumentType,
    WithIndex<Indexes, IndexName, FirstFieldPath, RestFieldPaths>,
    SearchIndexes,
    VectorIndexes
  >;
  /** Adds an index by its list of fields. */
  index<
    IndexName extends string,
    FirstFieldPath extends ExtractFieldPaths<DocumentType>,
    RestFieldPaths extends ExtractFieldPaths<DocumentType>[],
  >(
    name: IndexName,
    fields: [FirstFieldPath, ...RestFieldPaths],
  ): TableDefinition<
    DocumentType,
    WithIndex<Indexes, IndexName, FirstFieldPath, RestFieldPaths>,
    SearchIndexes,
    VectorIndexes
  >;
  /** Adds an index that can't be queried yet. */
  index<
    IndexName extends string,
    FirstFieldPath extends ExtractFieldPaths<DocumentType>,
    RestFieldPaths extends ExtractFieldPaths<DocumentType>[],
  >(
    name: IndexName,
    indexConfig: Expand<DbIndexConfig<FirstFieldPath, RestFieldPaths> & IndexOptions & { staged: true }>,
  ): TableDefinition<DocumentType, Indexes, SearchIndexes, VectorIndexes>;
  index(name: string, config: (DbIndexConfig<string, string[]> & IndexOptions) | string[]): unknown {
    const read = indexReader(name, Array.isArray(config) ? { fields: config } : config);
    const index = { indexDescriptor: name, fields: read.texts("fields") };
    (read.isStaged ? this.stagedDbIndexes : this.indexes).push(index);
    return this;
  }

  /** Adds a full-text index. It is exported; Holdfast does not build it. */
  searchIndex<
    IndexName extends string,
    SearchField extends ExtractFieldPaths<DocumentType>,
    FilterFields extends ExtractFieldPaths<DocumentType> = never,
  >(
    name: IndexName,
    indexConfig: Expand<SearchIndexConfig<SearchField, FilterFields> & IndexOptions & { staged?: false }>,
  ): TableDefinition<
    DocumentType,
    Indexes,
    Expand<SearchIndexes & Record<IndexName, { searchField: SearchField; filterFields: FilterFields }>>,
    VectorIndexes
  >;
  /** Adds a full-text index that can't be queried yet. */
  searchIndex<
    IndexName extends string,
    SearchField extends ExtractFieldPaths<DocumentType>,
    FilterFields extends ExtractFieldPaths<DocumentType> = never,
  >(
    name: IndexName,
    indexConfig: Expand<SearchIndexConfig<SearchField, FilterFields> & IndexOptions & { staged: true }>,
  ): TableDefinition<DocumentType, Indexes, SearchIndexes, VectorIndexes>;
  searchIndex(name: string, config: SearchIndexConfig<string, string> & IndexOptions): unknown {
    const read = indexReader(name, config);
    (read.isStaged ? this.stagedSearchIndexes : this.searchIndexes).push({
      indexDescriptor: name,
      searchField: read.text("searchField"),
      filterFields: read.texts("filterFields", []),
    });
    return this;
  }

  /** Adds a vector index. It is exported; Holdfast does not build it. */
  vectorIndex<
    IndexName extends string,
    VectorField extends ExtractFieldPaths<DocumentType>,
    FilterFields extends ExtractFieldPaths<DocumentType> = never,
  >(
    name: IndexName,
    indexConfig: Expand<VectorIndexConfig<VectorField, FilterFields> & IndexOptions & { staged?: false }>,
  ): TableDefinition<
    DocumentType,
    Indexes,
    SearchIndexes,
    Expand<
      VectorIndexes & Record<IndexName, { vectorField: VectorField; dimensions: number; filterFields: FilterFields }>
    >
  >;
  /** Adds a vector index that can't be queried yet. */
  vectorIndex<
    IndexName extends string,
    VectorField extends ExtractFieldPaths<DocumentType>,
    FilterFields extends ExtractFieldPaths<DocumentType> = never,
  >(
    name: IndexName,
    indexConfig: Expand<VectorIndexConfig<VectorField, FilterFields> & IndexOptions & { staged: true }>,
  ): TableDefinition<DocumentType, Indexes, SearchIndexes, VectorIndexes>;
  vectorIndex(name: string, config: VectorIndexConfig<string, string> & IndexOptions): unknown {
    const read = indexReader(name, config);
    (read.isStaged ? this.stagedVectorIndexes : this.vectorIndexes).push({
      indexDescriptor: name,
      vectorField: read.text("vectorField"),
      dimensions: read.number("dimensions"),
      filterFields: read.texts("filterFields", []),
    });
    return this;
  }

  /**
   * Names what documents shall be in a later version of the schema, while today's validator stays in force.
   *
   * @param documentSchema - A whole validator, or the fields that change; a field of `undefined` goes away.
   */
  staged(
    documentSchema: Validator<Record<string, any>, "required", any> | Record<string, GenericValidator | undefined>,
  ): TableDefinition<DocumentType, Indexes, SearchIndexes, VectorIndexes> {
    if (this.stagedValidator !== undefined) throw invalidSchema("Table cannot have more than one staged validator.");
    if (isValidator(documentSchema)) {
      this.stagedValidator = documentSchema;
      return this;
    }
    const enforced: GenericValidator = this.validator;
    if (enforced.kind !== "object" && enforced.kind !== "any") {
      throw invalidSchema(
        "Specifying top-level field changes is only supported for simple table definitions. For a table defined with a " +
          "union or record validator, you must stage a fully defined object or union validator.",
      );
    }
    const changes = entriesOf(documentSchema, "staged() takes a validator, or an object of validators");
    const fields = { ...(enforced.kind === "object" ? enforced.fields : {}), ...Object.fromEntries(changes) };
    this.stagedValidator = v.object(
      Object.fromEntries(
        Object.entries(fields).filter((field): field is [string, GenericValidator] => field[1] !== undefined),
      ),
    );
    return this;
  }

  /** @internal The exported form. */
  export(): TableJson {
    const documentType: unknown = this.validator.json;
    if (typeof documentType !== "object") {
      throw invalidSchema(
        "Invalid validator: please make sure that the parameter of `defineTable` is valid " +
          "(see https://docs.convex.dev/database/schemas)",
      );
    }
    const stagedDocumentType: unknown = this.stagedValidator?.json;
    if (this.stagedValidator !== undefined && typeof stagedDocumentType !== "object") {
      throw invalidSchema(
        "Invalid staged validator: please make sure that the parameter of `.staged()` is valid " +
          "(see https://docs.convex.dev/database/schemas)",
      );
    }
    return {
      indexes: this.indexes,
      stagedDbIndexes: this.stagedDbIndexes,
      searchIndexes: this.searchIndexes,
      stagedSearchIndexes: this.stagedSearchIndexes,
      vectorIndexes: this.vectorIndexes,
      stagedVectorIndexes: this.stagedVectorIndexes,
      documentType: documentType as ValidatorJson,
      stagedDocumentType: stagedDocumentType as ValidatorJson | undefined,
    };
  }
}

/** An index of more fields than this is not looked at; the engine allows far fewer. */
const INDEX_FIELDS_MAX = 1024;

/** Reads what an index is to be: what is none is named, as the types would. */
function indexReader(name: unknown, config: unknown) {
  if (typeof name !== "string")
    throw invalidSchema(`The name of an index must be a string. Received ${describe(name)}.`);
  const at = `In index "${name}":`;
  const given = new Map(entriesOf(config, `${at} its fields must be an array of names, or an object that has one`));
  const fail = (key: string, what: string) =>
    invalidSchema(`${at} \`${key}\` must be ${what}. Received ${describe(given.get(key))}.`);
  return {
    isStaged: Boolean(given.get("staged")),
    text(key: string): string {
      const value = given.get(key);
      if (typeof value !== "string") throw fail(key, "the name of a field");
      return value;
    },
    number(key: string): number {
      const value = given.get(key);
      if (typeof value !== "number") throw fail(key, "a number");
      return value;
    },
    texts(key: string, otherwise?: string[]): string[] {
      const value = given.get(key) ?? otherwise;
      if (!Array.isArray(value) || value.length > INDEX_FIELDS_MAX) throw fail(key, "an array of names of fields");
      return Array.from(value as unknown[], (field) => {
        if (typeof field !== "string") throw fail(key, "an array of names of fields");
        return field;
      });
    },
  };
}

/**
 * Defines a table by the validator of its documents: `v.object`, a `v.union` of objects, or `v.any()`.
 */
export function defineTable<DocumentSchema extends Validator<Record<string, any>, "required", any>>(
  documentSchema: DocumentSchema,
): TableDefinition<DocumentSchema>;
/**
 * Defines a table by the fields of its documents. `_id` and `_creationTime` are added to every document.
 */
export function defineTable<DocumentSchema extends Record<string, GenericValidator>>(
  documentSchema: DocumentSchema,
): TableDefinition<VObject<ObjectType<DocumentSchema>, DocumentSchema>>;
export function defineTable(
  documentSchema: Validator<Record<string, any>, "required", any> | Record<string, GenericValidator>,
): unknown {
  if (isValidator(documentSchema)) return new TableDefinition(documentSchema);
  entriesOf(documentSchema, "defineTable() takes the validator of its documents, or an object of validators");
  return new TableDefinition(v.object(documentSchema));
}
