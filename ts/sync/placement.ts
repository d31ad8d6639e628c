/**
 * Where rows of a synced table lie: the option `sync` of `openDatabase`.
 */
import { invalidArgument, requireText } from "../arguments.js";
import { isSimpleObject } from "../checked.js";
import { describe } from "../describe.js";
import type { SchemaJson } from "../schema.js";
import type { SyncPart, TablePlacement } from "../sync_part.js";
import { type FieldJson, invalidSchema, type ValidatorJson } from "../validators.js";

/** What a field's values are merged as, if not as a whole. */
export interface FieldKind {
  /** A string whose letters are merged, or a number to which everybody adds. */
  readonly kind: "text" | "counter";
}

/** A string that several people may edit at the same time: all edits stay, letter by letter. */
export function text(): FieldKind & { readonly kind: "text" } {
  return { kind: "text" };
}

/** A number to which several people may add at the same time: all of it counts. Whole numbers only. */
export function counter(): FieldKind & { readonly kind: "counter" } {
  return { kind: "counter" };
}

/** Field kinds by the names of fields. */
export type FieldKinds = Readonly<Record<string, FieldKind>>;

/** The names of those fields that are of one kind. */
type NamesOf<Kinds extends FieldKinds, Kind extends FieldKind["kind"]> = {
  [Name in keyof Kinds & string]: Kinds[Name]["kind"] extends Kind ? Name : never;
}[keyof Kinds & string];

/** A placement with these kinds. */
type Placement<Field extends string, Kinds extends FieldKinds> = TablePlacement<
  Field,
  NamesOf<Kinds, "text">,
  NamesOf<Kinds, "counter">
>;

/** Makes the functions that place tables. */
export function placementsOf(part: SyncPart) {
  return {
    root: <Kinds extends FieldKinds = Record<never, FieldKind>>(kinds?: Kinds): Placement<never, Kinds> => ({
      home: "root",
      kinds: readKinds("root()", kinds),
      part,
    }),
    within: <const Field extends string, Kinds extends FieldKinds = Record<never, FieldKind>>(
      field: Field,
      kinds?: Kinds,
    ): Placement<Field, Kinds> => {
      requireText(field, "within", "field");
      return { home: "within", field, kinds: readKinds("within(field)", kinds), part };
    },
    workspace: <Kinds extends FieldKinds = Record<never, FieldKind>>(kinds?: Kinds): Placement<never, Kinds> => ({
      home: "workspace",
      kinds: readKinds("workspace()", kinds),
      part,
    }),
    local: (): TablePlacement<never, never, never> => ({ home: "local", kinds: {}, part }),
  };
}

function readKinds(call: string, kinds: FieldKinds | undefined): Record<string, "text" | "counter"> {
  const read: Record<string, "text" | "counter"> = {};
  if (kinds === undefined) return read;
  if (kinds === null || !isSimpleObject(kinds)) {
    throw invalidArgument(`\`${call}\` takes kinds of fields: \`{ notes: text() }\`. Received ${describe(kinds)}.`);
  }
  for (const [name, given] of Object.entries(kinds)) {
    const kind = (given as FieldKind | undefined)?.kind;
    if (kind !== "text" && kind !== "counter") {
      throw invalidArgument(
        `The kind of the field "${name}" must be \`text()\` or \`counter()\`. Received ${describe(given)}.`,
      );
    }
    read[name] = kind;
  }
  return read;
}

/** So many fields are named to somebody who has named none. */
const NAMED = 5;

/** Says of a field of `within` what it is, if it can't say where rows lie. The engine checks the rest. */
export function checkFields({ tables, sync }: SchemaJson): void {
  for (const [table, { home, field }] of Object.entries(sync ?? {})) {
    if (home !== "within" || field === undefined) continue;
    const shapes = shapesOf(tables.find(({ tableName }) => tableName === table)?.documentType);
    if (shapes === undefined) continue;
    const wrong = wrongOf(shapes, field);
    if (wrong === undefined) continue;
    const ids = Object.keys(shapes[0] ?? {}).filter((name) => wrongOf(shapes, name) === undefined);
    const known = ids.length === 0 || ids.length > NAMED ? "" : ` There is "${ids.join('", "')}".`;
    throw invalidSchema(
      `\`sync\` places "${table}" within its field "${field}": ${wrong}. Every document has to have it, as \`v.id(…)\`.${known}`,
    );
  }
}

type Shape = Readonly<Record<string, FieldJson>>;

/** The fields of each kind of document that a table may have, as far as the schema says. */
function shapesOf(type: ValidatorJson | undefined): Shape[] | undefined {
  if (type?.type === "object") return [type.value];
  if (type?.type !== "union") return undefined;
  const members = type.value.map(shapesOf);
  return members.includes(undefined) ? undefined : members.flatMap((shapes) => shapes!);
}

/** Why a field can't say where rows lie, if that is plain. */
function wrongOf(shapes: readonly Shape[], name: string): string | undefined {
  const fields = shapes.map((shape) => (Object.hasOwn(shape, name) ? shape[name] : undefined));
  if (fields.every((field) => field === undefined)) return "the table has no such field";
  if (fields.some((field) => field !== undefined && field.fieldType.type !== "id")) return "that field holds no id";
  if (fields.some((field) => field?.optional !== false)) return "that field is optional, and may be missing";
  return undefined;
}
