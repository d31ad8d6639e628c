/**
 * The types of `ctx.db`: what a function reads and writes with. Code written for Convex's type-checks against them
 * unchanged; `count`, `select`, `newId` and `insertMany` are added.
 */
import type { CommitTsPlaceholder } from "./convex/commit_ts.js";
import type {
  BetterOmit,
  DocumentByName,
  Expand,
  GenericDataModel,
  GenericDocument,
  GenericId,
  NamedTableInfo,
  SystemDataModel,
  SystemFields,
  TableNamesInDataModel,
  WithOptionalSystemFields,
} from "./data_model.js";
import type { QueryInitializer } from "./query.js";

/**
 * `never` for nothing else than `never`: keeps a table's name from being inferred as the union of all tables of an id.
 */
export type NonUnion<T> = T extends never ? never : T;

/** What a patch may say: any of the fields; `undefined` removes one that is optional. */
export type PatchValue<Document> = {
  [Name in keyof Document]?: undefined extends Document[Name] ? Document[Name] | undefined : Document[Name];
};

/** Fields of a document that may hold a value of a type: neither those of the system nor ids, which are strings, too. */
export type FieldsOf<Document, Type> = {
  [Name in keyof Document & string]-?: Name extends keyof SystemFields | "_id"
    ? never
    : [Extract<Exclude<Document[Name], GenericId<any>>, Type>] extends [never]
      ? never
      : Name;
}[keyof Document & string];

/** What can be inserted: a document without system fields, with an `_id` from `newId` if need be. */
export type InsertValue<Document extends GenericDocument> = Expand<
  BetterOmit<Document, keyof SystemFields | "_id"> & Partial<Pick<Document, "_id">>
>;

/** Reads documents. */
interface BaseDatabaseReader<DataModel extends GenericDataModel> {
  /** The document with this id in this table, or null. */
  get<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
  ): Promise<DocumentByName<DataModel, TableName> | null>;
  /** The document with this id, or null. */
  get<TableName extends TableNamesInDataModel<DataModel>>(
    id: GenericId<TableName>,
  ): Promise<DocumentByName<DataModel, TableName> | null>;
  /** Begins a query. */
  query<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
  ): QueryInitializer<NamedTableInfo<DataModel, TableName>>;
  /** The string as an id if it is one of this table, else null. The document need not exist. */
  normalizeId<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
    id: string,
  ): GenericId<TableName> | null;
}

/** Reads documents of one table. */
export interface BaseTableReader<
  DataModel extends GenericDataModel,
  TableName extends TableNamesInDataModel<DataModel>,
> {
  /** The document with this id, or null. */
  get(id: GenericId<TableName>): Promise<DocumentByName<DataModel, TableName> | null>;
  /** Begins a query. */
  query(): QueryInitializer<NamedTableInfo<DataModel, TableName>>;
}

/** Reads and writes documents of one table. */
export interface BaseTableWriter<
  DataModel extends GenericDataModel,
  TableName extends TableNamesInDataModel<DataModel>,
> extends BaseTableReader<DataModel, TableName> {
  /** Adds a document and gives its id. */
  insert(value: InsertValue<DocumentByName<DataModel, TableName>>): Promise<GenericId<TableName>>;
  /** Changes the named fields; `undefined` removes one, nested objects are replaced. */
  patch(id: GenericId<TableName>, value: PatchValue<DocumentByName<DataModel, TableName>>): Promise<void>;
  /** Replaces all fields. */
  replace(
    id: GenericId<TableName>,
    value: WithOptionalSystemFields<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;
  /** Removes a document. */
  delete(id: GenericId<TableName>): Promise<void>;
}

/** Reads documents. */
export interface GenericDatabaseReader<DataModel extends GenericDataModel> extends BaseDatabaseReader<DataModel> {
  /** Convex's own tables. They are empty here. */
  system: BaseDatabaseReader<SystemDataModel>;
  /** The same methods for one table. */
  table<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
  ): BaseTableReader<DataModel, TableName>;
}

/** Reads documents by `table` alone. */
export interface GenericDatabaseReaderWithTable<DataModel extends GenericDataModel> {
  /** Convex's own tables. They are empty here. */
  system: Pick<GenericDatabaseReader<SystemDataModel>, "table">;
  /** The methods for one table. */
  table<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
  ): BaseTableReader<DataModel, TableName>;
}

/** Reads and writes documents by `table` alone. */
export interface GenericDatabaseWriterWithTable<
  DataModel extends GenericDataModel,
> extends GenericDatabaseReaderWithTable<DataModel> {
  /** The methods for one table. */
  table<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
  ): BaseTableWriter<DataModel, TableName>;
}

/** Reads and writes documents. */
export interface GenericDatabaseWriter<DataModel extends GenericDataModel> extends GenericDatabaseReader<DataModel> {
  /** The same methods for one table. */
  table<TableName extends TableNamesInDataModel<DataModel>>(
    tableName: TableName,
  ): BaseTableWriter<DataModel, TableName>;
  /** What a server fills in when it saves. */
  vars: {
    /** Refused: it takes a server to know a commit's time. */
    readonly commitTs: bigint & CommitTsPlaceholder;
  };
  /** Adds a document and gives its id. */
  insert<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    value: InsertValue<DocumentByName<DataModel, TableName>>,
  ): Promise<GenericId<TableName>>;
  /** Adds many documents and gives their ids in the same order. Not in Convex. */
  insertMany<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    values: readonly InsertValue<DocumentByName<DataModel, TableName>>[],
  ): Promise<GenericId<TableName>[]>;
  /** An id that no document has yet, for an `insert` to come. Not in Convex. */
  newId<TableName extends TableNamesInDataModel<DataModel>>(table: TableName): GenericId<TableName>;

  /** Changes the named fields; `undefined` removes one, nested objects are replaced. */
  patch<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
    value: PatchValue<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;
  /** Changes the named fields; `undefined` removes one, nested objects are replaced. */
  patch<TableName extends TableNamesInDataModel<DataModel>>(
    id: GenericId<TableName>,
    value: PatchValue<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;

  /** Replaces all fields. */
  replace<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
    value: WithOptionalSystemFields<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;
  /** Replaces all fields. */
  replace<TableName extends TableNamesInDataModel<DataModel>>(
    id: GenericId<TableName>,
    value: WithOptionalSystemFields<DocumentByName<DataModel, TableName>>,
  ): Promise<void>;

  /**
   * Puts letters in place of others in a text field: `deleteCount` UTF-16 units from `index` on. Where the field is
   * placed as `text()`, letters that others change at the same time stay. Not in Convex.
   */
  splice<TableName extends TableNamesInDataModel<DataModel>>(
    id: GenericId<TableName>,
    field: FieldsOf<DocumentByName<DataModel, TableName>, string>,
    index: number,
    deleteCount: number,
    insert?: string,
  ): Promise<void>;
  /**
   * Adds to a number field. Where it is placed as `counter()`, what others add at the same time counts, too. Not in
   * Convex.
   */
  increment<TableName extends TableNamesInDataModel<DataModel>>(
    id: GenericId<TableName>,
    field: FieldsOf<DocumentByName<DataModel, TableName>, number>,
    by?: number,
  ): Promise<void>;

  /** Removes a document. */
  delete<TableName extends TableNamesInDataModel<DataModel>>(
    table: TableName,
    id: GenericId<NonUnion<TableName>>,
  ): Promise<void>;
  /** Removes a document. */
  delete(id: GenericId<TableNamesInDataModel<DataModel>>): Promise<void>;
}
