/**
 * Validators as they are written: Convex's `v`, so that a `convex/schema.ts` needs no change.
 */
import type { GenericId } from "./data_model.js";
import {
  type GenericValidator,
  type Infer,
  invalidSchema,
  isValidator,
  type ObjectType,
  type PropertyValidators,
  undefinedValidator,
  type Validator,
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
  type VOptional,
  VRecord,
  VString,
  VUnion,
} from "./validators.js";

const required = { isOptional: "required" } as const;

/**
 * The validator builder.
 */
export const v = {
  /** The id of a document in the named table. The table is checked, not whether the document exists. */
  id: <TableName extends string>(tableName: TableName): VId<GenericId<TableName>> =>
    new VId<GenericId<TableName>>({ ...required, tableName: tableName }),
  /** `null`. */
  null: (): VNull => new VNull(required),
  /** A float64: any JavaScript number. */
  number: (): VFloat64 => new VFloat64(required),
  /** A float64: any JavaScript number. */
  float64: (): VFloat64 => new VFloat64(required),
  /** @deprecated Use `v.int64()`. */
  bigint: (): VInt64 => new VInt64(required),
  /** A bigint from -2^63 to 2^63 - 1. */
  int64: (): VInt64 => new VInt64(required),
  /** An int64 that Convex assigns at commit. */
  commitTs: (): VCommitTs => new VCommitTs(required),
  /** `true` or `false`. */
  boolean: (): VBoolean => new VBoolean(required),
  /** A string of valid Unicode. */
  string: (): VString => new VString(required),
  /** An ArrayBuffer. */
  bytes: (): VBytes => new VBytes(required),
  /** Exactly this value. */
  literal: <T extends string | number | bigint | boolean>(literal: T): VLiteral<T> =>
    new VLiteral<T>({ ...required, value: literal }),
  /** An array, each element of which passes. */
  array: <T extends Validator<any, "required", any>>(element: T): VArray<T["type"][], T> =>
    new VArray<T["type"][], T>({ ...required, element }),
  /** An object with these fields and no others. */
  object: <T extends PropertyValidators>(fields: T): VObject<ObjectType<T>, T> =>
    new VObject<ObjectType<T>, T>({ ...required, fields }),
  /** An object with any number of fields, whose names and values pass. */
  record: <Key extends Validator<string, "required", any>, Value extends Validator<any, "required", any>>(
    keys: Key,
    values: Value,
  ): VRecord<Record<Infer<Key>, Value["type"]>, Key, Value> =>
    new VRecord<Record<Infer<Key>, Value["type"]>, Key, Value>({ ...required, key: keys, value: values }),
  /** A value that passes one of the validators. */
  union: <T extends Validator<any, "required", any>[]>(...members: T): VUnion<T[number]["type"], T> =>
    new VUnion<T[number]["type"], T>({ ...required, members }),
  /** Any value. */
  any: (): VAny => new VAny(required),
  /** A field that may be missing. */
  optional: <T extends GenericValidator>(value: T): VOptional<T> => {
    if (value === undefined) throw undefinedValidator("v.optional()");
    if (!isValidator(value)) throw invalidSchema("v.optional() takes a validator");
    return value.asOptional() as VOptional<T>;
  },
  /** A value that passes, or `null`. */
  nullable: <T extends Validator<any, "required", any>>(value: T): VUnion<T["type"] | null, [T, VNull]> =>
    v.union(value, v.null()),
};

/** A validator, or the fields of an object, as {@link asObjectValidator} takes them. */
export type AsObjectValidator<V extends Validator<any, any, any> | PropertyValidators> =
  V extends Validator<any, any, any> ? V : V extends PropertyValidators ? Validator<ObjectType<V>> : never;

/** The validator itself, or the object validator of a map of fields. */
export function asObjectValidator<V extends Validator<any, any, any> | PropertyValidators>(
  validatorOrFields: V,
): AsObjectValidator<V> {
  return (isValidator(validatorOrFields) ? validatorOrFields : v.object(validatorOrFields)) as AsObjectValidator<V>;
}
