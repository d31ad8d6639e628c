/**
 * What the encoder knows of a table's documents before it meets one: which fields objects have, in the order they are
 * written in, with the bytes of their names.
 */
import { fieldNameProblem } from "./checked.js";
import type { ValidatorJson } from "./validators.js";

/** The engine's dictionary of field names as a map to their ids, which count from 1. */
export type NameIds = ReadonlyMap<string, number>;

/** Makes the map of ids from the engine's list of names. */
export function nameIds(names: readonly string[]): NameIds {
  return new Map(names.map((name, index) => [name, index + 1]));
}

/** What a validator tells about the objects inside a value. */
export interface Plan {
  /** The fields of an object. */
  readonly shape: Shape | undefined;
  /** The elements of an array, or the values of a record. */
  readonly element: Plan | undefined;
}

/** Declared fields in the order they are written in, as parallel arrays. */
export interface Shape {
  readonly names: readonly string[];
  /** The id, or 0 where `headers` must be used. */
  readonly shortIds: readonly number[];
  /** The bytes of the name as they are written. */
  readonly headers: readonly Uint8Array[];
  readonly plans: readonly (Plan | undefined)[];
  /** Whether objects inherit something of this name, such as `constructor`. */
  readonly inherited: readonly boolean[];
  readonly known: ReadonlySet<string>;
}

/** What a validator tells about the objects inside a value, or nothing. */
export function planOf(validator: ValidatorJson, ids: NameIds, alsoKnown: readonly string[] = []): Plan | undefined {
  switch (validator.type) {
    case "object": {
      const fields = new Map(
        Object.entries(validator.value).map(([name, field]) => [name, planOf(field.fieldType, ids)] as const),
      );
      return { shape: shapeOf(fields, ids, alsoKnown), element: undefined };
    }
    case "array":
      return elementPlan(planOf(validator.value, ids));
    case "record":
      // Written as a bare validator by Convex up to 1.16.
      return elementPlan(planOf(validator.values.fieldType ?? (validator.values as unknown as ValidatorJson), ids));
    case "union":
      return unionOf(
        validator.value.map((member) => planOf(member, ids, alsoKnown)),
        ids,
        alsoKnown,
      );
    default:
      return undefined;
  }
}

function elementPlan(element: Plan | undefined): Plan | undefined {
  return element && { shape: undefined, element };
}

/** A plan for any of several: an object may have the fields of all members, because what is missing is stepped over. */
function unionOf(plans: readonly (Plan | undefined)[], ids: NameIds, alsoKnown: readonly string[]): Plan | undefined {
  const given = plans.filter((plan) => plan !== undefined);
  if (given.length <= 1) return given[0];
  const shapes = given.map((plan) => plan.shape).filter((shape) => shape !== undefined);
  const fields = new Map<string, Plan | undefined>();
  for (const name of new Set(shapes.flatMap((shape) => shape.names))) {
    const inside = shapes.map((shape) => shape.plans[shape.names.indexOf(name)]);
    fields.set(name, unionOf(inside, ids, []));
  }
  return {
    shape: shapes.length > 0 ? shapeOf(fields, ids, alsoKnown) : undefined,
    element: unionOf(
      given.map((plan) => plan.element),
      ids,
      [],
    ),
  };
}

function shapeOf(fields: ReadonlyMap<string, Plan | undefined>, ids: NameIds, alsoKnown: readonly string[]): Shape {
  // A name that the engine will refuse goes the slow way, where it is refused with its name.
  const names = [...fields.keys()]
    .filter((name) => fieldNameProblem(name) === undefined && !alsoKnown.includes(name))
    .sort();
  return {
    names,
    shortIds: names.map((name) => {
      const id = ids.get(name) ?? 0;
      return id < 0x80 ? id : 0;
    }),
    headers: names.map((name) => {
      const header: number[] = [];
      const id = ids.get(name);
      if (id === undefined) header.push(0);
      let rest = id ?? name.length;
      for (; rest > 0x7f; rest >>>= 7) header.push((rest & 0x7f) | 0x80);
      header.push(rest);
      if (id === undefined) header.push(...Array.from(name, (letter) => letter.charCodeAt(0)));
      return Uint8Array.from(header);
    }),
    plans: names.map((name) => fields.get(name)),
    inherited: names.map((name) => name in Object.prototype),
    known: new Set([...names, ...alsoKnown]),
  };
}
