/**
 * Types only: values, documents, and what a schema means to the type checker. Names and meanings are Convex's, so that
 * types generated for a Convex project and types inferred here can be assigned to each other.
 *
 * Nothing here exists at run time.
 */

/** Makes editors show `{ a: 1; b: 2 }` instead of `{ a: 1 } & { b: 2 }`. */
export type Expand<T> = T extends object ? { [Key in keyof T]: T[Key] } : never;

/** `Omit` that works on each member of a union and keeps index signatures. */
export type BetterOmit<T, K extends keyof T> = {
  [Key in keyof T as Key extends K ? never : Key]: T[Key];
};

/**
 * The id of a document in table `TableName`. At run time it is a string.
 */
export type GenericId<TableName extends string> = string & { __tableName: TableName };

/** Short for {@link GenericId}, as generated Convex code spells it. */
export type Id<TableName extends string> = GenericId<TableName>;

/**
 * Everything that can be stored in a document or passed as an argument. A `number` is a float64, a `bigint` an int64;
 * they are different types and order separately.
 */
export type Value =
  null | bigint | number | boolean | string | ArrayBuffer | Value[] | { [key: string]: undefined | Value };

/** The values that one can compute with. */
export type NumericValue = bigint | number;

/** A document of an unknown table. */
export type GenericDocument = Record<string, Value>;

/** A field, or a path into nested objects such as `settings.isPublic`. */
export type GenericFieldPaths = string;

/** The fields of an index in order, `_creationTime` last. */
export type GenericIndexFields = string[];

/** The indexes of a table by name. */
export type GenericTableIndexes = Record<string, GenericIndexFields>;

/** What a full-text index covers. */
export type GenericSearchIndexConfig = { searchField: string; filterFields: string };

/** The full-text indexes of a table by name. */
export type GenericTableSearchIndexes = Record<string, GenericSearchIndexConfig>;

/** What a vector index covers. */
export type GenericVectorIndexConfig = { vectorField: string; dimensions: number; filterFields: string };

/** The vector indexes of a table by name. */
export type GenericTableVectorIndexes = Record<string, GenericVectorIndexConfig>;

/** All that the types know of one table. */
export type GenericTableInfo = {
  document: GenericDocument;
  fieldPaths: GenericFieldPaths;
  indexes: GenericTableIndexes;
  searchIndexes: GenericTableSearchIndexes;
  vectorIndexes: GenericTableVectorIndexes;
};

/** The full-text indexes of a table. */
export type SearchIndexes<TableInfo extends GenericTableInfo> = TableInfo["searchIndexes"];

/** Their names. */
export type SearchIndexNames<TableInfo extends GenericTableInfo> = keyof SearchIndexes<TableInfo>;

/** One of them. */
export type NamedSearchIndex<
  TableInfo extends GenericTableInfo,
  IndexName extends SearchIndexNames<TableInfo>,
> = SearchIndexes<TableInfo>[IndexName];

/** The vector indexes of a table. */
export type VectorIndexes<TableInfo extends GenericTableInfo> = TableInfo["vectorIndexes"];

/** Their names. */
export type VectorIndexNames<TableInfo extends GenericTableInfo> = keyof VectorIndexes<TableInfo>;

/** One of them. */
export type NamedVectorIndex<
  TableInfo extends GenericTableInfo,
  IndexName extends VectorIndexNames<TableInfo>,
> = VectorIndexes<TableInfo>[IndexName];

/** All that the types know of a schema: its tables by name. */
export type GenericDataModel = Record<string, GenericTableInfo>;

/** The data model of an app without a schema: any table, any document. */
export type AnyDataModel = {
  [tableName: string]: {
    // `any` on purpose: without a schema nothing is known, and Convex says the same.
    document: any;
    fieldPaths: GenericFieldPaths;
    indexes: SystemIndexes;
    searchIndexes: {};
    vectorIndexes: {};
  };
};

/** `A[Key] | B[Key]` of a union `A | B`, with `Default` where a member lacks the key. */
type ValueFromUnion<T, Key, Default> = T extends T ? (Key extends keyof T ? T[Key] : Default) : never;

/**
 * The type of a field, named as `title` or, inside nested objects, as `settings.isPublic`. A field that the document
 * doesn't have is `undefined`; one whose name isn't known may be anything.
 */
export type FieldTypeFromFieldPath<
  Document extends GenericDocument,
  FieldPath extends string,
> = string extends FieldPath
  ? any
  : FieldTypeFromFieldPathInner<Document, FieldPath> extends Value | undefined
    ? FieldTypeFromFieldPathInner<Document, FieldPath>
    : Value | undefined;

/** The recursion of {@link FieldTypeFromFieldPath}. */
export type FieldTypeFromFieldPathInner<
  Document extends GenericDocument,
  FieldPath extends string,
> = FieldPath extends `${infer First}.${infer Rest}`
  ? ValueFromUnion<Document, First, Record<never, never>> extends infer Field
    ? Field extends GenericDocument
      ? FieldTypeFromFieldPath<Field, Rest>
      : undefined
    : undefined
  : ValueFromUnion<Document, FieldPath, undefined>;

/** The document type of a table. */
export type DocumentByInfo<TableInfo extends GenericTableInfo> = TableInfo["document"];

/** The field paths of a table. */
export type FieldPaths<TableInfo extends GenericTableInfo> = TableInfo["fieldPaths"];

/** The indexes of a table. */
export type Indexes<TableInfo extends GenericTableInfo> = TableInfo["indexes"];

/** The names of a table's indexes. */
export type IndexNames<TableInfo extends GenericTableInfo> = keyof Indexes<TableInfo>;

/** The fields of an index in order, `_creationTime` last. */
export type NamedIndex<
  TableInfo extends GenericTableInfo,
  IndexName extends IndexNames<TableInfo>,
> = Indexes<TableInfo>[IndexName];

/** The names of the tables. */
export type TableNamesInDataModel<DataModel extends GenericDataModel> = keyof DataModel & string;

/** One table of a data model. */
export type NamedTableInfo<
  DataModel extends GenericDataModel,
  TableName extends keyof DataModel,
> = DataModel[TableName];

/** The document type of a table by its name. */
export type DocumentByName<
  DataModel extends GenericDataModel,
  TableName extends TableNamesInDataModel<DataModel>,
> = DataModel[TableName]["document"];

/** The fields that every document has besides `_id`. */
export type SystemFields = { _creationTime: number };

/** The field that holds a document's id. */
export type IdField<TableName extends string> = { _id: GenericId<TableName> };

/** The indexes that every table has. */
export type SystemIndexes = { by_id: ["_id"]; by_creation_time: ["_creationTime"] };

/** Convex's own tables. */
export type SystemDataModel = {
  _scheduled_functions: SystemTable<
    "_scheduled_functions",
    { name: string; args: Value[]; scheduledTime: number; completedTime?: number; state: { kind: string } }
  >;
  _storage: SystemTable<"_storage", { sha256: string; size: number; contentType?: string }>;
};

/** The names of Convex's own tables. */
export type SystemTableNames = TableNamesInDataModel<SystemDataModel>;

type SystemTable<TableName extends string, Fields> = {
  document: IdField<TableName> & SystemFields & Fields;
  fieldPaths: GenericFieldPaths;
  indexes: SystemIndexes;
  searchIndexes: {};
  vectorIndexes: {};
};

/** The field that ends every index, so that equal entries have an order. */
export type IndexTiebreakerField = "_creationTime";

/** A document as it is inserted: without `_id` and `_creationTime`. */
export type WithoutSystemFields<Document extends GenericDocument> = Expand<
  BetterOmit<Document, keyof SystemFields | "_id">
>;

/** A document as it is replaced: `_id` and `_creationTime` may stay in. */
export type WithOptionalSystemFields<Document extends GenericDocument> = Expand<
  WithoutSystemFields<Document> & Partial<Pick<Document, keyof SystemFields | "_id">>
>;
