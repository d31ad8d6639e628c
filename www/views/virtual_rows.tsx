/** The rows of a long list that are in sight, and a few around them. All rows are equally high. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useRef, type ReactNode } from "react";
import { useMedia } from "../hooks";
import type { Row } from "../fields";
import type { TableName } from "../schema";
import { looks } from "../tables";
import { columnsOf, HeadView, RowView } from "./row";

/** As in styles/lists.css. */
const heights = { wide: 66, narrow: 116 };
/**
 * The library keeps a place for each item, and makes all of them anew when one is added: a tenth of a second for some
 * hundred thousand. So its items are blocks of so many rows.
 */
const block = 4;
/** So many blocks above and below those in sight are there already when one scrolls. */
const overscan = 2;
/** Browsers can't show what is higher. */
export const highestPx = 16_000_000;

/** How many rows a list can show. */
export function useMostRows(): { height: number; most: number } {
  const height = useMedia("(max-width: 40rem)") ? heights.narrow : heights.wide;
  return { height, most: Math.floor(highestPx / height) };
}

interface Props {
  table: TableName;
  count: number;
  /** The row at a place; undefined while it is read. */
  rowAt: (index: number) => Row | undefined;
  /** Hears which places are in sight. */
  onSight: (first: number, last: number) => void;
  edit: (row: Row) => void;
  /** Another question begins at its top. */
  question: string;
  children?: ReactNode;
}

export function VirtualRows({ table, count, rowAt, onSight, edit, question, children }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const { height } = useMostRows();
  const columns = useColumns(table);
  const virtualizer = useVirtualizer({
    count: Math.ceil(count / block),
    getScrollElement: () => scroller.current,
    estimateSize: () => height * block,
    overscan,
  });
  useLayoutEffect(() => virtualizer.measure(), [height, virtualizer]);
  useLayoutEffect(() => {
    scroller.current!.scrollTop = 0;
  }, [question]);
  const blocks = virtualizer.getVirtualItems();
  const first = (blocks[0]?.index ?? 0) * block;
  const last = Math.min(count, ((blocks.at(-1)?.index ?? -1) + 1) * block) - 1;
  useLayoutEffect(() => onSight(first, last), [first, last, onSight]);
  // A row is the same element wherever it has moved to, with what is being typed in it.
  const rows = Array.from({ length: last - first + 1 }, (_, i) => {
    const index = first + i;
    const start = index * height;
    const row = rowAt(index);
    return row === undefined ? (
      <tr
        key={index}
        role="row"
        className="coming"
        aria-hidden="true"
        style={{ transform: `translateY(${start}px)` }}
      />
    ) : (
      <RowView key={row._id} table={table} row={row} columns={columns} edit={edit} index={index} top={start} />
    );
  });
  return (
    <div ref={scroller} className="scroller" role="group" aria-label={`All ${looks[table].many}`} tabIndex={0}>
      <table role="table" aria-label={looks[table].many} aria-rowcount={count + 1} className={`rows ${table}`}>
        <HeadView columns={columns} />
        <tbody role="rowgroup" style={{ height: count * height }}>
          {rows}
        </tbody>
      </table>
      {children}
    </div>
  );
}

const known = new Map<TableName, ReturnType<typeof columnsOf>>();

/** They are the same for ever. */
export function useColumns(table: TableName): ReturnType<typeof columnsOf> {
  const columns = known.get(table) ?? columnsOf(table);
  known.set(table, columns);
  return columns;
}
