/** A control for a field: which one its validator asks for. The value that comes out is in controls.ts. */
import { useLayoutEffect, useRef, type ComponentProps } from "react";
import { controlOf, type Control, type Input } from "../controls";
import { inWords, textOf, written, type Field } from "../fields";
import { useNames } from "../references";

interface Props {
  field: Field;
  value: unknown;
  place: "form" | "cell";
  /** Gets the control when it is there. */
  onReady: (control: Control) => void;
  isInvalid?: boolean;
}

/** Long texts get room in a form; a cell of a list has one line. */
const isLong = ({ path }: Field): boolean => path === "description";

export function FieldInput({
  field,
  value,
  place,
  onReady,
  isInvalid = false,
  ...events
}: Props & Pick<ComponentProps<"input">, "onKeyDown" | "onBlur" | "onChange">) {
  const references = useNames();
  const element = useRef<Input>(null);
  const given = useRef(value);
  useLayoutEffect(() => {
    onReady(controlOf(field, element.current!, given.current));
  }, []);
  const { kind, label, none, path } = field;
  const text = (value ?? "") as string | number | boolean;
  const common = {
    ref: element as never,
    name: path,
    "aria-label": label,
    ...(isInvalid && { "aria-invalid": true }),
    ...(events as object),
  };
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
      if (none !== undefined) options.unshift(["", kind.is === "id" ? references.noneOf(field) : "None"]);
      else if (text === "") options.unshift(["", "Choose…"]);
      const wanted = String(text);
      // What a document names may be gone; it still is its value.
      if (!options.some(([each]) => each === wanted))
        options.push([wanted, textOf(field, value, references.nameOf) ?? wanted]);
      return (
        <select {...common} defaultValue={wanted}>
          {options.map(([each, name]) => (
            <option key={each} value={each}>
              {name}
            </option>
          ))}
        </select>
      );
    }
    case "day":
    case "time": {
      const shown = value == null ? "" : written(kind.is, value as number);
      return <input {...common} type={kind.is === "day" ? "date" : "datetime-local"} defaultValue={shown} />;
    }
    case "number":
      return <input {...common} type="number" step="any" defaultValue={String(text)} />;
    case "list": {
      const shown = ((value as string[] | undefined) ?? []).join(", ");
      return <input {...common} autoComplete="off" placeholder="one, another" defaultValue={shown} />;
    }
    case "text":
      return place === "form" && isLong(field) ? (
        <textarea {...common} autoComplete="off" rows={3} defaultValue={String(text)} />
      ) : (
        <input {...common} autoComplete="off" defaultValue={String(text)} />
      );
  }
}
