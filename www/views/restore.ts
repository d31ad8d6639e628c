/** The question before a file is restored: which file, what becomes of what is there, and what that loses. */
import type { ImportMode } from "holdfast";
import type { Session } from "../database";
import { field, h, plural, select, setOptions } from "../dom";
import { tables, type TableName } from "../schema";
import { noZip, tablesIn } from "../snapshot";

/** What was answered. */
export interface Wish {
  file: File;
  mode: ImportMode;
  /** Whose rows the file has, if it is no ZIP. */
  table: TableName | undefined;
  /** Of a ZIP, the tables that this page has, where there are others. */
  known: TableName[] | undefined;
  /** Those others. */
  unknown: string[];
}

/** What may become of what is there. */
const modes: Record<ImportMode, { text: string; hint: string; go: string }> = {
  replaceAll: {
    text: "Replace everything",
    hint: "Tables that the file does not have become empty.",
    go: "Replace everything",
  },
  replace: { text: "Replace the tables in the file", hint: "The others stay as they are.", go: "Replace tables" },
  append: { text: "Add to what is there", hint: "An _id that is there already is an error.", go: "Add" },
};

const isTable = (name: string): name is TableName => (tables as readonly string[]).includes(name);
const listed = (names: readonly string[]): string => new Intl.ListFormat("en").format(names);

export interface RestoreDialog {
  readonly element: HTMLDialogElement;
  open(): void;
}

export function restoreDialog(session: Session, restore: (wish: Wish) => void): RestoreDialog {
  const input = h("input", { type: "file", name: "file", accept: ".zip,.jsonl,.json,.csv" });
  const table = select("table", "Table", []);
  const choices = (Object.keys(modes) as ImportMode[]).map((mode) => {
    const { text, hint } = modes[mode];
    const radio = h("input", { type: "radio", name: "mode", value: mode, "aria-describedby": `mode-${mode}` });
    return { radio, element: h("label", {}, radio, h("span", {}, text), h("small", { id: `mode-${mode}` }, hint)) };
  });
  const question = h("p", { class: "question", "aria-live": "polite" });
  const cancel = h("button", { type: "button" }, "Cancel");
  // Not what Enter presses wherever one is in the form: this one is meant when it is pressed.
  const go = h("button", { type: "button", class: "danger" });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "restore-title" }, "Restore from a file"),
    field("A ZIP of “Back up” or of Convex; or a table’s rows as .jsonl, .json or .csv", input),
    field("Table", table),
    h(
      "fieldset",
      { class: "modes" },
      h("legend", {}, "The documents that are there"),
      ...choices.map(({ element }) => element),
    ),
    question,
    h("div", { class: "buttons" }, cancel, go),
  );
  const element = h("dialog", { "aria-labelledby": "restore-title" }, form);

  const chosenMode = (): ImportMode => choices.find(({ radio }) => radio.checked)!.radio.value as ImportMode;
  const choose = (mode: ImportMode): void => {
    for (const { radio } of choices) radio.checked = radio.value === mode;
  };
  /** The form of a file that is no ZIP goes by its name. */
  const hasRows = (): boolean => /\.(jsonl|json|csv)$/i.test(input.files?.[0]?.name ?? "");

  /** What the button does. There is nothing until the question tells it. */
  let wish: Wish | undefined;
  let asked = 0;
  /** Says what will be lost. Whatever is chosen meanwhile is another question. */
  const ask = async (): Promise<void> => {
    const turn = (asked += 1);
    const mode = chosenMode();
    wish = undefined;
    go.disabled = true;
    go.textContent = modes[mode].go;
    try {
      const found = await consider(session, input.files?.[0], hasRows(), table.value, mode);
      if (turn !== asked) return;
      question.textContent = found.question;
      wish = found.wish;
      go.disabled = wish === undefined;
    } catch (error) {
      if (turn !== asked) return;
      element.close();
      session.fail(error);
    }
  };

  const showTables = (): void => {
    const isRows = hasRows();
    // It stays where it is, so that nothing moves.
    table.disabled = !isRows;
    setOptions(table, isRows ? [["", "Choose…"], ...tables.map((name) => [name, name] as const)] : [["", "–"]]);
    // Files of rows are often called as their tables.
    const guess = /^[a-z_]+/i.exec(input.files?.[0]?.name ?? "")?.[0] ?? "";
    if (isRows) table.value = isTable(guess) ? guess : "";
  };
  input.onchange = () => {
    showTables();
    // One table in place of everything is what hardly anybody wants.
    choose(hasRows() ? "append" : "replaceAll");
    void ask();
  };
  table.onchange = () => void ask();
  for (const { radio } of choices) radio.onchange = () => void ask();
  form.onsubmit = (event) => event.preventDefault();
  cancel.onclick = () => element.close();
  go.onclick = () => {
    if (!wish) return;
    const answer = wish;
    element.close();
    restore(answer);
  };
  return {
    element,
    open() {
      form.reset();
      choose("replaceAll");
      showTables();
      void ask();
      element.showModal();
    },
  };
}

/** What can be done with a file, and what that means for what is there. */
async function consider(
  session: Session,
  file: File | undefined,
  hasRows: boolean,
  table: string,
  mode: ImportMode,
): Promise<{ question: string; wish?: Wish }> {
  if (!file) return { question: "Choose a file." };
  if (hasRows && !isTable(table)) return { question: "Choose the table whose rows the file has." };
  const problem = hasRows ? undefined : await noZip(file);
  if (problem !== undefined) return { question: `${problem} Choose another file.` };
  const names = hasRows ? [table] : await tablesIn(file);
  const ours = names?.filter(isTable);
  const unknown = names?.filter((name) => !isTable(name)) ?? [];
  const wish: Wish = {
    file,
    mode,
    table: hasRows && isTable(table) ? table : undefined,
    // Where none is known, the library says so.
    known: unknown.length > 0 && ours?.length ? ours : undefined,
    unknown,
  };
  const counts = new Map<TableName, number>();
  for (const name of tables) counts.set(name, await session.db.query(name).count());
  const inAll = (some: readonly TableName[]): number => some.reduce((sum, name) => sum + counts.get(name)!, 0);
  const are = (count: number): string => `${plural(count, "document")} ${count === 1 ? "is" : "are"} there now`;
  const says: string[] = [];
  if (mode === "append") {
    says.push(`Adds ${ours?.length ? `to ${listed(ours)}` : "what the file has"} and replaces nothing.`);
    says.push(`${are(inAll(ours ?? tables))}.`);
  } else {
    const lost = mode === "replaceAll" ? tables : ours;
    if (lost) says.push(`Replaces all documents of ${listed(lost)}: ${are(inAll(lost))}.`);
    else says.push(`Replaces all documents of the tables that the file has: ${are(inAll(tables))}, in all tables.`);
    const absent = mode === "replaceAll" && ours ? tables.filter((name) => !ours.includes(name)) : [];
    const emptied = absent.filter((name) => counts.get(name)! > 0);
    if (emptied.length > 0) says.push(`The file does not have ${listed(emptied)}: nothing comes in their place.`);
    says.push("What is changed until it ends is replaced, too.");
  }
  if (wish.known) says.push(`Left out, since this page has no such tables: ${listed(unknown)}.`);
  return { question: says.join(" "), wish };
}
