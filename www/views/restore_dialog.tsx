/** The question before a file is restored: which file, what becomes of what is there, and what that loses. */
import type { ImportMode } from "holdfast";
import { useEffect, useState } from "react";
import { fail } from "../database";
import { plural } from "../format";
import { useReader } from "../hooks";
import type { AnyReader } from "../plan";
import { tables, type TableName } from "../schema";
import { noZip, tablesIn } from "../snapshot";
import { Dialog, Labelled, Select } from "./parts";

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
/** The form of a file that is no ZIP goes by its name. */
const hasRows = (file: File | undefined): boolean => /\.(jsonl|json|csv)$/i.test(file?.name ?? "");

interface Props {
  restore: (wish: Wish) => void;
  onClose: () => void;
}

export function RestoreDialog({ restore, onClose }: Props) {
  const reader = useReader();
  const [file, setFile] = useState<File>();
  const [table, setTable] = useState("");
  const [mode, setMode] = useState<ImportMode>("replaceAll");
  const isRows = hasRows(file);
  const [found, setFound] = useState<{ question: string; wish?: Wish }>({ question: "" });

  // Says what will be lost. Whatever is chosen meanwhile is another question.
  useEffect(() => {
    let isOld = false;
    setFound(({ question }) => ({ question }));
    consider(reader, file, table, mode).then(
      (answer) => {
        if (!isOld) setFound(answer);
      },
      (error: unknown) => {
        if (isOld) return;
        onClose();
        fail(error);
      },
    );
    return () => {
      isOld = true;
    };
  }, [reader, file, table, mode]);

  const choose = (chosen: File | undefined): void => {
    const rows = hasRows(chosen);
    setFile(chosen);
    // Files of rows are often called as their tables.
    const guess = /^[a-z_]+/i.exec(chosen?.name ?? "")?.[0] ?? "";
    setTable(rows && isTable(guess) ? guess : "");
    // One table in place of everything is what hardly anybody wants.
    setMode(rows ? "append" : "replaceAll");
  };
  return (
    <Dialog labelledBy="restore-title" onClose={onClose}>
      <form method="dialog" onSubmit={(event) => event.preventDefault()}>
        <h2 id="restore-title">Restore from a file</h2>
        <Labelled text="A ZIP of “Back up” or of Convex; or a table’s rows as .jsonl, .json or .csv">
          <input
            type="file"
            name="file"
            accept=".zip,.jsonl,.json,.csv"
            onChange={({ target }) => choose(target.files?.[0])}
          />
        </Labelled>
        <Labelled text="Table">
          {/* It stays where it is, so that nothing moves. */}
          <Select
            name="table"
            label="Table"
            value={table}
            options={isRows ? [["", "Choose…"], ...tables.map((name) => [name, name] as const)] : [["", "–"]]}
            onChange={setTable}
            disabled={!isRows}
          />
        </Labelled>
        <fieldset className="modes">
          <legend>The documents that are there</legend>
          {(Object.keys(modes) as ImportMode[]).map((each) => (
            <label key={each}>
              <input
                type="radio"
                name="mode"
                value={each}
                checked={mode === each}
                aria-describedby={`mode-${each}`}
                onChange={() => setMode(each)}
              />
              <span>{modes[each].text}</span>
              <small id={`mode-${each}`}>{modes[each].hint}</small>
            </label>
          ))}
        </fieldset>
        <p className="question" aria-live="polite">
          {found.question}
        </p>
        <div className="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          {/* Not what Enter presses wherever one is in the form: this one is meant when it is pressed. */}
          <button
            type="button"
            className="danger"
            disabled={found.wish === undefined}
            onClick={() => {
              onClose();
              restore(found.wish!);
            }}
          >
            {modes[mode].go}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** What can be done with a file, and what that means for what is there. */
async function consider(
  reader: AnyReader,
  file: File | undefined,
  table: string,
  mode: ImportMode,
): Promise<{ question: string; wish?: Wish }> {
  const isRows = hasRows(file);
  if (!file) return { question: "Choose a file." };
  if (isRows && !isTable(table)) return { question: "Choose the table whose rows the file has." };
  const problem = isRows ? undefined : await noZip(file);
  if (problem !== undefined) return { question: `${problem} Choose another file.` };
  const names = isRows ? [table] : await tablesIn(file);
  const ours = names?.filter(isTable);
  const unknown = names?.filter((name) => !isTable(name)) ?? [];
  const wish: Wish = {
    file,
    mode,
    table: isRows && isTable(table) ? table : undefined,
    // Where none is known, the library says so.
    known: unknown.length > 0 && ours?.length ? ours : undefined,
    unknown,
  };
  const counts = new Map<TableName, number>();
  for (const name of tables) counts.set(name, await reader.query(name).count());
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
