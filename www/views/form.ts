/** A document in a form: every field of its table, for a new one and for one that is there. */
import { ConvexError, HoldfastError } from "holdfast";
import { makeControl, type Control } from "../controls";
import { field as labelled, h } from "../dom";
import { fieldsOf, valueAt, withValue, type Row } from "../fields";
import { explain, type Refusal } from "../problems";
import type { References } from "../references";
import type { TableName } from "../schema";
import { looks } from "../tables";

/** Opens the form. `save` gets all fields of a new document, or the changed ones of the given one. */
export function openForm(
  table: TableName,
  row: Row | undefined,
  references: References,
  save: (fields: Record<string, unknown>) => Promise<void>,
): void {
  const { one, title, defaults } = looks[table];
  const now = Date.now();
  const start = row ?? ({ createdAt: now, updatedAt: now, ...defaults } as unknown as Row);
  const controls = fieldsOf(table).map((field) => makeControl(field, valueAt(start, field.path), references, "form"));
  // What names the document comes first.
  controls.sort((a, b) => Number(b.field.path === title) - Number(a.field.path === title));
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const submit = h("button", { type: "submit", class: "primary" }, row ? "Save" : `Add ${one}`);
  const cancel = h("button", { type: "button" }, "Cancel");
  const name = row ? `Edit ${one}` : `New ${one}`;
  const isWide = ({ element, field }: Control) => element.localName === "textarea" || field.path === title;
  const form = h(
    "form",
    { noValidate: true, "aria-label": name },
    h("h2", {}, name),
    h(
      "div",
      { class: "fields" },
      ...controls.map((control) => {
        const { field, element } = control;
        const label = field.none === undefined ? field.label : `${field.label} (optional)`;
        return labelled(label, element, isWide(control) ? "wide" : "");
      }),
    ),
    error,
    h("div", { class: "buttons" }, cancel, submit),
  );
  const dialog = h("dialog", { class: "form", "aria-label": name }, form);
  dialog.onclose = () => dialog.remove();
  cancel.onclick = () => dialog.close();
  /** What the error is about. */
  let blamed: Control | undefined;
  const forgive = (): void => {
    blamed?.element.removeAttribute("aria-invalid");
    blamed = undefined;
    error.hidden = true;
  };
  form.oninput = ({ target }) => {
    if (!blamed || target !== blamed.element) return;
    try {
      blamed.read();
      forgive();
    } catch {
      // It is still wrong.
    }
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    forgive();
    try {
      let fields: Record<string, unknown> = {};
      for (const control of controls) {
        // An object is changed as a whole: what of it stays goes along.
        const { path } = control.field;
        if (row && !controls.some((other) => other.isChanged && isInSameField(other.field.path, path))) continue;
        fields = withValue(fields, path, control.read());
      }
      if (!row || Object.keys(fields).length > 0) await save(fields);
      dialog.close();
    } catch (thrown) {
      const { path, text } = blame(thrown);
      blamed = controls.find(({ field }) => field.path === path);
      blamed?.element.setAttribute("aria-invalid", "true");
      blamed?.element.focus();
      error.replaceChildren(...text);
      error.hidden = false;
    }
    submit.disabled = false;
  };
  document.body.append(dialog);
  dialog.showModal();
  controls[0]!.element.focus();
}

const isInSameField = (one: string, other: string): boolean => one.split(".")[0] === other.split(".")[0];

/** Which field an error is about, and the error for people. */
function blame(error: unknown): { path?: string | undefined; text: (Node | string)[] } {
  if (error instanceof ConvexError) {
    const { field, message } = error.data as Refusal;
    return { path: field, text: [message] };
  }
  const { code, message, advice } = explain(error);
  const path = error instanceof HoldfastError ? (error.details["path"] as string | undefined)?.slice(1) : undefined;
  return {
    path,
    text: [
      ...(code ? [h("code", {}, code), " "] : []),
      message,
      ...(advice ? [`${message.includes("\n") ? "\n" : " "}${advice}`] : []),
    ],
  };
}
