/**
 * Validators: what a field may hold, as a value and as a type. `v` makes them.
 *
 * ```ts
 * const task = v.object({ title: v.string(), status: v.union(v.literal("todo"), v.literal("done")) });
 * type Task = Infer<typeof task>; // { title: string; status: "todo" | "done" }
 * ```
 *
 * The classes are told apart by `kind`, never by `instanceof`: a validator may come from another copy of this package or
 * from Convex's. They check nothing themselves; the engine does.
 */
import { isSimpleObject } from "./checked.js";
import type { Expand, GenericId } from "./data_model.js";
import { HoldfastError } from "./errors.js";
import { literalToJson, type JsonValue } from "./json.js";

/** Whether a field may be missing from its object. */
export type OptionalProperty = "optional" | "required";

/** A validator in the form that schemas are exported in. Float64 and int64 keep their old names `number` and `bigint`. */
export type ValidatorJson =
  | { type: "null" | "number" | "bigint" | "commitTs" | "boolean" | "string" | "bytes" | "any" }
  | { type: "literal"; value: JsonValue }
  | { type: "id"; tableName: string }
  | { type: "array"; value: ValidatorJson }
  | { type: "record"; keys: ValidatorJson; values: FieldJson }
  | { type: "object"; value: Record<string, FieldJson> }
  | { type: "union"; value: ValidatorJson[] };

/** A field of an exported object validator. */
export type FieldJson = { fieldType: ValidatorJson; optional: boolean };

/** The names of a record's fields, of an exported validator. */
export type RecordKeyValidatorJson =
  { type: "string" } | { type: "id"; tableName: string } | { type: "union"; value: RecordKeyValidatorJson[] };

/** The values of a record's fields, of an exported validator. */
export type RecordValueValidatorJson = FieldJson & { optional: false };

/** `a.b` of `a` and `b`. */
export type JoinFieldPaths<Start extends string, End extends string> = `${Start}.${End}`;

// `any` as a type argument is the only one that every validator fits: validators are invariant in their type. It never
// becomes the type of a value that an application sees.

/** What all validators share. */
abstract class BaseValidator<
  Type,
  IsOptional extends OptionalProperty = "required",
  FieldPaths extends string = never,
> {
  /** For the type checker only: the type of the values that pass. Undefined at run time. */
  declare readonly type: Type;
  /** For the type checker only: the paths of the fields inside. Undefined at run time. */
  declare readonly fieldPaths: FieldPaths;
  /** Whether the field may be missing. */
  readonly isOptional: IsOptional;
  /** Always `true`; tells validators from everything else. */
  readonly isConvexValidator: true;

  constructor({ isOptional }: { isOptional: IsOptional }) {
    this.isOptional = isOptional;
    this.isConvexValidator = true;
  }

  /** @internal The exported form. */
  abstract get json(): ValidatorJson;
  /** The same validator for a field that may be missing. */
  abstract optional(): Validator<Type | undefined, "optional", FieldPaths>;

  /** @internal The name of {@link BaseValidator.optional} that `v.optional` calls on any validator, Convex's included. */
  asOptional(): Validator<Type | undefined, "optional", FieldPaths> {
    return this.optional();
  }
}

type TableNameFromType<Type> = Type extends GenericId<infer TableName> ? TableName : string;

/** The type of `v.id(tableName)`. */
export class VId<Type, IsOptional extends OptionalProperty = "required"> extends BaseValidator<Type, IsOptional> {
  /** Tells validators apart. */
  readonly kind = "id" as const;
  /** The table that the ids must belong to. */
  readonly tableName: TableNameFromType<Type>;

  /** Use `v.id(tableName)`. */
  constructor({ isOptional, tableName }: { isOptional: IsOptional; tableName: TableNameFromType<Type> }) {
    super({ isOptional });
    if (typeof tableName !== "string") throw invalidSchema("v.id(tableName) requires a string");
    this.tableName = tableName;
  }
  /** @internal */
  get json(): ValidatorJson {
    return { type: "id", tableName: this.tableName };
  }
  /** The same validator for a field that may be missing. */
  optional(): VId<Type | undefined, "optional"> {
    return new VId<Type | undefined, "optional">({
      isOptional: "optional",
      tableName: this.tableName,
    });
  }
}

/** The type of `v.number()` and `v.float64()`. */
export class VFloat64<Type = number, IsOptional extends OptionalProperty = "required"> extends BaseValidator<
  Type,
  IsOptional
> {
  /** Tells validators apart. */
  readonly kind = "float64" as const;
  /** @internal */
  get json(): ValidatorJson {
    return { type: "number" };
  }
  /** The same validator for a field that may be missing. */
  optional(): VFloat64<Type | undefined, "optional"> {
    return new VFloat64<Type | undefined, "optional">({ isOptional: "optional" });
  }
}

/** The type of `v.int64()` and `v.bigint()`. */
export class VInt64<Type = bigint, IsOptional extends OptionalProperty = "required"> extends BaseValidator<
  Type,
  IsOptional
> {
  /** Tells validators apart. */
  readonly kind = "int64" as const;
  /** @internal */
  get json(): ValidatorJson {
    return { type: "bigint" };
  }
  /** The same validator for a field that may be missing. */
  optional(): VInt64<Type | undefined, "optional"> {
    return new VInt64<Type | undefined, "optional">({ isOptional: "optional" });
  }
}

/** The type of `v.commitTs()`: an int64 that Convex assigns when a mutation commits. */
export class VCommitTs<Type = bigint, IsOptional extends OptionalProperty = "required"> extends BaseValidator<
  Type,
  IsOptional
> {
  /** Tells validators apart. */
  readonly kind = "commitTs" as const;
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind };
  }
  /** The same validator for a field that may be missing. */
  optional(): VCommitTs<Type | undefined, "optional"> {
    return new VCommitTs<Type | undefined, "optional">({ isOptional: "optional" });
  }
}

/** The type of `v.boolean()`. */
export class VBoolean<Type = boolean, IsOptional extends OptionalProperty = "required"> extends BaseValidator<
  Type,
  IsOptional
> {
  /** Tells validators apart. */
  readonly kind = "boolean" as const;
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind };
  }
  /** The same validator for a field that may be missing. */
  optional(): VBoolean<Type | undefined, "optional"> {
    return new VBoolean<Type | undefined, "optional">({ isOptional: "optional" });
  }
}

/** The type of `v.bytes()`. */
export class VBytes<Type = ArrayBuffer, IsOptional extends OptionalProperty = "required"> extends BaseValidator<
  Type,
  IsOptional
> {
  /** Tells validators apart. */
  readonly kind = "bytes" as const;
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind };
  }
  /** The same validator for a field that may be missing. */
  optional(): VBytes<Type | undefined, "optional"> {
    return new VBytes<Type | undefined, "optional">({ isOptional: "optional" });
  }
}

/** The type of `v.string()`. */
export class VString<Type = string, IsOptional extends OptionalProperty = "required"> extends BaseValidator<
  Type,
  IsOptional
> {
  /** Tells validators apart. */
  readonly kind = "string" as const;
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind };
  }
  /** The same validator for a field that may be missing. */
  optional(): VString<Type | undefined, "optional"> {
    return new VString<Type | undefined, "optional">({ isOptional: "optional" });
  }
}

/** The type of `v.null()`. */
export class VNull<Type = null, IsOptional extends OptionalProperty = "required"> extends BaseValidator<
  Type,
  IsOptional
> {
  /** Tells validators apart. */
  readonly kind = "null" as const;
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind };
  }
  /** The same validator for a field that may be missing. */
  optional(): VNull<Type | undefined, "optional"> {
    return new VNull<Type | undefined, "optional">({ isOptional: "optional" });
  }
}

/** The type of `v.any()`. */
export class VAny<
  Type = any,
  IsOptional extends OptionalProperty = "required",
  FieldPaths extends string = string,
> extends BaseValidator<Type, IsOptional, FieldPaths> {
  /** Tells validators apart. */
  readonly kind = "any" as const;
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind };
  }
  /** The same validator for a field that may be missing. */
  optional(): VAny<Type | undefined, "optional", FieldPaths> {
    return new VAny<Type | undefined, "optional", FieldPaths>({ isOptional: "optional" });
  }
}

/** The type of `v.literal(value)`. */
export class VLiteral<Type, IsOptional extends OptionalProperty = "required"> extends BaseValidator<Type, IsOptional> {
  /** Tells validators apart. */
  readonly kind = "literal" as const;
  /** The one value that passes. */
  readonly value: Type;

  /** Use `v.literal(value)`. */
  constructor({ isOptional, value }: { isOptional: IsOptional; value: Type }) {
    super({ isOptional });
    if (!["string", "boolean", "number", "bigint"].includes(typeof value)) {
      throw invalidSchema("v.literal(value) must be a string, number, bigint, or boolean");
    }
    this.value = value;
  }
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind, value: literalToJson(this.value as string | number | bigint | boolean) };
  }
  /** The same validator for a field that may be missing. */
  optional(): VLiteral<Type | undefined, "optional"> {
    return new VLiteral<Type | undefined, "optional">({ isOptional: "optional", value: this.value });
  }
}

/** The type of `v.array(element)`. */
export class VArray<
  Type,
  Element extends Validator<any, "required", any>,
  IsOptional extends OptionalProperty = "required",
> extends BaseValidator<Type, IsOptional> {
  /** Tells validators apart. */
  readonly kind = "array" as const;
  /** What each element must be. */
  readonly element: Element;

  /** Use `v.array(element)`. */
  constructor({ isOptional, element }: { isOptional: IsOptional; element: Element }) {
    super({ isOptional });
    if (element === undefined) throw undefinedValidator("v.array()");
    if (!isValidator(element)) throw invalidSchema("The element of v.array() must be a validator");
    this.element = element;
  }
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind, value: this.element.json };
  }
  /** The same validator for a field that may be missing. */
  optional(): VArray<Type | undefined, Element, "optional"> {
    return new VArray<Type | undefined, Element, "optional">({ isOptional: "optional", element: this.element });
  }
}

/** The type of `v.record(key, value)`. */
export class VRecord<
  Type,
  Key extends Validator<string, "required", any>,
  Value extends Validator<any, "required", any>,
  IsOptional extends OptionalProperty = "required",
  FieldPaths extends string = string,
> extends BaseValidator<Type, IsOptional, FieldPaths> {
  /** Tells validators apart. */
  readonly kind = "record" as const;
  /** What each key must be. */
  readonly key: Key;
  /** What each value must be. */
  readonly value: Value;

  /** Use `v.record(key, value)`. */
  constructor({ isOptional, key, value }: { isOptional: IsOptional; key: Key; value: Value }) {
    super({ isOptional });
    if (key === undefined) throw undefinedValidator("v.record()", "key");
    if (value === undefined) throw undefinedValidator("v.record()", "value");
    if (!isValidator(key) || !isValidator(value)) throw invalidSchema("Key and value of v.record() must be validators");
    // The types forbid it; schemas written without them reach this.
    if ((key.isOptional as OptionalProperty) === "optional")
      throw invalidSchema("Record validator cannot have optional keys");
    if ((value.isOptional as OptionalProperty) === "optional") {
      throw invalidSchema("Record validator cannot have optional values");
    }
    this.key = key;
    this.value = value;
  }
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind, keys: this.key.json, values: { fieldType: this.value.json, optional: false } };
  }
  /** The same validator for a field that may be missing. */
  optional(): VRecord<Type | undefined, Key, Value, "optional", FieldPaths> {
    return new VRecord<Type | undefined, Key, Value, "optional", FieldPaths>({
      isOptional: "optional",
      key: this.key,
      value: this.value,
    });
  }
}

/** The type of `v.union(...members)`. */
export class VUnion<
  Type,
  Members extends Validator<any, "required", any>[],
  IsOptional extends OptionalProperty = "required",
  FieldPaths extends string = Members[number]["fieldPaths"],
> extends BaseValidator<Type, IsOptional, FieldPaths> {
  /** Tells validators apart. */
  readonly kind = "union" as const;
  /** The validators of which one must pass. */
  readonly members: Members;

  /** Use `v.union(...members)`. */
  constructor({ isOptional, members }: { isOptional: IsOptional; members: Members }) {
    super({ isOptional });
    members.forEach((member: Validator<any, "required", any> | undefined, index) => {
      if (member === undefined) throw undefinedValidator("v.union()", `member at index ${index}`);
      if (!isValidator(member)) throw invalidSchema("All members of v.union() must be validators");
    });
    this.members = members;
  }
  /** @internal */
  get json(): ValidatorJson {
    return { type: this.kind, value: this.members.map((member) => member.json) };
  }
  /** The same validator for a field that may be missing. */
  optional(): VUnion<Type | undefined, Members, "optional", FieldPaths> {
    return new VUnion<Type | undefined, Members, "optional", FieldPaths>({
      isOptional: "optional",
      members: this.members,
    });
  }
}

/** The type of `v.object(fields)`. */
export class VObject<
  Type,
  Fields extends Record<string, GenericValidator>,
  IsOptional extends OptionalProperty = "required",
  FieldPaths extends string = {
    [Name in keyof Fields]: JoinFieldPaths<Name & string, Fields[Name]["fieldPaths"]> | Name;
  }[keyof Fields] &
    string,
> extends BaseValidator<Type, IsOptional, FieldPaths> {
  /** Tells validators apart. */
  readonly kind = "object" as const;
  /** The validator of each field. Objects with other fields do not pass. */
  readonly fields: Fields;

  /** Use `v.object(fields)`. */
  constructor({ isOptional, fields }: { isOptional: IsOptional; fields: Fields }) {
    super({ isOptional });
    for (const [name, validator] of entriesOf(fields, "v.object() takes an object of validators")) {
      if (validator === undefined) throw undefinedValidator("v.object()", name);
      if (!isValidator(validator)) throw invalidSchema("v.object() entries must be validators");
    }
    this.fields = fields;
  }
  /** @internal */
  get json(): ValidatorJson {
    const value = Object.entries(this.fields).map(([name, validator]): [string, FieldJson] => [
      name,
      { fieldType: validator.json, optional: validator.isOptional === "optional" },
    ]);
    return { type: this.kind, value: Object.fromEntries(value) };
  }
  /** The same validator for a field that may be missing. */
  optional(): VObject<Type | undefined, Fields, "optional", FieldPaths> {
    return new VObject<Type | undefined, Fields, "optional", FieldPaths>({
      isOptional: "optional",
      fields: this.fields,
    });
  }

  /** A new object validator without the named fields. */
  omit<Name extends keyof Fields & string>(
    ...names: Name[]
  ): VObject<Expand<Omit<Type, Name>>, Expand<Omit<Fields, Name>>, IsOptional> {
    const fields: Record<string, GenericValidator> = { ...this.fields };
    for (const name of names) delete fields[name];
    return objectWith(this, fields);
  }

  /** A new object validator with only the named fields. */
  pick<Name extends keyof Fields & string>(
    ...names: Name[]
  ): VObject<Expand<Pick<Type, Extract<keyof Type, Name>>>, Expand<Pick<Fields, Name>>, IsOptional> {
    return objectWith(this, Object.fromEntries(names.map((name) => [name, this.fields[name]!])));
  }

  /** A new object validator whose fields may all be missing. */
  partial(): VObject<
    { [Name in keyof Type]?: Type[Name] },
    { [Name in keyof Fields]: VOptional<Fields[Name]> },
    IsOptional
  > {
    return objectWith(
      this,
      Object.fromEntries(Object.entries(this.fields).map(([name, validator]) => [name, validator.asOptional()])),
    );
  }

  /** A new object validator with more fields; those of the same name are replaced. */
  extend<NewFields extends Record<string, GenericValidator>>(
    fields: NewFields,
  ): VObject<Expand<Type & ObjectType<NewFields>>, Expand<Fields & NewFields>, IsOptional> {
    return objectWith(this, { ...this.fields, ...fields });
  }
}

/** The validator that `v.optional(validator)` makes of another. */
export type VOptional<T extends Validator<any, OptionalProperty, any>> =
  T extends VId<infer Type, OptionalProperty>
    ? VId<Type | undefined, "optional">
    : T extends VString<infer Type, OptionalProperty>
      ? VString<Type | undefined, "optional">
      : T extends VFloat64<infer Type, OptionalProperty>
        ? VFloat64<Type | undefined, "optional">
        : T extends VInt64<infer Type, OptionalProperty>
          ? VInt64<Type | undefined, "optional">
          : T extends VCommitTs<infer Type, OptionalProperty>
            ? VCommitTs<Type | undefined, "optional">
            : T extends VBoolean<infer Type, OptionalProperty>
              ? VBoolean<Type | undefined, "optional">
              : T extends VNull<infer Type, OptionalProperty>
                ? VNull<Type | undefined, "optional">
                : T extends VAny<infer Type, OptionalProperty>
                  ? VAny<Type | undefined, "optional">
                  : T extends VLiteral<infer Type, OptionalProperty>
                    ? VLiteral<Type | undefined, "optional">
                    : T extends VBytes<infer Type, OptionalProperty>
                      ? VBytes<Type | undefined, "optional">
                      : T extends VObject<infer Type, infer Fields, OptionalProperty, infer FieldPaths>
                        ? VObject<Type | undefined, Fields, "optional", FieldPaths>
                        : T extends VArray<infer Type, infer Element, OptionalProperty>
                          ? VArray<Type | undefined, Element, "optional">
                          : T extends VRecord<infer Type, infer Key, infer Value, OptionalProperty, infer FieldPaths>
                            ? VRecord<Type | undefined, Key, Value, "optional", FieldPaths>
                            : T extends VUnion<infer Type, infer Members, OptionalProperty, infer FieldPaths>
                              ? VUnion<Type | undefined, Members, "optional", FieldPaths>
                              : never;

/**
 * A validator of values of type `Type`. Make one with `v`; tell them apart by `kind`. Later versions may add kinds.
 */
export type Validator<Type, IsOptional extends OptionalProperty = "required", FieldPaths extends string = never> =
  | VId<Type, IsOptional>
  | VString<Type, IsOptional>
  | VFloat64<Type, IsOptional>
  | VInt64<Type, IsOptional>
  | VCommitTs<Type, IsOptional>
  | VBoolean<Type, IsOptional>
  | VNull<Type, IsOptional>
  | VAny<Type, IsOptional>
  | VLiteral<Type, IsOptional>
  | VBytes<Type, IsOptional>
  | VObject<Type, Record<string, Validator<any, OptionalProperty, any>>, IsOptional, FieldPaths>
  | VArray<Type, Validator<any, "required", any>, IsOptional>
  | VRecord<Type, Validator<string, "required", any>, Validator<any, "required", any>, IsOptional, FieldPaths>
  | VUnion<Type, Validator<any, "required", any>[], IsOptional, FieldPaths>;

/** A validator of anything. */
export type GenericValidator = Validator<any, any, any>;

/** The fields of an object as validators. */
export type PropertyValidators = Record<string, Validator<any, OptionalProperty, any>>;

type OptionalKeys<Fields extends Record<string, GenericValidator>> = {
  [Name in keyof Fields]: Fields[Name]["isOptional"] extends "optional" ? Name : never;
}[keyof Fields];

/** The type of the objects that pass `v.object(fields)`. */
export type ObjectType<Fields extends PropertyValidators> = Expand<
  // `Exclude` matters under `exactOptionalPropertyTypes` only.
  { [Name in OptionalKeys<Fields>]?: Exclude<Infer<Fields[Name]>, undefined> } & {
    [Name in Exclude<keyof Fields, OptionalKeys<Fields>>]: Infer<Fields[Name]>;
  }
>;

/** The type of the values that pass a validator. */
export type Infer<T extends Validator<any, OptionalProperty, any>> = T["type"];

/** Whether something is a validator, ours or Convex's. */
export function isValidator(candidate: unknown): candidate is GenericValidator {
  try {
    // Compared to `true`, because a map of fields may have a field of this name, whose value is then a validator.
    return (candidate as { isConvexValidator?: unknown } | null | undefined)?.isConvexValidator === true;
  } catch {
    return false; // a proxy
  }
}

/** What an object holds by name; anything else, and a proxy that can't be read, is what `problem` says. */
export function entriesOf(candidate: unknown, problem: string): [string, unknown][] {
  try {
    if (typeof candidate === "object" && candidate !== null && isSimpleObject(candidate)) {
      return Object.entries(candidate);
    }
  } catch (cause) {
    throw new HoldfastError("InvalidSchema", `${problem}.`, { cause });
  }
  throw invalidSchema(`${problem}.`);
}

/** A new object validator with other fields; the callers' return types say what they are. */
function objectWith<Result>(like: { isOptional: OptionalProperty }, fields: Record<string, GenericValidator>): Result {
  return new VObject({ isOptional: like.isOptional, fields }) as Result;
}

/** A definition of the wrong kind. */
export function invalidSchema(message: string): HoldfastError {
  return new HoldfastError("InvalidSchema", message);
}

/** A validator that is not there yet. */
export function undefinedValidator(context: string, fieldName?: string): HoldfastError {
  const field = fieldName === undefined ? "" : ` for field "${fieldName}"`;
  return invalidSchema(
    `A validator is undefined${field} in ${context}. This is often caused by circular imports. ` +
      "See https://docs.convex.dev/error#undefined-validator for details.",
  );
}
