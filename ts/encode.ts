/**
 * The way in: JavaScript values become bytes that the engine checks and stores.
 *
 * ```text
 * document := flags:u8 (0; the engine sets it) fields
 * fields   := count:varint (name value)*      names strictly ascending by their bytes
 * name     := id:varint (from 1, the dictionary's)  |  00 length:varint utf8
 * value    := tag:u8 payload
 *   00 null   01 false   02 true   03 int64: zigzag varint   04 float64: 8 bytes   05 float64 that is an integer: zigzag varint
 *   06 string: length:varint utf8 (07 where it needs no escape in JSON: the engine sets it)   08 bytes: length:varint
 *   09 array: byte_length:u32 count:varint value*   0a object: byte_length:u32 fields   0b undefined: removes a field in a patch
 * ```
 *
 * `JSON.stringify` would turn dates, maps, NaN and `undefined` into something else without a word; this encoder refuses
 * them. It knows each table's fields beforehand, in order and with their ids, so that a row needs no sorting and no look-up.
 * What it does not do: check types. A value of the wrong type is written as what it is, and the engine says what it should be.
 */
import {
  ARRAY_LENGTH_MAX,
  DOCUMENT_SIZE_MAX,
  documentTooLarge,
  fieldNameProblem,
  isArrayBuffer,
  isSimpleObject,
  loneSurrogate,
  NESTING_MAX,
  problemOf,
} from "./checked.js";
import { type NameIds, type Plan, planOf, type Shape } from "./encode_plan.js";
import { HoldfastError } from "./errors.js";
import { isInt64 } from "./json.js";
import type { Sink } from "./sink.js";
import { documentSizeWithin, largestField } from "./size.js";
import type { ValidatorJson } from "./validators.js";

const NULL = 0x00;
const FALSE = 0x01;
const TRUE = 0x02;
const INT64 = 0x03;
const FLOAT64 = 0x04;
const INTEGER = 0x05;
const STRING = 0x06;
const BYTES = 0x08;
const ARRAY = 0x09;
const OBJECT = 0x0a;
const UNDEFINED = 0x0b;

/** Integers beyond are written as eight bytes. */
const INTEGER_MAX = 2 ** 53;
/** Up to here a loop over characters is as fast as the call of a TextEncoder or faster; and the length is one byte. */
const LOOP_LENGTH_MAX = 100;
/**
 * No value's encoding is three times its size by Convex's count, so a document whose encoding is longer than this is
 * over the limit, and the engine need not be given a hundred megabytes to find out.
 */
const ENCODED_DOCUMENT_MAX = 3 * DOCUMENT_SIZE_MAX;
/** What is no document, such as a query: as much as Convex allows the arguments of a function, 16 MiB. */
const ENCODED_VALUE_MAX = 3 * 16 * DOCUMENT_SIZE_MAX;

const NO_NAMES: NameIds = new Map();

/** Thrown inside, when a value has no encoding; {@link problemOf} finds the words. */
const UNENCODABLE = /* @__PURE__ */ new Error("unencodable");
/** Thrown inside, when the encoding is longer than it may be. */
const TOO_LONG = /* @__PURE__ */ new Error("too long");

const utf8 = new TextEncoder();
const float = new DataView(new ArrayBuffer(8));
const CANONICAL_NAN = BigInt("0x7ff8000000000000");
const floatBytes = new Uint8Array(float.buffer);

/** Writes values into a sink. */
class Writer {
  readonly #sink: Sink;
  readonly #ids: NameIds;
  /** Whether names come from ourselves, as those of a query do. */
  readonly #trusted: boolean;
  /** Beyond this the value is too long. */
  #positionMax = 0;

  constructor(sink: Sink, ids: NameIds, trusted: boolean) {
    this.#sink = sink;
    this.#ids = ids;
    this.#trusted = trusted;
  }

  get sink(): Sink {
    return this.#sink;
  }

  /** Begins a value; its getters must not begin another in the same place. */
  begin(lengthMax: number): number {
    const sink = this.#sink;
    sink.requireIdle();
    sink.busy = true;
    this.#positionMax = sink.position + lengthMax;
    return sink.position;
  }

  /** Undoes what was written since `start` and answers why. */
  undo(start: number, value: unknown, problem: unknown): HoldfastError {
    this.#sink.position = start;
    if (problem instanceof HoldfastError) return problem;
    if (problem instanceof WebAssembly.RuntimeError) {
      return new HoldfastError("EngineFault", `The engine stopped: ${problem.message}.`, { cause: problem });
    }
    if (problem !== TOO_LONG) return problemOf(value);
    const document = value as Record<string, unknown>;
    return documentTooLarge(
      documentSizeWithin(document, 16 * ENCODED_DOCUMENT_MAX),
      largestField(document, 16 * ENCODED_DOCUMENT_MAX),
    );
  }

  value(value: unknown, plan: Plan | undefined, depth: number): void {
    const sink = this.#sink;
    switch (typeof value) {
      case "string":
        return this.string(value);
      case "number":
        return this.number(value);
      case "boolean":
        sink.ensure(1);
        sink.bytes[sink.position++] = value ? TRUE : FALSE;
        return;
      case "bigint":
        return this.#bigint(value);
      case "object":
        break;
      default:
        throw UNENCODABLE;
    }
    if (value === null) {
      sink.ensure(1);
      sink.bytes[sink.position++] = NULL;
      return;
    }
    if (Array.isArray(value)) return this.#array(value, plan?.element, depth);
    if (isSimpleObject(value)) return this.#object(value, plan, depth);
    if (isArrayBuffer(value)) return this.#bytes(value);
    throw UNENCODABLE;
  }

  string(text: string): void {
    const length = text.length;
    if (length > LOOP_LENGTH_MAX) return this.#longString(text);
    const sink = this.#sink;
    sink.ensure(length + 2);
    const bytes = sink.bytes;
    let at = sink.position;
    bytes[at++] = STRING;
    bytes[at++] = length;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return this.#longString(text);
      bytes[at++] = code;
    }
    sink.position = at;
  }

  /** Guesses that all is ASCII; if not, the length may take a byte more and the text moves. */
  #longString(text: string): void {
    const sink = this.#sink;
    const length = text.length;
    if (sink.position + length > this.#positionMax) throw TOO_LONG;
    const lengthSize = varintSize(length);
    sink.ensure(1 + 5 + length * 3);
    sink.bytes[sink.position] = STRING;
    const start = sink.position + 1 + lengthSize;
    const { written } = utf8.encodeInto(text, sink.bytes.subarray(start));
    if (written !== length && !isWellFormed(text)) throw UNENCODABLE;
    sink.position += 1;
    const writtenSize = varintSize(written);
    if (writtenSize !== lengthSize) {
      sink.bytes.copyWithin(sink.position + writtenSize, start, start + written);
    }
    this.#varint(written);
    sink.position += written;
  }

  number(value: number): void {
    const sink = this.#sink;
    sink.ensure(9);
    const bytes = sink.bytes;
    const small = value | 0;
    if (small === value && (small !== 0 || 1 / value > 0)) {
      let at = sink.position;
      bytes[at++] = INTEGER;
      let rest = (small << 1) ^ (small >> 31);
      while (rest >>> 0 > 0x7f) {
        bytes[at++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      bytes[at++] = rest;
      sink.position = at;
      return;
    }
    if (Math.abs(value) <= INTEGER_MAX && Math.floor(value) === value && value !== 0) {
      // Zigzag would need 55 bits, more than a double holds: the sign's bit and six more come first, then the rest in
      // two parts of 27 bits. For a negative number zigzag counts from -1.
      const negative = value < 0;
      const magnitude = negative ? -(value + 1) : value;
      const high = Math.floor(magnitude / 0x8000000);
      const low = magnitude - high * 0x8000000;
      let at = sink.position;
      bytes[at++] = INTEGER;
      bytes[at++] = ((low & 0x3f) << 1) | (negative ? 1 : 0) | 0x80;
      bytes[at++] = ((low >> 6) & 0x7f) | 0x80;
      bytes[at++] = ((low >> 13) & 0x7f) | 0x80;
      // Magnitudes below 2^31 took the other way, so `high` is at least 1 (2^31 - 1 is the largest of 31 bits).
      bytes[at++] = ((low >> 20) & 0x7f) | 0x80;
      let rest = high;
      while (rest > 0x7f) {
        bytes[at++] = (rest & 0x7f) | 0x80;
        rest >>= 7;
      }
      bytes[at++] = rest;
      sink.position = at;
      return;
    }
    float.setFloat64(0, value, true);
    // One NaN, whatever bits this one has.
    if (Number.isNaN(value)) float.setBigUint64(0, CANONICAL_NAN, true);
    bytes[sink.position] = FLOAT64;
    bytes.set(floatBytes, sink.position + 1);
    sink.position += 9;
  }

  #bigint(value: bigint): void {
    if (!isInt64(value)) throw UNENCODABLE;
    const sink = this.#sink;
    float.setBigInt64(0, value, true);
    let low = float.getInt32(0, true);
    let high = float.getInt32(4, true);
    const sign = high >> 31;
    high = ((high << 1) | (low >>> 31)) ^ sign;
    low = (low << 1) ^ sign;
    sink.ensure(11);
    const bytes = sink.bytes;
    let at = sink.position;
    bytes[at++] = INT64;
    while (high !== 0 || low >>> 0 > 0x7f) {
      bytes[at++] = (low & 0x7f) | 0x80;
      low = (low >>> 7) | (high << 25);
      high >>>= 7;
    }
    bytes[at++] = low;
    sink.position = at;
  }

  #bytes(value: ArrayBuffer): void {
    const sink = this.#sink;
    const length = value.byteLength;
    if (sink.position + length > this.#positionMax) throw TOO_LONG;
    sink.ensure(6 + length);
    sink.bytes[sink.position++] = BYTES;
    this.#varint(length);
    sink.bytes.set(new Uint8Array(value, 0, length), sink.position); // throws when it is detached
    sink.position += length;
  }

  #array(value: readonly unknown[], plan: Plan | undefined, depth: number): void {
    const sink = this.#sink;
    const length = value.length;
    if (depth >= NESTING_MAX && !this.#trusted) throw UNENCODABLE;
    if (length > ARRAY_LENGTH_MAX && !this.#trusted) throw UNENCODABLE;
    const start = this.#open(ARRAY);
    sink.ensure(5);
    this.#varint(length);
    for (let index = 0; index < length; index += 1) {
      this.value(value[index], plan, depth + 1);
      if (sink.position > this.#positionMax) throw TOO_LONG;
    }
    this.#close(start);
  }

  #object(value: Record<string, unknown>, plan: Plan | undefined, depth: number): void {
    if (depth >= NESTING_MAX && !this.#trusted) throw UNENCODABLE;
    const start = this.#open(OBJECT);
    this.fields(value, plan, depth, false, 0);
    this.#close(start);
  }

  /** Writes a tag and leaves room for the length of what follows. */
  #open(tag: number): number {
    const sink = this.#sink;
    sink.ensure(5);
    sink.bytes[sink.position] = tag;
    sink.position += 5;
    return sink.position;
  }

  #close(start: number): void {
    const sink = this.#sink;
    const length = sink.position - start;
    sink.ensure(0);
    const bytes = sink.bytes;
    bytes[start - 4] = length & 0xff;
    bytes[start - 3] = (length >> 8) & 0xff;
    bytes[start - 2] = (length >> 16) & 0xff;
    bytes[start - 1] = length >>> 24;
  }

  /**
   * Writes the fields of an object.
   *
   * @param patch - Whether `undefined` is written, to remove a field.
   * @param systemFields - How many of its fields are system fields that are left out.
   */
  fields(
    object: Record<string, unknown>,
    plan: Plan | undefined,
    depth: number,
    patch: boolean,
    systemFields: number,
  ): void {
    const sink = this.#sink;
    const start = sink.position;
    const shape = plan?.shape;
    // An object made from another can inherit a declared field; only own ones count.
    if (shape !== undefined && isPlain(object)) {
      const count = this.#declaredFields(object, shape, depth, patch);
      if (this.#isComplete(object, shape, count + systemFields)) return this.#setCount(start, count);
      sink.position = start;
    }
    // Any object: its own keys, sorted. Names beyond ASCII are refused, so the order of code units is that of bytes.
    const names = Object.keys(object);
    if (names.length > 1) names.sort();
    sink.ensure(1);
    sink.position += 1;
    let count = 0;
    for (const name of names) {
      if (systemFields > 0 && isSystemField(name)) continue;
      const value = object[name];
      if (value === undefined && !patch) continue;
      this.#name(name);
      if (value === undefined) {
        sink.ensure(1);
        sink.bytes[sink.position++] = UNDEFINED;
      } else {
        const index = shape === undefined ? -1 : shape.names.indexOf(name);
        this.value(value, index < 0 ? plan?.element : shape!.plans[index], depth + 1);
      }
      count += 1;
      if (sink.position > this.#positionMax) throw TOO_LONG;
    }
    this.#setCount(start, count);
  }

  /** Writes the declared fields that are there and answers how many. */
  #declaredFields(object: Record<string, unknown>, shape: Shape, depth: number, patch: boolean): number {
    const sink = this.#sink;
    const { names, shortIds, headers, plans, inherited } = shape;
    sink.ensure(1);
    sink.position += 1;
    let count = 0;
    for (let index = 0; index < names.length; index += 1) {
      const name = names[index]!;
      const value = object[name];
      if (value === undefined) {
        if (!patch || !Object.hasOwn(object, name)) continue;
      } else if (inherited[index] && !Object.hasOwn(object, name)) continue;
      const id = shortIds[index]!;
      if (id !== 0) {
        sink.ensure(1);
        sink.bytes[sink.position++] = id;
      } else {
        const header = headers[index]!;
        sink.ensure(header.length);
        sink.bytes.set(header, sink.position);
        sink.position += header.length;
      }
      count += 1;
      if (typeof value === "string") this.string(value);
      else if (typeof value === "number") this.number(value);
      else if (value === undefined) {
        sink.ensure(1);
        sink.bytes[sink.position++] = UNDEFINED;
      } else this.value(value, plans[index], depth + 1);
      if (sink.position > this.#positionMax) throw TOO_LONG;
    }
    return count;
  }

  /** Whether the declared fields were all there is to write. */
  #isComplete(object: Record<string, unknown>, shape: Shape, count: number): boolean {
    let own = 0;
    for (const name in object) {
      if (!shape.known.has(name)) return false;
      own += 1;
    }
    if (own === count) return true;
    // Fields that are undefined, not enumerable or inherited: count again, slowly.
    own = 0;
    for (const name of Object.keys(object)) if (object[name] !== undefined) own += 1;
    return own === count;
  }

  /** Fills in the count that `fields` left one byte for. */
  #setCount(start: number, count: number): void {
    const sink = this.#sink;
    if (count < 0x80) {
      sink.ensure(0);
      sink.bytes[start] = count;
      return;
    }
    const extra = varintSize(count) - 1;
    sink.ensure(extra);
    sink.bytes.copyWithin(start + 1 + extra, start + 1, sink.position);
    const end = sink.position + extra;
    sink.position = start;
    this.#varint(count);
    sink.position = end;
  }

  #name(name: string): void {
    const sink = this.#sink;
    const id = this.#ids.get(name);
    if (id !== undefined) {
      sink.ensure(5);
      this.#varint(id);
      return;
    }
    if (!this.#trusted && fieldNameProblem(name) !== undefined) throw UNENCODABLE;
    const length = name.length;
    sink.ensure(6 + length);
    sink.bytes[sink.position++] = 0;
    this.#varint(length);
    for (let index = 0; index < length; index += 1) sink.bytes[sink.position++] = name.charCodeAt(index);
  }

  /** The caller has made room. */
  #varint(value: number): void {
    const sink = this.#sink;
    while (value > 0x7f) {
      sink.bytes[sink.position++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    sink.bytes[sink.position++] = value;
  }
}

/**
 * Writes documents of one table. Made anew when the schema or the dictionary has changed.
 */
export class DocumentEncoder {
  /** `_id` of the document written last, as it was given. */
  id: unknown = undefined;
  /** `_creationTime` of the document written last, as it was given. */
  creationTime: unknown = undefined;
  readonly #plan: Plan | undefined;
  readonly #ids: NameIds;
  /** Kept for the next document, which mostly goes to the same sink. */
  #writer: Writer | undefined;

  /**
   * @param validator - The table's `documentType` in its exported form; without one, any object is written field by field.
   * @param ids - The engine's dictionary of names.
   */
  constructor(validator: ValidatorJson | undefined, ids: NameIds) {
    this.#ids = ids;
    // The system fields are known as well, so that their presence doesn't count as an unknown field.
    this.#plan = validator && planOf(validator, ids, SYSTEM_FIELDS);
  }

  /**
   * Appends a document to the sink. `_id` and `_creationTime` are left out and kept in {@link DocumentEncoder.id} and
   * {@link DocumentEncoder.creationTime}. When it throws, the sink is as before.
   *
   * @param purpose - In a patch, a field of `undefined` is written as one to remove; otherwise it is left out.
   */
  encode(sink: Sink, document: unknown, purpose: "insert" | "patch"): void {
    if (this.#writer?.sink !== sink) this.#writer = new Writer(sink, this.#ids, false);
    const writer = this.#writer;
    const start = writer.begin(ENCODED_DOCUMENT_MAX);
    try {
      // Even these questions can call a proxy's code.
      if (typeof document !== "object" || document === null || Array.isArray(document) || !isSimpleObject(document)) {
        throw notADocument(document);
      }
      const id = (this.id = document["_id"]);
      const creationTime = (this.creationTime = document["_creationTime"]);
      sink.ensure(1);
      sink.bytes[sink.position++] = 0;
      const systemFields = (id === undefined ? 0 : 1) + (creationTime === undefined ? 0 : 1);
      writer.fields(document, this.#plan, 0, purpose === "patch", systemFields);
    } catch (problem) {
      throw writer.undo(start, document, problem);
    } finally {
      sink.busy = false;
    }
  }
}

/** Appends any Convex value to the sink, as it is inside a document. For tests. When it throws, the sink is as before. */
export function encodeValue(sink: Sink, value: unknown, ids: NameIds = NO_NAMES): void {
  encodeWith(new Writer(sink, ids, false), value);
}

/**
 * Appends data of our own making to the sink, such as a query whose values were checked when it was built, or a schema.
 * Its field names may begin with `$`.
 */
export function encodeTrusted(sink: Sink, value: unknown): void {
  encodeWith(new Writer(sink, NO_NAMES, true), value);
}

function encodeWith(writer: Writer, value: unknown): void {
  const start = writer.begin(ENCODED_VALUE_MAX);
  try {
    writer.value(value, undefined, 0);
  } catch (problem) {
    throw writer.undo(start, value, problem);
  } finally {
    writer.sink.busy = false;
  }
}

const SYSTEM_FIELDS = ["_id", "_creationTime"];

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

function isSystemField(name: string): boolean {
  return name === "_id" || name === "_creationTime";
}

function varintSize(value: number): number {
  let size = 1;
  for (; value > 0x7f; value >>>= 7) size += 1;
  return size;
}

/** `String.prototype.isWellFormed` where it exists, since 2023. */
const isWellFormed: (text: string) => boolean =
  "isWellFormed" in String.prototype
    ? (text) => (text as string & { isWellFormed(): boolean }).isWellFormed()
    : (text) => loneSurrogate(text) < 0;

function notADocument(value: unknown): HoldfastError {
  const problem = value !== null && typeof value === "object" && !Array.isArray(value) ? problemOf(value) : undefined;
  if (problem !== undefined) return problem;
  const kind = value === null ? "null" : Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
  return new HoldfastError("InvalidArgument", `A document must be an object, but got ${kind}.`);
}
