/** A document in a list. */
import { usePending } from "holdfast/react";
import { memo, useMemo, useState } from "react";
import type { Control } from "../controls";
import { fail } from "../database";
import { fieldsOf, withValue, type Field, type Row } from "../fields";
import type { TableName } from "../schema";
import { looks, titleOf } from "../tables";
import { useWrites } from "../writes";
import { Cell } from "./cell";
import { useKeptFocus } from "./parts";

/** The columns of a table: for each, its main field and those of the small line below it. */
export function columnsOf(table: TableName): readonly Field[][] {
  const fields = new Map(fieldsOf(table).map((field) => [field.path, field]));
  return looks[table].columns.map((paths) => paths.map((path) => fields.get(path)!));
}

interface Props {
  table: TableName;
  row: Row;
  columns: readonly Field[][];
  edit: (row: Row) => void;
  /** Its place in a list of which only a part is there. */
  index?: number;
  top?: number;
}

export const RowView = memo(function RowView({ table, row, columns, edit, index, top }: Props) {
  const writes = useWrites(table);
  const [isLeaving, setLeaving] = useState(false);
  const deleteButton = useKeptFocus(isLeaving);
  const isPending = usePending(row._id);
  const look = looks[table];
  const save = useMemo(
    () =>
      (of: Row, control: Control): void => {
        const { path } = control.field;
        const name = path.split(".")[0]!;
        void (async () => {
          // An object is written as a whole: the rest of it stays what it is.
          await writes.patch(of, withValue(name === path ? {} : { [name]: of[name] }, path, control.read()));
        })().catch((error: unknown) => fail(error, "change", `“${titleOf(look, of)}” is as it was.`));
      },
    [writes, look],
  );
  const remove = (): void => {
    setLeaving(true);
    void writes.remove(row).finally(() => setLeaving(false));
  };
  return (
    <tr
      role="row"
      data-id={row._id}
      data-pending={isPending || undefined}
      aria-rowindex={index === undefined ? undefined : index + 2}
      style={top === undefined ? undefined : { transform: `translateY(${top}px)` }}
    >
      {columns.map(([main, ...below]) => (
        <td key={main!.path} role="cell" className={`is-${main!.kind.is}`}>
          <Cell row={row} field={main!} save={save} />
          {below.length > 0 && (
            <small>
              {below.map((field) => (
                <Cell key={field.path} row={row} field={field} save={save} />
              ))}
            </small>
          )}
        </td>
      ))}
      <td className="do" role="cell">
        <button type="button" name="edit" className="quiet" title="Edit" aria-label="Edit" onClick={() => edit(row)}>
          ✎
        </button>
        <button
          ref={deleteButton}
          type="button"
          name="delete"
          className="quiet"
          title="Delete"
          aria-label={`Delete ${titleOf(look, row)}`}
          disabled={isLeaving}
          onClick={remove}
        >
          ✕
        </button>
      </td>
    </tr>
  );
});

export function HeadView({ columns }: { columns: readonly Field[][] }) {
  return (
    <thead role="rowgroup">
      <tr role="row">
        {columns.map(([main]) => (
          <th key={main!.path} role="columnheader" scope="col" className={`is-${main!.kind.is}`}>
            {main!.label}
          </th>
        ))}
        <td role="cell"></td>
      </tr>
    </thead>
  );
}
