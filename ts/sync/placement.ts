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
export type FieldKinds<Names extends string = string> = Readonly<Record<Names, FieldKind>>;

/** Makes the functions that place tables. */
export function placementsOf(part: SyncPart) {
  return {
    root: <Kinds extends string = never>(kinds?: FieldKinds<Kinds>): TablePlacement<never, Kinds> => ({
      home: "root",
      kinds: readKinds(kinds),
      part,
    }),
    within: <const Field extends string, Kinds extends string = never>(
      field: Field,
      kinds?: FieldKinds<Kinds>,
    ): TablePlacement<Field, Kinds> => {
      requireText(field, "within", "field");
      return { home: "within", field, kinds: readKinds(kinds), part };
    },
    workspace: <Kinds extends string = never>(kinds?: FieldKinds<Kinds>): TablePlacement<never, Kinds> => ({
      home: "workspace",
      kinds: readKinds(kinds),
      part,
    }),
    local: (): TablePlacement<never, never> => ({ home: "local", kinds: {}, part }),
  };
}

function readKinds<Kinds extends string>(
  kinds: FieldKinds<Kinds> | undefined,
): Partial<Record<Kinds, "text" | "counter">> {
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
  return read as Partial<Record<Kinds, "text" | "counter">>;
}
