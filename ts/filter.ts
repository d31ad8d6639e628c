/**
 * Filters: `(q) => q.eq(q.field("status"), "done")`. A predicate is called once; what it builds is plain data that the
 * engine evaluates for each document.
 */
import { requireText } from "./arguments.js";
import { isInstance } from "./checked.js";
import type {
  DocumentByInfo,
  FieldPaths,
  FieldTypeFromFieldPath,
  GenericTableInfo,
  NumericValue,
  Value,
} from "./data_model.js";
import { HoldfastError } from "./errors.js";
import { type SerializedExpression, serializeValue } from "./serialized_query.js";

/** Something that a filter computes for each document. */
export abstract class Expression<T extends Value | undefined> {
  /** Makes the type nominal. */
  declare private readonly _isExpression: undefined;
  /**
   * Tells expressions apart by what they compute, here. Declarations keep no types of private members, in Convex's package
   * too: code that was written for it compares fields that may be missing, and adds to them.
   */
  declare private readonly _value: T;
}

/** An expression or a constant. */
export type ExpressionOrValue<T extends Value | undefined> = Expression<T> | T;

/**
 * Builds filters. Comparisons use the order of values across all types and never fail; a missing field is `undefined`.
 */
export interface FilterBuilder<TableInfo extends GenericTableInfo> {
  /** l equals r. */
  eq<T extends Value | undefined>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l does not equal r. */
  neq<T extends Value | undefined>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l is less than r. */
  lt<T extends Value>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l is less than or equal to r. */
  lte<T extends Value>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l is greater than r. */
  gt<T extends Value>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l is greater than or equal to r. */
  gte<T extends Value>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<boolean>;
  /** l + r; both are numbers or both are bigints, here and below. */
  add<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** l - r. */
  sub<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** l * r. */
  mul<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** l / r. */
  div<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** l % r. */
  mod<T extends NumericValue>(l: ExpressionOrValue<T>, r: ExpressionOrValue<T>): Expression<T>;
  /** -x. */
  neg<T extends NumericValue>(x: ExpressionOrValue<T>): Expression<T>;
  /** All are true; stops at the first that is not. */
  and(...exprs: ExpressionOrValue<boolean>[]): Expression<boolean>;
  /** One is true; stops at the first that is. */
  or(...exprs: ExpressionOrValue<boolean>[]): Expression<boolean>;
  /** x is false. */
  not(x: ExpressionOrValue<boolean>): Expression<boolean>;
  /** The value of a field, by its name or its path as in `settings.isPublic`. */
  field<FieldPath extends FieldPaths<TableInfo>>(
    fieldPath: FieldPath,
  ): Expression<FieldTypeFromFieldPath<DocumentByInfo<TableInfo>, FieldPath>>;
}

/** Of the 64 levels that the engine takes, a constant at the bottom is one. */
const FILTER_DEPTH_MAX = 63;

class SerializableExpression<T extends Value | undefined> extends Expression<T> {
  readonly serialized: SerializedExpression;
  /** How many expressions it has inside each other. */
  readonly depth: number;

  constructor(serialized: SerializedExpression, operands: readonly unknown[] = []) {
    super();
    this.serialized = serialized;
    let depth = 0;
    for (const operand of operands) {
      if (isExpression(operand)) depth = Math.max(depth, operand.depth);
    }
    if (depth >= FILTER_DEPTH_MAX) {
      throw new HoldfastError(
        "InvalidFilter",
        `A filter may have ${FILTER_DEPTH_MAX} expressions inside each other; \`and\` and \`or\` take any number at once.`,
      );
    }
    this.depth = depth + 1;
  }
}

function isExpression(operand: unknown): operand is SerializableExpression<Value> {
  return isInstance(operand, SerializableExpression);
}

/** An expression or a constant as a query has it. */
export function serializeExpression(expression: unknown): SerializedExpression {
  return isExpression(expression) ? expression.serialized : { $literal: serializeValue(expression) };
}

function operator<T extends Value | undefined>(name: string, ...operands: unknown[]): Expression<T> {
  return new SerializableExpression<T>({ [name]: operands.map(serializeExpression) }, operands);
}

const operators: FilterBuilder<GenericTableInfo> = {
  eq: (l, r) => operator("$eq", l, r),
  neq: (l, r) => operator("$neq", l, r),
  lt: (l, r) => operator("$lt", l, r),
  lte: (l, r) => operator("$lte", l, r),
  gt: (l, r) => operator("$gt", l, r),
  gte: (l, r) => operator("$gte", l, r),
  add: (l, r) => operator("$add", l, r),
  sub: (l, r) => operator("$sub", l, r),
  mul: (l, r) => operator("$mul", l, r),
  div: (l, r) => operator("$div", l, r),
  mod: (l, r) => operator("$mod", l, r),
  neg: (x) => new SerializableExpression({ $neg: serializeExpression(x) }, [x]),
  and: (...expressions) => operator("$and", ...expressions),
  or: (...expressions) => operator("$or", ...expressions),
  not: (x) => new SerializableExpression({ $not: serializeExpression(x) }, [x]),
  field: (fieldPath) => {
    requireText(fieldPath, "field", "fieldPath");
    return new SerializableExpression({ $field: fieldPath });
  },
};

/**
 * The builder is no document: `(q) => q.title === "a"` would compare nothing with "a" and find nothing. A constant that
 * comes from elsewhere is as good as an expression, as in Convex.
 */
export const filterBuilder = /* @__PURE__ */ new Proxy(operators, {
  get(target, name) {
    if (typeof name === "symbol" || name in target) return Reflect.get(target, name) as unknown;
    throw new HoldfastError(
      "InvalidFilter",
      `A filter's builder has no \`${name}\`. A field of the document is \`q.field("${name}")\`, and it is compared by ` +
        `\`q.eq(q.field("${name}"), value)\`.`,
    );
  },
});
