/**
 * What code written for Convex imports from `convex/values`.
 */
export { Base64 } from "./base64.js";
export { CommitTsPlaceholder } from "./commit_ts.js";
export { compareValues } from "./compare.js";
export { convexToJson, jsonToConvex } from "./convex_json.js";
export type { JsonValue as JSONValue } from "../json.js";
export { ConvexError } from "../errors.js";
export { getConvexSize, getDocumentSize } from "../size.js";
export { asObjectValidator, v } from "../v.js";
export type { AsObjectValidator } from "../v.js";
export type { GenericId, NumericValue, Value } from "../data_model.js";
export type {
  GenericValidator,
  FieldJson as ObjectFieldType,
  Infer,
  ObjectType,
  OptionalProperty,
  PropertyValidators,
  RecordKeyValidatorJson as RecordKeyValidatorJSON,
  RecordValueValidatorJson as RecordValueValidatorJSON,
  Validator,
  ValidatorJson as ValidatorJSON,
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
} from "../validators.js";
