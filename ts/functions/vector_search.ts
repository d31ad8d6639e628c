/**
 * Types only: search by vectors, which needs a server.
 */
import type {
  DocumentByInfo,
  FieldTypeFromFieldPath,
  GenericDataModel,
  GenericDocument,
  GenericId,
  GenericTableInfo,
  GenericVectorIndexConfig,
  NamedTableInfo,
  NamedVectorIndex,
  TableNamesInDataModel,
  VectorIndexNames,
} from "../data_model.js";

/** What a search is asked for. */
export interface VectorSearchQuery<TableInfo extends GenericTableInfo, IndexName extends VectorIndexNames<TableInfo>> {
  /** As many numbers as the index has dimensions. */
  vector: number[];
  /** The most results. */
  limit?: number;
  /** Which documents may be among them. */
  filter?: (
    q: VectorFilterBuilder<DocumentByInfo<TableInfo>, NamedVectorIndex<TableInfo, IndexName>>,
  ) => FilterExpression<boolean>;
}

/** Searches an index. */
export type VectorSearch<
  DataModel extends GenericDataModel,
  TableName extends TableNamesInDataModel<DataModel>,
  IndexName extends VectorIndexNames<NamedTableInfo<DataModel, TableName>>,
> = (
  tableName: TableName,
  indexName: IndexName,
  query: VectorSearchQuery<NamedTableInfo<DataModel, TableName>, IndexName>,
) => Promise<{ _id: GenericId<TableName>; _score: number }[]>;

/** Something that is true or false of a document. */
export declare abstract class FilterExpression<T> {
  /** Tells expressions apart by what they compute. */
  protected readonly _value: T;
}

/** Makes expressions. */
export interface VectorFilterBuilder<Document extends GenericDocument, Config extends GenericVectorIndexConfig> {
  /** The field equals the value. */
  eq<FieldName extends Config["filterFields"]>(
    fieldName: FieldName,
    value: FieldTypeFromFieldPath<Document, FieldName>,
  ): FilterExpression<boolean>;
  /** One of them is true. */
  or(...expressions: FilterExpression<boolean>[]): FilterExpression<boolean>;
}
