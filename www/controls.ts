/** A control for a field: which one its validator asks for, with a value in it, and the value that comes out. */
import { ConvexError } from "holdfast";
import { h, select } from "./dom";
import { inWords, textOf, written, type Field } from "./fields";
import type { Refusal } from "./problems";
import type { References } from "./references";

type Input = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

export interface Control {
  readonly field: Field;
  readonly element: Input;
  /** The value; what was not touched is the very value that was given. Throws a refusal if it can't be one. */
  read(): unknown;
  readonly isChanged: boolean;
}

const refuse = (field: Field, message: string): never => {
  throw new ConvexError<Refusal>({ field: field.path, message });
};

/** Long texts get room in a form; a cell of a list has one line. */
const isLong = ({ path }: Field): boolean => path === "description";

export function makeControl(field: Field, value: unknown, references: References, place: "form" | "cell"): Control {
  const element = inputFor(field, value, references, place);
  element.name = field.path;
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

function inputFor(field: Field, value: unknown, references: References, place: "form" | "cell"): Input {
  const { kind, label } = field;
  const given = (value ?? "") as string | number | boolean;
  switch (kind.is) {
    case "id":
    case "choice":
    case "yesOrNo": {
      const options: (readonly [string, string])[] =
        kind.is === "id"
          ? references.options(kind.table)
          : kind.is === "choice"
            ? kind.values.map((each) => [each, inWords(each)] as const)
            : [
                ["true", "Yes"],
                ["false", "No"],
              ];
      const none = kind.is === "id" ? references.noneOf(field) : "None";
      if (field.none !== undefined) options.unshift(["", none]);
      else if (given === "") options.unshift(["", "Choose…"]);
      const wanted = String(given);
      // What a document names may be gone; it still is its value.
      if (!options.some(([each]) => each === wanted))
        options.push([wanted, textOf(field, value, references.nameOf) ?? wanted]);
      const element = select(field.path, label, options);
      element.value = wanted;
      return element;
    }
    case "day":
    case "time": {
      const element = h("input", { type: kind.is === "day" ? "date" : "datetime-local", "aria-label": label });
      if (value != null) element.value = written(kind.is, value as number);
      return element;
    }
    case "number": {
      const props = { type: "number", step: "any", "aria-label": label };
      return h("input", { ...props, value: String(given as number) });
    }
    case "list":
      return h("input", {
        "aria-label": label,
        autocomplete: "off",
        placeholder: "one, another",
        value: ((value as string[] | undefined) ?? []).join(", "),
      });
    case "text": {
      const props = { "aria-label": label, autocomplete: "off" as const, value: String(given) };
      return place === "form" && isLong(field) ? h("textarea", { ...props, rows: 3 }) : h("input", props);
    }
  }
}

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
