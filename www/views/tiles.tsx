/** Counts above a list: all documents, and those of each value of a field. They choose what is listed, too. */
import type { CSSProperties } from "react";
import { fieldsOf, inWords } from "../fields";
import { number } from "../format";
import { useCount, useReader } from "../hooks";
import { choose, lists } from "../lists";
import { indexOf, ranged } from "../plan";
import type { TableName } from "../schema";
import { useStore } from "../store";
import { looks } from "../tables";

export function Tiles({ table, path, total }: { table: TableName; path: string; total: number }) {
  const { kind } = fieldsOf(table).find((field) => field.path === path)!;
  const values = kind.is === "choice" ? kind.values : [];
  return (
    <div className="tiles" role="group" aria-label={`${looks[table].many} by ${path}`}>
      <TileView table={table} path={path} value={undefined} count={total} total={total} />
      {values.map((value) => (
        <CountedTile key={value} table={table} path={path} value={value} total={total} />
      ))}
    </div>
  );
}

interface Props {
  table: TableName;
  path: string;
  value: string | undefined;
  total: number;
}

function CountedTile(props: Props & { value: string }) {
  const { table, path, value } = props;
  const index = indexOf(table, path);
  const text = `db.query("${table}").withIndex("${index}", (q) => q.eq("${path}", "${value}"))`;
  const count = useCount(text, index, ranged(useReader(), table, index, [["eq", path, value]]));
  return <TileView {...props} count={count} />;
}

function TileView({ table, path, value, count, total }: Props & { count: number | undefined }) {
  const { tile } = useStore(lists[table]);
  const share = count === undefined || total === 0 ? 0 : count / total;
  return (
    <button
      type="button"
      className="tile"
      data-value={value ?? ""}
      {...{ [`data-${path}`]: value ?? "all" }}
      aria-pressed={tile === value}
      onClick={() => choose(table, { tile: value })}
    >
      <strong>{count === undefined ? "…" : number(count)}</strong>
      <span>{value ? inWords(value) : `All ${looks[table].many}`}</span>
      <span className="bar" aria-hidden="true" style={{ "--share": share } as CSSProperties} />
    </button>
  );
}
