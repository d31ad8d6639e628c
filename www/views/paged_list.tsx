/** A list of which one page is shown, with buttons to the others: from the start on, or from the end back. */
import { HoldfastError } from "holdfast";
import { useEffect, useState } from "react";
import type { Row } from "../fields";
import { number } from "../format";
import { useCount, useReader, useReadLive } from "../hooks";
import { choose, firstPage, lists, type Place } from "../lists";
import type { Plan } from "../plan";
import { useStore } from "../store";
import { looks } from "../tables";
import { HeadView, RowView } from "./row";
import { useColumns } from "./virtual_rows";

interface Props {
  plan: Plan;
  edit: (row: Row) => void;
  nothing: React.ReactNode;
}

/**
 * A live page ends where it ended at first, so it becomes longer when documents come. One that is so many times as long
 * as it should be is asked for anew.
 */
const longest = 2;

export function PagedList({ plan, edit, nothing }: Props) {
  const { table } = plan;
  const { place, pageSize } = useStore(lists[table]);
  const columns = useColumns(table);
  const { isFromEnd, cursors, passed, lastSize } = place;
  const cursor = cursors.at(-1)!;
  const numItems = isFromEnd && cursors.length === 1 ? lastSize : pageSize;
  const [round, setRound] = useState(0);
  const text = `${plan.text}.paginate({ numItems: ${numItems} })`;
  const { value, status, error } = useReadLive(
    text,
    plan.index,
    (reader) => plan.query(reader, isFromEnd).paginate({ numItems, cursor }),
    JSON.stringify([plan.key, numItems, cursor, isFromEnd, round]),
  );
  const query = plan.query(useReader());
  // A count that has to read every document is not asked for.
  const total = useCount(plan.text, plan.index, plan.isFiltered ? "skip" : query);

  // Another tab may have put much less in the place of what was there, or another table of the same name.
  const isForeign = error instanceof HoldfastError && error.code === "InvalidCursor";
  const isBeyond = cursors.length > 1 && total !== undefined && passed.at(-1)! >= total;
  const isEmpty = value?.page.length === 0 && cursors.length > 1;
  useEffect(() => {
    if (isForeign || isBeyond) choose(table, { place: firstPage });
    else if (isEmpty)
      choose(table, { place: { ...place, cursors: cursors.slice(0, -1), passed: passed.slice(0, -1) } });
  }, [table, isForeign, isBeyond, isEmpty]);

  const isLong = value !== undefined && value.page.length > longest * numItems;
  useEffect(() => {
    if (isLong) setRound((now) => now + 1);
  }, [isLong]);

  if (status === "error" && !isForeign) throw error as Error;
  if (value === undefined) return <p className="loading">Reading…</p>;
  const page = isLong ? value.page.slice(0, numItems) : value.page;
  const rows = isFromEnd ? page.toReversed() : page;
  if (rows.length === 0) return nothing;
  return (
    <>
      <table role="table" aria-label={looks[table].many} className={`rows ${table}`}>
        <HeadView columns={columns} />
        <tbody role="rowgroup">
          {rows.map((row) => (
            <RowView key={row._id} table={table} row={row} columns={columns} edit={edit} />
          ))}
        </tbody>
      </table>
      <Pager plan={plan} shown={rows.length} next={value.isDone ? undefined : value.continueCursor} total={total} />
    </>
  );
}

interface PagerProps {
  plan: Plan;
  shown: number;
  /** Where the page after the shown one begins, if there is one. */
  next: string | undefined;
  /** How many rows there are, if that is known. */
  total: number | undefined;
}

function Pager({ plan, shown, next, total }: PagerProps) {
  const { table } = plan;
  const { place, pageSize } = useStore(lists[table]);
  const { isFromEnd, cursors, passed } = place;
  const reader = useReader();
  const go = (to: Place): void => choose(table, { place: to });
  const back = (): void => go({ ...place, cursors: cursors.slice(0, -1), passed: passed.slice(0, -1) });
  const on = (): void =>
    go({ ...place, cursors: [...cursors, next ?? null], passed: [...passed, passed.at(-1)! + shown] });
  const toLast = async (): Promise<void> => {
    const count = total ?? (await plan.query(reader).count());
    go({ ...firstPage, isFromEnd: true, lastSize: count % pageSize || pageSize });
  };
  const hasWayBack = cursors.length > 1;
  // A full page may be the last one without knowing it.
  const hasWayOn = next !== undefined && (total === undefined || passed.at(-1)! + shown < total);
  const [isFirst, isLast] = isFromEnd ? [!hasWayOn, !hasWayBack] : [!hasWayBack, !hasWayOn];
  const button = (text: string, label: string, isDisabled: boolean, move: () => void) => (
    <button type="button" title={label} aria-label={label} disabled={isDisabled} onClick={move}>
      {text}
    </button>
  );
  return (
    <nav className="pager" aria-label={`Pages of ${looks[table].many}`}>
      {button("«", "First page", isFirst, () => go(firstPage))}
      {button("Previous", "Previous", isFirst, isFromEnd ? on : back)}
      <output className="place" aria-live="polite">
        {placeText(place, shown, total)}
      </output>
      {button("Next page", "Next page", isLast, isFromEnd ? back : on)}
      {button("»", "Last page", isLast, () => void toLast())}
      <select
        name="pageSize"
        aria-label="Rows on a page"
        value={pageSize}
        onChange={(event) => choose(table, { pageSize: Number(event.target.value) })}
      >
        {[10, 25, 50, 100].map((size) => (
          <option key={size} value={size}>{`${size} rows`}</option>
        ))}
      </select>
    </nav>
  );
}

/** Where in the query a page is. */
function placeText({ isFromEnd, passed }: Place, shown: number, total: number | undefined): string {
  const before = passed.at(-1)!;
  const of = total === undefined ? "" : ` of ${number(total)}`;
  if (!isFromEnd) return `${number(before + 1)} to ${number(before + shown)}${of}`;
  if (total === undefined)
    return before === 0 ? `the last ${number(shown)}` : `${number(shown)} before the last ${number(before)}`;
  const end = total - before;
  return `${number(end - shown + 1)} to ${number(end)}${of}`;
}
