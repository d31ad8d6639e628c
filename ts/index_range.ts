/**
 * Ranges of an index: `(q) => q.eq("projectId", id).gte("dueDate", today)`. The types name the step one is at
 * (`IndexRangeBuilder`, `LowerBound…`, `UpperBound…`), so that a wrong order does not compile.
 */
import { requireText } from "./arguments.js";
import type { FieldTypeFromFieldPath, GenericDocument, GenericIndexFields } from "./data_model.js";
import { HoldfastError } from "./errors.js";
import { type SerializedRangeExpression, serializeValue } from "./serialized_query.js";

/** N + 1, up to the most fields an index may have. */
type PlusOne<N extends number> = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16][N];

/** A finished index range. */
export abstract class IndexRange {
  /** Makes the type nominal: only a builder's result is a range. */
  declare private readonly _isIndexRange: undefined;
}

/**
 * Says which part of an index to read: `eq` on fields in the index's order, then at most one lower and one upper bound
 * on the next field.
 */
export interface IndexRangeBuilder<
  Document extends GenericDocument,
  IndexFields extends GenericIndexFields,
  FieldNum extends number = 0,
> extends LowerBoundIndexRangeBuilder<Document, IndexFields[FieldNum]> {
  /** The index's next field equals the value; `undefined` is a missing field. */
  eq(
    fieldName: IndexFields[FieldNum],
    value: FieldTypeFromFieldPath<Document, IndexFields[FieldNum]>,
  ): NextIndexRangeBuilder<Document, IndexFields, FieldNum>;
}

type NextIndexRangeBuilder<
  Document extends GenericDocument,
  IndexFields extends GenericIndexFields,
  FieldNum extends number,
> =
  PlusOne<FieldNum> extends IndexFields["length"]
    ? IndexRange
    : IndexRangeBuilder<Document, IndexFields, PlusOne<FieldNum>>;

/** Says where a range begins. */
export interface LowerBoundIndexRangeBuilder<
  Document extends GenericDocument,
  IndexFieldName extends string,
> extends UpperBoundIndexRangeBuilder<Document, IndexFieldName> {
  /** The field is greater than the value. `gt(field, undefined)` means that the field is there. */
  gt(
    fieldName: IndexFieldName,
    value: FieldTypeFromFieldPath<Document, IndexFieldName>,
  ): UpperBoundIndexRangeBuilder<Document, IndexFieldName>;
  /** The field is greater than or equal to the value. */
  gte(
    fieldName: IndexFieldName,
    value: FieldTypeFromFieldPath<Document, IndexFieldName>,
  ): UpperBoundIndexRangeBuilder<Document, IndexFieldName>;
}

/** Says where a range ends. */
export interface UpperBoundIndexRangeBuilder<
  Document extends GenericDocument,
  IndexFieldName extends string,
> extends IndexRange {
  /** The field is less than the value. */
  lt(fieldName: IndexFieldName, value: FieldTypeFromFieldPath<Document, IndexFieldName>): IndexRange;
  /** The field is less than or equal to the value. */
  lte(fieldName: IndexFieldName, value: FieldTypeFromFieldPath<Document, IndexFieldName>): IndexRange;
}

/** What an app is given as an `IndexRangeBuilder`. Each step makes another, so that none is used twice. */
export class RangeBuilder extends IndexRange {
  readonly #expressions: readonly SerializedRangeExpression[];
  #consumed = false;

  constructor(expressions: readonly SerializedRangeExpression[]) {
    super();
    this.#expressions = expressions;
  }

  eq(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Eq", fieldName, value);
  }
  gt(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Gt", fieldName, value);
  }
  gte(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Gte", fieldName, value);
  }
  lt(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Lt", fieldName, value);
  }
  lte(fieldName: string, value: unknown): RangeBuilder {
    return this.#add("Lte", fieldName, value);
  }

  export(): SerializedRangeExpression[] {
    this.#consume();
    return [...this.#expressions];
  }

  #add(type: SerializedRangeExpression["type"], fieldPath: string, value: unknown): RangeBuilder {
    requireText(fieldPath, type.toLowerCase(), "fieldName");
    this.#consume();
    return new RangeBuilder([...this.#expressions, { type, fieldPath, value: serializeValue(value) }]);
  }

  #consume(): void {
    if (this.#consumed) {
      throw new HoldfastError(
        "InvalidIndexRange",
        "IndexRangeBuilder has already been used! Chain your method calls like `q => q.eq(...).eq(...)`. " +
          "See https://docs.convex.dev/using/indexes",
      );
    }
    this.#consumed = true;
  }
}
