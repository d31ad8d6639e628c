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
export { Database, openDatabase } from "./database.js";
export type {
  DatabaseStats,
  IndexWork,
  MutateOptions,
  OpenDatabaseOptions,
  RecentCommit,
  RepairReport,
  VerifyOptions,
  VerifyProgress,
  VerifyReport,
} from "./database.js";
export type { WasmSource } from "./wasm.js";

// Schemas, tables and validators.
export { defineSchema, docValidator, SchemaDefinition } from "./schema.js";
export type {
  DataModelFromSchemaDefinition,
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

// Queries and contexts.
export type { Cursor, OrderedQuery, PaginationOptions, PaginationResult, Query, QueryInitializer } from "./query.js";
export type {
  IndexRange,
  IndexRangeBuilder,
  LowerBoundIndexRangeBuilder,
  UpperBoundIndexRangeBuilder,
} from "./index_range.js";
export type { Expression, ExpressionOrValue, FilterBuilder } from "./filter.js";
export type {
  GenericDatabaseReader,
  GenericDatabaseWriter,
  GenericMutationCtx,
  GenericQueryCtx,
  InsertValue,
  PatchValue,
} from "./context.js";

// Errors.
export { ConvexError, ERROR_CODES, HoldfastError } from "./errors.js";
export type { ErrorCode, HoldfastErrorOptions } from "./errors.js";
