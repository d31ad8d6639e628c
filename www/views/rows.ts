/**
 * The rows of a list, cheap enough for a hundred of them after every change: made by copying one row, filled with text
 * alone, and used again. The control for a value is made when somebody wants to change it.
 */
import { h } from "../dom";
import { fieldsOf, textOf, valueAt, type Field, type Row } from "../fields";
import type { References } from "../references";
import type { TableName } from "../schema";
import { looks, titleOf } from "../tables";
import { makeControl, type Control } from "../controls";

interface Cell {
  field: Field;
  button: HTMLButtonElement;
}

interface Shown {
  row: Row;
  version: number;
  readonly element: HTMLTableRowElement;
  readonly cells: readonly Cell[];
  readonly remove: HTMLButtonElement;
}

export interface RowActions {
  /** Saves the control's value, or tells that it can't be saved. */
  save(row: Row, field: Field, control: Control): Promise<void>;
  edit(row: Row): void;
  remove(row: Row): Promise<void>;
}

export class Rows {
  readonly element: HTMLTableElement;
  readonly #body = h("tbody", { role: "rowgroup" });
  readonly #pattern: HTMLTableRowElement;
  readonly #fields: Field[];
  readonly #table: TableName;
  readonly #references: References;
  readonly #actions: RowActions;
  #shown = new Map<string, Shown>();
  /** Rows that are not needed now. */
  #spare: Shown[] = [];
  /** Which row has a control instead of a text, and how to end that. */
  #editing: { shown: Shown; end: () => void } | undefined;

  constructor(table: TableName, references: References, actions: RowActions) {
    this.#table = table;
    this.#references = references;
    this.#actions = actions;
    const { columns, many } = looks[table];
    const fields = new Map(fieldsOf(table).map((field) => [field.path, field]));
    this.#fields = columns.flat().map((path) => fields.get(path)!);
    const cell = ({ path, label, kind }: Field) =>
      h("button", { type: "button", class: `value is-${kind.is}`, "data-field": path, "data-label": label });
    const action = (name: string, text: string, label: string) =>
      h("button", { type: "button", class: "quiet", "data-do": name, title: label, "aria-label": label }, text);
    const columnClass = ([path]: readonly string[]): string => `is-${fields.get(path!)!.kind.is}`;
    this.#pattern = h(
      "tr",
      { role: "row" },
      ...columns.map((paths) => {
        const [main, ...below] = paths.map((path) => cell(fields.get(path)!));
        const small = below.length > 0 ? h("small", {}, ...below) : null;
        return h("td", { class: columnClass(paths), role: "cell" }, main, small);
      }),
      h("td", { class: "do", role: "cell" }, action("edit", "✎", "Edit"), action("delete", "✕", "Delete")),
    );
    const heading = (paths: readonly string[]) =>
      h("th", { class: columnClass(paths), role: "columnheader", scope: "col" }, fields.get(paths[0]!)!.label);
    const head = h("tr", { role: "row" }, ...columns.map(heading), h("td", { role: "cell" }));
    this.element = h(
      "table",
      { role: "table", "aria-label": many, class: `rows ${table}` },
      h("thead", { role: "rowgroup" }, head),
      this.#body,
    );
    this.#body.onclick = ({ target }) => this.#click(target as Element);
  }

  /** Shows these documents. A row stays where its document stays, with the focus in it. */
  show(rows: readonly Row[]): void {
    const before = this.#shown;
    this.#shown = new Map();
    for (const row of rows) {
      const kept = before.get(row._id);
      if (kept) {
        before.delete(row._id);
        this.#shown.set(row._id, kept);
      }
    }
    for (const unneeded of before.values()) {
      if (this.#editing?.shown === unneeded) this.#editing.end();
      unneeded.element.remove();
      this.#spare.push(unneeded);
    }
    const { activeElement } = document;
    let next = this.#body.firstElementChild;
    for (const row of rows) {
      let shown = this.#shown.get(row._id);
      if (!shown) {
        shown = this.#spare.pop() ?? this.#make(row);
        this.#shown.set(row._id, shown);
      }
      this.#fill(shown, row);
      if (shown.element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(shown.element, next);
    }
    // A row that was moved lost it.
    if (activeElement instanceof HTMLElement && this.#body.contains(activeElement))
      activeElement.focus({ preventScroll: true });
    this.element.hidden = rows.length === 0;
  }

  #make(row: Row): Shown {
    const element = this.#pattern.cloneNode(true) as HTMLTableRowElement;
    const buttons = element.querySelectorAll<HTMLButtonElement>("[data-field]");
    const cells = this.#fields.map((field, i) => ({ field, button: buttons[i]! }));
    const remove = element.querySelector<HTMLButtonElement>('[data-do="delete"]')!;
    return { row, version: -1, element, cells, remove };
  }

  #fill(shown: Shown, row: Row): void {
    const { version } = this.#references;
    if (shown.row === row && shown.version === version) return;
    shown.row = row;
    shown.version = version;
    shown.element.dataset["id"] = row._id;
    shown.remove.disabled = false;
    shown.remove.setAttribute("aria-label", `Delete ${titleOf(looks[this.#table], row)}`);
    for (const { field, button } of shown.cells) {
      const value = valueAt(row, field.path);
      const text = textOf(field, value, this.#references.nameOf, "list");
      const content = text ?? (field.kind.is === "id" ? this.#references.noneOf(field).toLowerCase() : "–");
      if (button.textContent !== content) button.textContent = content;
      // What is cut off is told by pointing at it.
      const whole = field.kind.is === "time" ? textOf(field, value, this.#references.nameOf) : undefined;
      button.title = `${field.label}: ${whole ?? content}`;
      if (field.kind.is === "choice") button.dataset["value"] = value as string;
      button.classList.toggle("none", text === undefined);
      button.classList.toggle("odd", field.kind.is === "text" && typeof value === "number");
    }
  }

  #click(target: Element): void {
    const button = target.closest<HTMLButtonElement>("button");
    const shown = this.#shown.get(button?.closest("tr")?.dataset["id"] ?? "");
    if (!button || !shown) return;
    if (button.dataset["do"] === "edit") return this.#actions.edit(shown.row);
    if (button.dataset["do"] === "delete") {
      button.disabled = true;
      void this.#actions.remove(shown.row).finally(() => (button.disabled = false));
      return;
    }
    const cell = shown.cells.find((each) => each.button === button);
    if (cell) this.#edit(shown, cell);
  }

  /** Puts a control in the place of a text. */
  #edit(shown: Shown, { field, button }: Cell): void {
    this.#editing?.end();
    const { row } = shown;
    const control = makeControl(field, valueAt(row, field.path), this.#references, "cell");
    const { element } = control;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      this.#editing = undefined;
      const hadFocus = document.activeElement === element;
      element.remove();
      button.hidden = false;
      if (hadFocus) button.focus({ preventScroll: true });
    };
    const save = (): void => {
      if (isOver) return;
      if (control.isChanged) void this.#actions.save(row, field, control);
      end();
    };
    element.onkeydown = (event) => {
      const { key } = event;
      if (key === "Escape") end();
      if (key !== "Enter") return;
      // Else the button that has the focus again would be pressed by it.
      event.preventDefault();
      save();
    };
    element.onblur = save;
    if (element instanceof HTMLSelectElement) element.onchange = save;
    button.hidden = true;
    button.after(element);
    this.#editing = { shown, end };
    element.focus();
    if (element instanceof HTMLInputElement && field.kind.is === "text") element.select();
    // One click is enough to see what there is to choose. Not every browser can show it, and not at every time.
    try {
      if (element instanceof HTMLSelectElement) element.showPicker();
    } catch {
      // Then one more click does it.
    }
  }
}
