/**
 * Schemas: tables, their documents' validators and their indexes. Convex's `defineSchema` and `defineTable`.
 *
 * ```ts
 * export default defineSchema({
 *   tasks: defineTable({ projectId: v.id("projects"), title: v.string(), dueDate: v.optional(v.number()) })
 *     .index("by_project", ["projectId"])
 *     .index("by_project_and_due_date", ["projectId", "dueDate"]),
 * });
 * ```
 *
 * A schema object holds what was written, unchecked; the engine checks all of it when a database is opened.
 */
import type {
  AnyDataModel,
  Expand,
  GenericDataModel,
  GenericId,
  GenericTableIndexes,
  GenericTableSearchIndexes,
  GenericTableVectorIndexes,
  IdField,
  IndexTiebreakerField,
  SystemFields,
  SystemIndexes,
} from "./data_model.js";
import { describe, describeError } from "./describe.js";
import { HoldfastError } from "./errors.js";
import type { JsonValue } from "./json.js";
import {
  entriesOf,
  type FieldJson,
  isValidator,
  v,
  type GenericValidator,
  type ObjectType,
  type Validator,
  type ValidatorJson,
  type VFloat64,
  type VId,
  type VObject,
  type VUnion,
} from "./values.js";

/** The fields an index may cover. `_id` is no part: it ends every index anyway. */
type ExtractFieldPaths<T extends Validator<any, any, any>> = T["fieldPaths"] | keyof SystemFields;

/** The document type with the system fields except `_id`, which needs the table's name. */
type ExtractDocument<T extends Validator<any, any, any>> = Expand<SystemFields & T["type"]>;

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
    if (this.stagedValidator !== undefined) throw invalid("Table cannot have more than one staged validator.");
    if (isValidator(documentSchema)) {
      this.stagedValidator = documentSchema;
      return this;
    }
    const enforced: GenericValidator = this.validator;
    if (enforced.kind !== "object" && enforced.kind !== "any") {
      throw invalid(
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
      throw invalid(
        "Invalid validator: please make sure that the parameter of `defineTable` is valid " +
          "(see https://docs.convex.dev/database/schemas)",
      );
    }
    const stagedDocumentType: unknown = this.stagedValidator?.json;
    if (this.stagedValidator !== undefined && typeof stagedDocumentType !== "object") {
      throw invalid(
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
  if (typeof name !== "string") throw invalid(`The name of an index must be a string. Received ${describe(name)}.`);
  const at = `In index "${name}":`;
  const given = new Map(entriesOf(config, `${at} its fields must be an array of names, or an object that has one`));
  const fail = (key: string, what: string) =>
    invalid(`${at} \`${key}\` must be ${what}. Received ${describe(given.get(key))}.`);
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

/** The validators of the fields that every document has. */
export type SystemFieldValidators<TableName extends string> = {
  _id: VId<GenericId<TableName>>;
  _creationTime: VFloat64<number>;
};

type WithSystemFieldValidators<TableName extends string, DocumentType extends Validator<any, any, any>> =
  DocumentType extends VObject<infer Type, infer Fields, any, any>
    ? VObject<Expand<IdField<TableName> & SystemFields & Type>, Expand<SystemFieldValidators<TableName> & Fields>>
    : DocumentType;

/** The validator of a table's documents as they are read: with `_id` and `_creationTime`. */
export type DocValidator<TableName extends string, DocumentType extends Validator<any, any, any>> =
  DocumentType extends VUnion<any, infer Members, any, any>
    ? {
        [Index in keyof Members]: WithSystemFieldValidators<TableName, Members[Index]>;
      } extends infer NewMembers extends Validator<any, "required", any>[]
      ? VUnion<WithSystemFieldValidators<TableName, Members[number]>["type"], NewMembers>
      : never
    : WithSystemFieldValidators<TableName, DocumentType>;

function addSystemFields(tableName: string, validator: GenericValidator): GenericValidator {
  switch (validator.kind) {
    case "object":
      return validator.extend({ _id: v.id(tableName), _creationTime: v.number() }) as GenericValidator;
    case "union":
      return v.union(...validator.members.map((member) => addSystemFields(tableName, member)));
    case "any":
      return validator;
    default:
      throw invalid(
        `Invalid validator for table "${tableName}": a table's documents must be objects, or a union of objects ` +
          "(see https://docs.convex.dev/database/schemas)",
      );
  }
}

/** The validator of a table's documents as they are read, for `args` and `returns` of functions. */
export function docValidator<TableName extends string, Table extends TableDefinition<any, any, any, any>>(
  tableName: TableName,
  table: Table,
): DocValidator<TableName, Table["validator"]> {
  return addSystemFields(tableName, table.validator as GenericValidator) as DocValidator<TableName, Table["validator"]>;
}

/** Tables by name. */
export type GenericSchema = Record<string, TableDefinition>;

/** Options of {@link defineSchema}. */
export interface DefineSchemaOptions<StrictTableNameTypes extends boolean> {
  /** Whether documents are checked against the validators. Default: true. */
  schemaValidation?: boolean;
  /** Whether the types allow only tables of the schema. Default: true. */
  strictTableNameTypes?: StrictTableNameTypes;
}

/**
 * A schema. Made by {@link defineSchema}.
 */
export class SchemaDefinition<Schema extends GenericSchema, StrictTableTypes extends boolean> {
  /** The tables by name. */
  readonly tables: Schema;
  /** For the type checker only. Undefined at run time. */
  declare readonly strictTableNameTypes: StrictTableTypes;
  /** Whether documents are checked against the validators. */
  readonly schemaValidation: boolean;

  /** @internal Use {@link defineSchema}. */
  constructor(tables: Schema, options?: DefineSchemaOptions<StrictTableTypes>) {
    this.tables = tables;
    this.schemaValidation = options?.schemaValidation ?? true;
  }

  /** The validator of a table's documents as they are read. */
  doc<TableName extends keyof Schema & string>(
    tableName: TableName,
  ): DocValidator<TableName, Schema[TableName]["validator"]> {
    return docValidator(tableName, tableOf(this.tables, tableName));
  }

  /** The validator of a table's ids. */
  id<TableName extends keyof Schema & string>(tableName: TableName): VId<GenericId<TableName>> {
    tableOf(this.tables, tableName);
    return v.id(tableName);
  }

  /** @internal The exported form, as text. */
  export(): string {
    return JSON.stringify({
      tables: Object.entries(this.tables).map(([tableName, table]: [string, TableDefinition | undefined]) => {
        if (table === undefined) {
          throw invalid(
            `Table "${tableName}" is undefined in defineSchema(). This is often caused by circular imports.`,
          );
        }
        return { tableName, ...table.export() };
      }),
      schemaValidation: this.schemaValidation,
    });
  }
}

function tableOf<Schema extends GenericSchema, TableName extends keyof Schema & string>(
  tables: Schema,
  tableName: TableName,
): Schema[TableName] {
  const table = Object.hasOwn(tables, tableName) ? tables[tableName] : undefined;
  if (table === undefined) {
    throw invalid(
      `Table "${tableName}" is not in this schema. Tables in this schema: ${Object.keys(tables).join(", ")}`,
    );
  }
  return table;
}

/** Defines a schema by its tables. A table that is undefined, as in imports in a circle, is told of when it is used. */
export function defineSchema<Schema extends GenericSchema, StrictTableNameTypes extends boolean = true>(
  schema: Schema,
  options?: DefineSchemaOptions<StrictTableNameTypes>,
): SchemaDefinition<Schema, StrictTableNameTypes> {
  const tables: TableDocuments[] = [];
  for (const [tableName, table] of entriesOf(schema, "defineSchema() takes an object of tables")) {
    if (table === undefined) continue;
    if (!isTable(table)) throw invalid(`Table "${tableName}" must be made by defineTable().`);
    tables.push({ tableName, ...table.export() });
  }
  const definition = new SchemaDefinition(schema, options);
  checkValidators(tables, definition.schemaValidation ? new Set(Object.keys(schema)) : undefined);
  return definition;
}

/** Whether something is a table, ours or Convex's. */
function isTable(candidate: unknown): candidate is TableDefinition {
  try {
    return typeof (candidate as { export?: unknown } | null)?.export === "function";
  } catch {
    return false; // a proxy
  }
}

/** A table's name, and what its documents are, of an exported schema. */
type TableDocuments = { tableName: string; documentType?: ValidatorJson };

/**
 * Finds what the engine would not be told of, or not in time: names that its encoding has no room for, and ids of tables
 * that there are not, which can be in no document. System tables are not in the schema; where nothing is validated,
 * nothing is claimed, and there are no `names`.
 */
function checkValidators(tables: readonly TableDocuments[], names: ReadonlySet<string> | undefined): void {
  for (const { tableName, documentType } of tables) {
    const visit = (validator: ValidatorJson | FieldJson, path: string): void => {
      if ("fieldType" in validator) return visit(validator.fieldType, path);
      switch (validator.type) {
        case "id":
          if (names === undefined || names.has(validator.tableName) || validator.tableName.startsWith("_")) return;
          throw invalid(
            `Table "${tableName}"${path && `, field "${path}"`}: v.id("${validator.tableName}") names a table that the ` +
              "schema does not have.",
          );
        case "array":
          return visit(validator.value, path);
        case "record":
          visit(validator.keys, path);
          return visit(validator.values, path);
        case "object":
          for (const [name, field] of Object.entries(validator.value)) {
            if (!/^[ -~]*$/.test(name)) {
              throw invalid(
                `Table "${tableName}" has a field "${name}": a name has only letters, digits and underscores.`,
              );
            }
            visit(field, path ? `${path}.${name}` : name);
          }
          return;
        case "union":
          for (const member of validator.value) visit(member, path);
      }
    };
    if (documentType !== undefined) visit(documentType, "");
  }
}

/** What a schema means to the type checker: documents, field paths and indexes of each table. */
export type DataModelFromSchemaDefinition<SchemaDef extends SchemaDefinition<any, boolean>> = MaybeMakeLooseDataModel<
  {
    [TableName in keyof SchemaDef["tables"] & string]: SchemaDef["tables"][TableName] extends TableDefinition<
      infer DocumentType,
      infer Indexes,
      infer SearchIndexes,
      infer VectorIndexes
    >
      ? {
          document: Expand<IdField<TableName> & ExtractDocument<DocumentType>>;
          fieldPaths: keyof IdField<TableName> | ExtractFieldPaths<DocumentType>;
          indexes: Expand<Indexes & SystemIndexes>;
          searchIndexes: SearchIndexes;
          vectorIndexes: VectorIndexes;
        }
      : never;
  },
  SchemaDef["strictTableNameTypes"]
>;

type MaybeMakeLooseDataModel<
  DataModel extends GenericDataModel,
  StrictTableNameTypes extends boolean,
> = StrictTableNameTypes extends true ? DataModel : Expand<DataModel & AnyDataModel>;

/**
 * The documents of a table: `Doc<typeof schema, "tasks">`. Of a data model: `DataModel["tasks"]["document"]`.
 */
export type Doc<
  SchemaDef extends SchemaDefinition<any, boolean>,
  TableName extends keyof DataModelFromSchemaDefinition<SchemaDef> & string,
> = DataModelFromSchemaDefinition<SchemaDef>[TableName]["document"];

/** Anything that exports itself as a schema: ours, or one made with the `convex` package. */
export interface ExportableSchema {
  /** The tables by name. */
  readonly tables: object;
}

/** A schema as the engine takes it: the exported form as data, with the numbers that tables are pinned to. */
export type SchemaJson = {
  tables: ({ tableName: string; documentType?: ValidatorJson } & { [key: string]: JsonValue })[];
  schemaValidation?: boolean;
  tableNumbers?: Record<string, number>;
};

/**
 * @internal A schema as the engine takes it. The schema is asked to export itself, never taken apart, so that one made
 * with Convex's package is as good as ours.
 *
 * @param tableNumbers - The numbers that a Convex deployment gave its tables, to keep ids the same.
 */
export function toDefinition(schema: ExportableSchema, tableNumbers?: Readonly<Record<string, number>>): SchemaJson {
  const problem = "`schema` must be the result of defineSchema()";
  let definition: SchemaJson;
  try {
    const candidate = schema as { export?: () => unknown } | null | undefined;
    if (typeof candidate?.export !== "function") throw invalid(`${problem}.`);
    const exported = candidate.export();
    definition = (typeof exported === "string" ? JSON.parse(exported) : undefined) as SchemaJson;
    const names = new Set(definition.tables.map((table) => table.tableName));
    for (const name of names) if (typeof name !== "string") throw invalid(`${problem}: it has a table without a name.`);
    checkValidators(definition.tables, definition.schemaValidation ? names : undefined);
    if (tableNumbers !== undefined) {
      definition.tableNumbers = {};
      const numbers = entriesOf(tableNumbers, "`tableNumbers` must be an object that names tables");
      for (const [name, number] of numbers as [string, number][]) {
        // Those of system tables may be among them.
        if (!/^\w+$/.test(name) || !(names.has(name) || name.startsWith("_"))) {
          throw invalid(`\`tableNumbers\` names the table "${name}", which is not in the schema.`);
        }
        definition.tableNumbers[name] = number;
      }
    }
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError("InvalidSchema", `${problem}; it can't be read: ${describeError(cause)}`, { cause });
  }
  return definition;
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("InvalidSchema", message);
}
