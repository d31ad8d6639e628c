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
  NamedSearchIndex,
  NamedTableInfo,
  NamedVectorIndex,
  SearchIndexes,
  SearchIndexNames,
  SystemDataModel,
  SystemFields,
  SystemIndexes,
  SystemTableNames,
  TableNamesInDataModel,
  VectorIndexes,
  VectorIndexNames,
  WithOptionalSystemFields,
  WithoutSystemFields,
} from "../data_model.js";

// Queries.
export type {
  BaseTableReader,
  BaseTableWriter,
  GenericDatabaseReader,
  GenericDatabaseReaderWithTable,
  GenericDatabaseWriter,
  GenericDatabaseWriterWithTable,
} from "../context.js";
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
  MutationBuilderWithTable,
  PublicHttpAction,
  QueryBuilder,
  QueryBuilderWithTable,
  RegisteredAction,
  RegisteredMutation,
  RegisteredQuery,
  ReturnValueForOptionalValidator,
  UnvalidatedFunction,
  ValidatedFunction,
  ValidatorTypeToReturnType,
} from "../functions/registration.js";
export type {
  AdvancedRunQueryOptions,
  Auth,
  FileMetadata,
  FileStorageId,
  GenericActionCtx,
  GenericMutationCtx,
  GenericMutationCtxWithTable,
  GenericQueryCtx,
  GenericQueryCtxWithTable,
  MutationAuth,
  ReservedJwtClaim,
  ReservedJwtClaimPrefix,
  SchedulableFunctionReference,
  Scheduler,
  SignJwtClaims,
  SignJwtOptions,
  StorageActionWriter,
  StorageId,
  StorageReader,
  StorageWriter,
  UserIdentity,
  UserIdentityAttributes,
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
  FunctionReference_future,
  FunctionReturnType,
  FunctionType,
  OptionalRestArgs,
  PartialApi,
} from "../functions/reference.js";

// What runs on a server alone.
export type { AuthConfig, AuthProvider } from "./auth_config.js";
export {
  componentsGeneric,
  createFunctionHandle,
  currentSystemUdfInComponent,
  defineApp,
  defineComponent,
  getFunctionAddress,
} from "./components.js";
export type {
  AnyChildComponents,
  AnyComponents,
  AppDefinition,
  ComponentDefinition,
  EnvDefinition,
  EnvFromAppDefinition,
  EnvFromDefinition,
  FunctionHandle,
  FunctionHandle_future,
} from "./components.js";
export { cronJobs } from "./crons.js";
export type { CronJob, Crons } from "./crons.js";
export { httpRouter, HttpRouter, ROUTABLE_HTTP_METHODS } from "./routes.js";
export type { RoutableMethod, RouteSpec, RouteSpecWithPath, RouteSpecWithPathPrefix } from "./routes.js";
export { getServiceToken, getServiceUrl, log } from "./services.js";
export type { AuditLogBody, AuditLogValue, ServiceName } from "./services.js";
export type {
  ActionMeta,
  DeploymentMetadata,
  FunctionMetadata,
  MutationMeta,
  QueryMeta,
  RequestMetadata,
  TransactionLimits,
  TransactionMetric,
  TransactionMetrics,
} from "../functions/meta.js";
export type {
  FilterExpression,
  VectorFilterBuilder,
  VectorSearch,
  VectorSearchQuery,
} from "../functions/vector_search.js";
export { SearchFilter } from "../search.js";
export type { SearchFilterBuilder, SearchFilterFinalizer } from "../search.js";
