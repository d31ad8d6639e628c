/**
 * Text search as it is written. Search indexes may be defined, and need a server to be searched.
 */
import type { FieldTypeFromFieldPath, GenericDocument, GenericSearchIndexConfig } from "./data_model.js";

/** What is searched for: a text in one field, and values of others. */
export abstract class SearchFilter {
  /** Makes the type nominal: only a builder's result is a filter. */
  declare private readonly _isSearchFilter: undefined;
}

/** Says what is searched for. */
export interface SearchFilterBuilder<Document extends GenericDocument, Config extends GenericSearchIndexConfig> {
  /** The words to look for in the index's field. */
  search(fieldName: Config["searchField"], query: string): SearchFilterFinalizer<Document, Config>;
}

/** Says which values other fields must have. */
export interface SearchFilterFinalizer<
  Document extends GenericDocument,
  Config extends GenericSearchIndexConfig,
> extends SearchFilter {
  /** The field must equal the value. */
  eq<FieldName extends Config["filterFields"]>(
    fieldName: FieldName,
    value: FieldTypeFromFieldPath<Document, FieldName>,
  ): SearchFilterFinalizer<Document, Config>;
}
