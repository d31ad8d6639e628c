/**
 * Holdfast: a local-first data layer for web apps, with Convex's schema and query language on the device.
 *
 * A schema says what there is:
 * ```ts
 * const schema = defineSchema({ tasks: defineTable({ title: v.string() }).index("by_title", ["title"]) });
 * ```
 * Everything that this package exports is listed here.
 */

// Databases.
export { Database } from "./database.js";
export type { DatabaseStorage, MutateOptions } from "./database.js";
export type {
  DatabaseStats,
  IndexWork,
  RecentCommit,
  RepairReport,
  VerifyOptions,
  VerifyProgress,
  VerifyReport,
} from "./reports.js";
export { Live } from "./live/live.js";
export type { LiveSnapshot, LiveStatus } from "./live/live.js";
export { Durability } from "./durability.js";
export type { DurabilitySnapshot, DurabilityState } from "./durability.js";
export { PendingChanges } from "./pending.js";
export { openDatabase } from "./open_database.js";
export type { OpenDatabaseOptions } from "./open_database.js";
export type { WasmSource } from "./wasm.js";

// Schemas, tables and validators.
export { defineSchema, docValidator, SchemaDefinition } from "./schema.js";
export type {
  DataModelFromSchemaDefinition,
  DataModelOf,
  DefineSchemaOptions,
  Doc,
  DocValidator,
  ExportableSchema,
  GenericSchema,
  SystemFieldValidators,
} from "./schema.js";
export { defineTable, TableDefinition } from "./table.js";
export type { IndexOptions } from "./table.js";
export { asObjectValidator, v } from "./v.js";
export type { AsObjectValidator } from "./v.js";
export { isValidator } from "./validators.js";
export type {
  GenericValidator,
  Infer,
  ObjectType,
  OptionalProperty,
  PropertyValidators,
  Validator,
  VAny,
  VArray,
  VBoolean,
  VBytes,
  VCommitTs,
  VFloat64,
  VId,
  VInt64,
  VLiteral,
  VNull,
  VObject,
  VOptional,
  VRecord,
  VString,
  VUnion,
} from "./validators.js";

// Values.
export { getConvexSize, getDocumentSize } from "./size.js";
export type {
  AnyDataModel,
  DocumentByInfo,
  DocumentByName,
  FieldPaths,
  FieldTypeFromFieldPath,
  GenericDataModel,
  GenericDocument,
  GenericFieldPaths,
  GenericId,
  GenericIndexFields,
  GenericTableIndexes,
  GenericTableInfo,
  Id,
  IdField,
  IndexNames,
  NamedIndex,
  NamedTableInfo,
  NumericValue,
  SystemFields,
  SystemIndexes,
  TableNamesInDataModel,
  Value,
  WithoutSystemFields,
  WithOptionalSystemFields,
} from "./data_model.js";

// Queries and databases.
export type {
  Cursor,
  OrderedQuery,
  PaginationOptions,
  PaginationResult,
  Query,
  QueryInitializer,
  Selected,
} from "./query.js";
export type {
  IndexRange,
  IndexRangeBuilder,
  LowerBoundIndexRangeBuilder,
  UpperBoundIndexRangeBuilder,
} from "./index_range.js";
export type { Expression, ExpressionOrValue, FilterBuilder } from "./filter.js";
export type {
  BaseTableReader,
  BaseTableWriter,
  GenericDatabaseReader,
  GenericDatabaseWriter,
  InsertValue,
  PatchValue,
} from "./context.js";

// Functions and references to them.
export {
  internalMutationGeneric as internalMutation,
  internalMutationGeneric,
  internalQueryGeneric as internalQuery,
  internalQueryGeneric,
  mutationGeneric as mutation,
  mutationGeneric,
  queryGeneric as query,
  queryGeneric,
} from "./functions/registration.js";
export type {
  FunctionVisibility,
  MutationBuilder,
  QueryBuilder,
  RegisteredMutation,
  RegisteredQuery,
} from "./functions/registration.js";
export { anyApi, filterApi, getFunctionName, makeFunctionReference } from "./functions/reference.js";
export type {
  ApiFromModules,
  FilterApi,
  FunctionArgs,
  FunctionReference,
  FunctionReturnType,
} from "./functions/reference.js";
export type { Auth, GenericMutationCtx, GenericQueryCtx, UserIdentity } from "./functions/context.js";
export type { IdentityOption } from "./functions/contexts.js";
export type { FunctionModule, FunctionModules } from "./functions/registry.js";

// Files.
export type { ExportOptions, ExportProgress } from "./transfer/export.js";
export type { ImportMode, ImportOptions, ImportProgress, ImportReport } from "./transfer/import.js";
export type { FileFormat, ImportSource } from "./transfer/sources.js";

// Errors.
export { ConvexError, ERROR_CODES, HoldfastError } from "./errors.js";
export type { ErrorCode, HoldfastErrorOptions } from "./errors.js";
