/** A document in a form: every field of its table, for a new one and for one that is there. */
import { ConvexError, HoldfastError } from "holdfast";
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Control } from "../controls";
import { fieldsOf, valueAt, withValue, type Row } from "../fields";
import { explain, type Refusal } from "../problems";
import type { TableName } from "../schema";
import { looks } from "../tables";
import { FieldInput } from "./field_input";
import { Dialog, Labelled } from "./parts";

interface Props {
  table: TableName;
  /** The document that is edited, or none. */
  row: Row | undefined;
  /** Gets all fields of a new document, or the changed ones of the given one. */
  save: (fields: Record<string, unknown>) => Promise<void>;
  onClose: () => void;
}

interface Blame {
  path?: string | undefined;
  code: string;
  text: string;
}

export function FormDialog({ table, row, save, onClose }: Props) {
  const { one, title, defaults } = looks[table];
  const [start] = useState(() => {
    const now = Date.now();
    return row ?? ({ createdAt: now, updatedAt: now, ...defaults } as unknown as Row);
  });
  // What names the document comes first.
  const fields = useMemo(
    () => fieldsOf(table).sort((a, b) => Number(b.path === title) - Number(a.path === title)),
    [table, title],
  );
  const controls = useRef(new Map<string, Control>());
  const [isSaving, setSaving] = useState(false);
  const [blame, setBlame] = useState<Blame>();
  const name = row ? `Edit ${one}` : `New ${one}`;
  useLayoutEffect(() => {
    controls.current.get(fields[0]!.path)?.element.focus();
  }, [fields]);

  const read = (): Record<string, unknown> => {
    const all = [...controls.current.values()];
    let changed: Record<string, unknown> = {};
    for (const control of all) {
      // An object is changed as a whole: what of it stays goes along.
      const { path } = control.field;
      if (row && !all.some((other) => other.isChanged && isInSameField(other.field.path, path))) continue;
      changed = withValue(changed, path, control.read());
    }
    return changed;
  };
  const submit = async (): Promise<void> => {
    setSaving(true);
    setBlame(undefined);
    try {
      const changed = read();
      if (!row || Object.keys(changed).length > 0) await save(changed);
      onClose();
    } catch (thrown) {
      const found = blameOf(thrown);
      setBlame(found);
      setSaving(false);
      controls.current.get(found.path ?? "")?.element.focus();
    }
  };
  /** The error is there as long as the field is wrong, whatever else is typed. */
  const forgive = (target: EventTarget): void => {
    const blamed = controls.current.get(blame?.path ?? "");
    if (!blamed || blamed.element !== target) return;
    try {
      blamed.read();
      setBlame(undefined);
    } catch {
      // It is still wrong.
    }
  };
  return (
    <Dialog className="form" label={name} onClose={onClose}>
      <form
        noValidate
        aria-label={name}
        onInput={({ target }) => forgive(target)}
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h2>{name}</h2>
        <div className="fields">
          {fields.map((field) => {
            const { path, label, none } = field;
            const isWide = path === "description" || path === title;
            return (
              <Labelled
                key={path}
                text={none === undefined ? label : `${label} (optional)`}
                extra={isWide ? "wide" : ""}
              >
                <FieldInput
                  field={field}
                  value={valueAt(start, path)}
                  place="form"
                  isInvalid={blame?.path === path}
                  onReady={(control) => controls.current.set(path, control)}
                />
              </Labelled>
            );
          })}
        </div>
        {blame && (
          <p className="error" role="alert">
            {blame.code && <code>{blame.code}</code>}
            {blame.code && " "}
            {blame.text}
          </p>
        )}
        <div className="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={isSaving}>
            {row ? "Save" : `Add ${one}`}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const isInSameField = (one: string, other: string): boolean => one.split(".")[0] === other.split(".")[0];

/** Which field an error is about, and the error for people. */
function blameOf(error: unknown): Blame {
  if (error instanceof ConvexError) {
    const { field, message } = error.data as Refusal;
    return { path: field, code: "", text: message };
  }
  const { code, message, advice } = explain(error);
  const path = error instanceof HoldfastError ? (error.details["path"] as string | undefined)?.slice(1) : undefined;
  const text = advice ? `${message}${message.includes("\n") ? "\n" : " "}${advice}` : message;
  return { path, code, text };
}
