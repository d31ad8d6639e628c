/** A value in a list: a text that becomes a control when somebody wants to change it. */
import { useLayoutEffect, useRef, useState, type RefObject } from "react";
import type { Control } from "../controls";
import { textOf, valueAt, type Field, type Row } from "../fields";
import { useNames } from "../references";
import { FieldInput } from "./field_input";

interface Props {
  row: Row;
  field: Field;
  /** Saves the control's value, or tells that it can't be saved. */
  save: (row: Row, control: Control) => void;
}

export function Cell({ row, field, save }: Props) {
  const [isEdited, setEdited] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const hadFocus = useRef(false);
  useLayoutEffect(() => {
    if (!isEdited && hadFocus.current) button.current?.focus({ preventScroll: true });
    hadFocus.current = false;
  }, [isEdited]);
  const end = (isFocused: boolean): void => {
    hadFocus.current = isFocused;
    setEdited(false);
  };
  if (isEdited) return <Editor row={row} field={field} save={save} end={end} />;
  return <Value row={row} field={field} button={button} edit={() => setEdited(true)} />;
}

function Value({
  row,
  field,
  button,
  edit,
}: Omit<Props, "save"> & { button: RefObject<HTMLButtonElement | null>; edit: () => void }) {
  const references = useNames();
  const { kind, label, path } = field;
  const value = valueAt(row, path);
  const text = textOf(field, value, references.nameOf, "list");
  const content = text ?? (kind.is === "id" ? references.noneOf(field).toLowerCase() : "–");
  // What is cut off is told by pointing at it.
  const whole = kind.is === "time" ? textOf(field, value, references.nameOf) : undefined;
  const isOdd = kind.is === "text" && typeof value === "number";
  return (
    <button
      ref={button}
      type="button"
      className={`value is-${kind.is}${text === undefined ? " none" : ""}${isOdd ? " odd" : ""}`}
      data-field={path}
      data-label={label}
      data-value={kind.is === "choice" ? (value as string) : undefined}
      title={`${label}: ${whole ?? content}`}
      onClick={edit}
    >
      {content}
    </button>
  );
}

function Editor({ row, field, save, end }: Props & { end: (isFocused: boolean) => void }) {
  const control = useRef<Control>(undefined);
  const isOver = useRef(false);
  const given = useRef(row);
  const finish = (isSaved: boolean): void => {
    if (isOver.current) return;
    isOver.current = true;
    const { element, isChanged } = control.current!;
    if (isSaved && isChanged) save(given.current, control.current!);
    end(document.activeElement === element);
  };
  useLayoutEffect(() => {
    const { element } = control.current!;
    isOver.current = false;
    element.focus({ preventScroll: true });
    if (element instanceof HTMLInputElement && field.kind.is === "text") element.select();
    // One click is enough to see what there is to choose. Not every browser can show it, and not at every time.
    try {
      if (element instanceof HTMLSelectElement) element.showPicker();
    } catch {
      // Then one more click does it.
    }
    // What was typed into a row that is scrolled out of sight is saved.
    return () => {
      if (isOver.current || !control.current!.isChanged) return;
      isOver.current = true;
      save(given.current, control.current!);
    };
  }, []);
  return (
    <FieldInput
      field={field}
      value={valueAt(row, field.path)}
      place="cell"
      onReady={(ready) => (control.current = ready)}
      onKeyDown={(event) => {
        if (event.key === "Escape") finish(false);
        if (event.key !== "Enter") return;
        // Else the button that has the focus again would be pressed by it.
        event.preventDefault();
        finish(true);
      }}
      onBlur={() => finish(true)}
      {...(["id", "choice", "yesOrNo"].includes(field.kind.is) && { onChange: () => finish(true) })}
    />
  );
}
