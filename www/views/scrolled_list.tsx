/** A list that one scrolls through, however long it is. */
import { usePaginatedQuery } from "holdfast/react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useCost } from "../costs";
import type { Row } from "../fields";
import { number } from "../format";
import { useCount, useReader, useReadLive } from "../hooks";
import type { Plan } from "../plan";
import { rowsAt } from "../positions";
import { useMostRows, VirtualRows } from "./virtual_rows";

interface Props {
  plan: Plan;
  edit: (row: Row) => void;
  /** What stands in place of no rows. */
  nothing: React.ReactNode;
}

/** So many rows are read at once. */
const windowSize = 50;

/**
 * The height is that of all documents, which are counted without reading them. Read are only those around what is in
 * sight, by their places: three windows of them, each a live query of its own, so that one is new when one scrolls on.
 */
export function PlacedList({ plan, edit, nothing }: Props) {
  const { most } = useMostRows();
  const all = useCount(plan.text, plan.index, plan.query(useReader()));
  const [middle, setMiddle] = useState(1);
  const onSight = useCallback(
    (first: number, last: number) => setMiddle(Math.max(1, Math.floor((first + last) / 2 / windowSize))),
    [],
  );
  // What is not in sight yet can wait until something is.
  const [isShown, setShown] = useState(false);
  const windows = [0, 1, 2].map((remainder) => useWindow(plan, middle, remainder, isShown ? (all ?? 0) : 0));
  useEffect(() => {
    if (windows.some((rows) => rows !== undefined)) setShown(true);
  });
  if (all === undefined) return <p className="loading">Reading…</p>;
  if (all === 0) return nothing;
  const rowAt = (index: number): Row | undefined => {
    const at = Math.floor(index / windowSize);
    return Math.abs(at - middle) > 1 ? undefined : windows[at % 3]?.[index % windowSize];
  };
  return (
    <VirtualRows
      table={plan.table}
      count={Math.min(all, most)}
      rowAt={rowAt}
      onSight={onSight}
      edit={edit}
      question={plan.key}
    >
      {all > most && (
        <p className="hint">{`The first ${number(most)} of ${number(all)}: choose which, to see others.`}</p>
      )}
    </VirtualRows>
  );
}

/** That one of the windows around the middle whose number leaves `remainder` when it is divided by three. */
function useWindow(plan: Plan, middle: number, remainder: number, count: number): readonly Row[] | undefined {
  const number = middle - 1 + ((remainder - middle + 1 + 3 * middle) % 3);
  const place = number * windowSize;
  const read = useReadLive(
    `rows ${place + 1} to ${place + windowSize} of ${plan.text}`,
    plan.index,
    (reader) => rowsAt(reader, plan, place, windowSize),
    number === 0 || place < count ? `${place} ${plan.key}` : "skip",
  );
  if (read.status === "error") throw read.error as Error;
  return read.value;
}

/** So many more are looked for when one comes to the end. */
const more = 100;

/**
 * Where a filter has to look at documents, nobody knows how many it takes before all were looked at: the list becomes
 * longer as one scrolls.
 */
export function FilteredList({ plan, edit, nothing }: Props) {
  const began = performance.now();
  const { results, status, isLoading, loadMore } = usePaginatedQuery(plan.query(useReader()) as never, {} as never, {
    initialNumItems: more,
  });
  const rows = results as unknown as Row[];
  const value = useMemo(() => (status === "LoadingFirstPage" ? undefined : rows), [rows, status]);
  useCost(`${plan.text}, page by page`, plan.index, began, value);
  const onSight = useCallback(
    (_first: number, last: number) => {
      if (last > rows.length - more / 2) loadMore(more);
    },
    [rows, loadMore],
  );
  if (value === undefined) return <p className="loading">Reading…</p>;
  if (rows.length === 0 && status === "Exhausted") return nothing;
  return (
    <VirtualRows
      table={plan.table}
      count={rows.length}
      rowAt={(index) => rows[index]}
      onSight={onSight}
      edit={edit}
      question={plan.key}
    >
      {status !== "Exhausted" && (
        <p className="hint more">
          {`${number(rows.length)} so far; more when you scroll on. `}
          <button type="button" disabled={isLoading} onClick={() => loadMore(more)}>
            Look for more
          </button>
        </p>
      )}
    </VirtualRows>
  );
}
