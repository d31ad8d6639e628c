/** What comes out of a field's control. */
import { ConvexError } from "holdfast";
import type { Field } from "./fields";
import type { Refusal } from "./problems";

export type Input = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** A control that is on the page. */
export interface Control {
  readonly field: Field;
  readonly element: Input;
  /** The value; what was not touched is the very value that was given. Throws a refusal if it can't be one. */
  read(): unknown;
  readonly isChanged: boolean;
}

export function controlOf(field: Field, element: Input, value: unknown): Control {
  const before = element.value;
  return {
    field,
    element,
    get isChanged() {
      return element.value !== before || element.validity.badInput;
    },
    read() {
      return this.isChanged || value === undefined ? parse(field, element) : value;
    },
  };
}

const refuse = (field: Field, message: string): never => {
  throw new ConvexError<Refusal>({ field: field.path, message });
};

function parse(field: Field, element: Input): unknown {
  const { kind, label, none } = field;
  const text = element.value.trim();
  if (element.validity.badInput) refuse(field, `${label} is not complete.`);
  if (text === "" && kind.is !== "list") {
    if (none !== undefined) return none === "null" ? null : undefined;
    // An id that was not chosen goes to the library as it is: its answer is what is shown.
    return kind.is === "id" ? "" : refuse(field, `${label} can't be empty.`);
  }
  switch (kind.is) {
    case "id":
    case "choice":
    case "text":
      return text;
    case "yesOrNo":
      return text === "true";
    case "list":
      return text
        .split(",")
        .map((each) => each.trim())
        .filter((each) => each !== "");
    case "number":
      return Number(text);
    case "day":
      return Date.parse(text);
    case "time":
      // Without a zone it is a time of this place.
      return new Date(text).getTime();
  }
}
