/**
 * Where rows of a synced table lie: the option `sync` of `openDatabase`.
 */
import { invalidArgument, requireText } from "../arguments.js";
import { describe } from "../describe.js";
import type { SyncPart, TablePlacement } from "../sync_part.js";

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
      kinds: readKinds(kinds),
      part,
    }),
    within: <const Field extends string, Kinds extends FieldKinds = Record<never, FieldKind>>(
      field: Field,
      kinds?: Kinds,
    ): Placement<Field, Kinds> => {
      requireText(field, "within", "field");
      return { home: "within", field, kinds: readKinds(kinds), part };
    },
    workspace: <Kinds extends FieldKinds = Record<never, FieldKind>>(kinds?: Kinds): Placement<never, Kinds> => ({
      home: "workspace",
      kinds: readKinds(kinds),
      part,
    }),
    local: (): TablePlacement<never, never, never> => ({ home: "local", kinds: {}, part }),
  };
}

function readKinds(kinds: FieldKinds | undefined): Record<string, "text" | "counter"> {
  const read: Record<string, "text" | "counter"> = {};
  for (const [name, given] of Object.entries(kinds ?? {})) {
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
