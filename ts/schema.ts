/**
 * Schemas: tables by name, and the types of their documents. Convex's `defineSchema`.
 *
 * ```ts
 * export default defineSchema({
 *   tasks: defineTable({ projectId: v.id("projects"), title: v.string(), dueDate: v.optional(v.number()) })
 *     .index("by_project", ["projectId"])
 *     .index("by_project_and_due_date", ["projectId", "dueDate"]),
 * });
 * ```
 *
 * What is none at all is refused at once; the engine checks the rest when a database is opened.
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
  SystemFields,
  SystemIndexes,
} from "./data_model.js";
import { describeError } from "./describe.js";
import { HoldfastError } from "./errors.js";
import type { JsonValue } from "./json.js";
import type { ExtractFieldPaths, TableDefinition } from "./table.js";
import { v } from "./v.js";
import {
  entriesOf,
  type FieldJson,
  type GenericValidator,
  invalidSchema,
  type Validator,
  type ValidatorJson,
  type VFloat64,
  type VId,
  type VObject,
  type VUnion,
} from "./validators.js";

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
      throw invalidSchema(
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
          throw invalidSchema(
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
    throw invalidSchema(
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
    if (!isTable(table)) throw invalidSchema(`Table "${tableName}" must be made by defineTable().`);
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
          throw invalidSchema(
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
              throw invalidSchema(
                `Table "${tableName}" has a field "${name}": a name has only letters, digits and underscores.`,
              );
            }
            if (!path && name.startsWith("_") && name !== "_id" && name !== "_creationTime") {
              throw invalidSchema(
                `Table "${tableName}" has a field "${name}": names that begin with an underscore are the system's.`,
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

/** The document type with the system fields except `_id`, which needs the table's name. */
type ExtractDocument<T extends Validator<any, any, any>> = Expand<SystemFields & T["type"]>;

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

/**
 * What any schema means to the type checker. The package `convex` declares its tables as a class of its own, from which
 * documents can be told, and indexes cannot: there every name is one.
 */
export type DataModelOf<Schema extends ExportableSchema> =
  Schema extends SchemaDefinition<any, boolean>
    ? DataModelFromSchemaDefinition<Schema>
    : Schema extends { readonly tables: infer Tables extends ForeignTables; strictTableNameTypes?: infer Strict }
      ? MaybeMakeLooseDataModel<
          {
            [TableName in keyof Tables & string]: {
              document: Expand<IdField<TableName> & SystemFields & Tables[TableName]["validator"]["type"]>;
              fieldPaths: keyof IdField<TableName> | keyof SystemFields | Tables[TableName]["validator"]["fieldPaths"];
              indexes: GenericTableIndexes;
              searchIndexes: GenericTableSearchIndexes;
              vectorIndexes: GenericTableVectorIndexes;
            };
          },
          [Strict] extends [false] ? false : true
        >
      : GenericDataModel;

/** Tables whose class is not ours. */
type ForeignTables = Record<string, { validator: { type: any; fieldPaths: string } }>;

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
  /** Where rows of synced tables lie. */
  sync?: Record<string, { home: string; field?: string; kinds: Record<string, string> }>;
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
    if (typeof candidate?.export !== "function") throw invalidSchema(`${problem}.`);
    const exported = candidate.export();
    definition = (typeof exported === "string" ? JSON.parse(exported) : undefined) as SchemaJson;
    const names = new Set(definition.tables.map((table) => table.tableName));
    for (const name of names)
      if (typeof name !== "string") throw invalidSchema(`${problem}: it has a table without a name.`);
    checkValidators(definition.tables, definition.schemaValidation ? names : undefined);
    if (tableNumbers !== undefined) {
      definition.tableNumbers = {};
      const numbers = entriesOf(tableNumbers, "`tableNumbers` must be an object that names tables");
      for (const [name, number] of numbers as [string, number][]) {
        // Those of system tables may be among them.
        if (!/^\w+$/.test(name) || !(names.has(name) || name.startsWith("_"))) {
          throw invalidSchema(`\`tableNumbers\` names the table "${name}", which is not in the schema.`);
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
