/**
 * What code written for Convex imports from `convex/server`: schemas, functions and references, and what only a server
 * can run as far as files have to load.
 */
// Files that Convex's tool generates read `process.env` when they load, which no browser has.
(globalThis as { process?: unknown }).process ??= { env: {} };

// Schemas.
export { defineSchema, docValidator, SchemaDefinition } from "../schema.js";
export type {
  DataModelFromSchemaDefinition,
  DefineSchemaOptions,
  DocValidator,
  GenericSchema,
  SystemFieldValidators,
} from "../schema.js";
export { defineTable, TableDefinition } from "../table.js";
export type { Index, SearchIndex, SearchIndexConfig, VectorIndex, VectorIndexConfig } from "../table.js";
export type {
  AnyDataModel,
  BetterOmit,
  DocumentByInfo,
  DocumentByName,
  Expand,
  FieldPaths,
  FieldTypeFromFieldPath,
  FieldTypeFromFieldPathInner,
  GenericDataModel,
  GenericDocument,
  GenericFieldPaths,
  GenericIndexFields,
  GenericSearchIndexConfig,
  GenericTableIndexes,
  GenericTableInfo,
  GenericTableSearchIndexes,
  GenericTableVectorIndexes,
  GenericVectorIndexConfig,
  IdField,
  Indexes,
  IndexNames,
  IndexTiebreakerField,
  NamedIndex,
  NamedTableInfo,
  SystemDataModel,
  SystemFields,
  SystemIndexes,
  SystemTableNames,
  TableNamesInDataModel,
  WithOptionalSystemFields,
  WithoutSystemFields,
} from "../data_model.js";

// Queries.
export type { BaseTableReader, BaseTableWriter, GenericDatabaseReader, GenericDatabaseWriter } from "../context.js";
export type { Expression, ExpressionOrValue, FilterBuilder } from "../filter.js";
export type { IndexRange, IndexRangeBuilder } from "../index_range.js";
export type { Cursor, OrderedQuery, PaginationOptions, PaginationResult, Query, QueryInitializer } from "../query.js";
export { paginationOptsValidator, paginationResultValidator } from "./pagination.js";

// Functions.
export {
  actionGeneric,
  httpActionGeneric,
  internalActionGeneric,
  internalMutationGeneric,
  internalQueryGeneric,
  mutationGeneric,
  queryGeneric,
} from "../functions/registration.js";
export type {
  ActionBuilder,
  ArgsArray,
  ArgsArrayForOptionalValidator,
  ArgsArrayToObject,
  DefaultArgsForOptionalValidator,
  FunctionVisibility,
  HttpActionBuilder,
  MutationBuilder,
  PublicHttpAction,
  QueryBuilder,
  RegisteredAction,
  RegisteredMutation,
  RegisteredQuery,
  ReturnValueForOptionalValidator,
  ValidatorTypeToReturnType,
} from "../functions/registration.js";
export type {
  AdvancedRunQueryOptions,
  Auth,
  FileMetadata,
  GenericActionCtx,
  GenericMutationCtx,
  GenericQueryCtx,
  Scheduler,
  StorageActionWriter,
  StorageId,
  StorageReader,
  StorageWriter,
  UserIdentity,
} from "../functions/context.js";
export { anyApi, filterApi, getFunctionName, makeFunctionReference } from "../functions/reference.js";
export type {
  AnyApi,
  ApiFromModules,
  ArgsAndOptions,
  DefaultFunctionArgs,
  FilterApi,
  FunctionArgs,
  FunctionReference,
  FunctionReturnType,
  FunctionType,
  OptionalRestArgs,
  PartialApi,
} from "../functions/reference.js";

// What runs on a server alone.
export { componentsGeneric, cronJobs, httpRouter, HttpRouter, ROUTABLE_HTTP_METHODS } from "./server_only.js";
export type { AnyComponents, Crons } from "./server_only.js";
