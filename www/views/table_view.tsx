/** The documents of a table: what there are, which are listed, pages of them; to add, edit and delete. */
import { useCallback, useMemo, useState } from "react";
import { fieldsOf, type Row } from "../fields";
import { plural } from "../format";
import { useCount, useReader } from "../hooks";
import { choiceOf, clear, descendingOf, lists } from "../lists";
import { plan as planOf, type Choice, type Plan } from "../plan";
import { useNames } from "../references";
import type { TableName } from "../schema";
import { useStore } from "../store";
import { looks } from "../tables";
import { useWrites } from "../writes";
import { Boundary } from "./boundary";
import { StartWithMovies, StartWithSample } from "./empty";
import { Filters } from "./filters";
import { FormDialog } from "./form";
import { PagedList } from "./paged_list";
import { FilteredList, PlacedList } from "./scrolled_list";
import { Tiles } from "./tiles";

export function TableView({ table }: { table: TableName }) {
  const { one, many, tiles, isScrolled } = looks[table];
  const references = useNames();
  const total = useCount(`db.query("${table}")`, "by_creation_time", useReader().query(table));
  const list = useStore(lists[table]);
  // The place in the list is no part of the question.
  const choice = useMemo(() => choiceOf(table, list), [table, list.inputs, list.order, list.tile]);
  const plan = useMemo(() => planOf(table, choice), [table, choice]);
  const [edited, setEdited] = useState<Row | "new">();
  const edit = useCallback((row: Row) => setEdited(row), []);
  // All is asked for at once, and shown when it is known whether there is anything.
  const isKnown = total !== undefined && !references.isLoading;
  if (total === 0 && (table === "movies" || references.isEmpty))
    return table === "movies" ? <StartWithMovies /> : <StartWithSample />;
  const List = !isScrolled ? PagedList : plan.isFiltered ? FilteredList : PlacedList;
  return (
    <section aria-label={many} className={isKnown ? "" : "unknown"}>
      {tiles && <Tiles table={table} path={tiles} total={total ?? 0} />}
      <div className="toolbar">
        <p className="total" aria-live="polite">
          {plural(total ?? 0, one, many)}
        </p>
        <button type="button" className="primary" onClick={() => setEdited("new")}>
          {`New ${one}`}
        </button>
      </div>
      <Filters table={table} />
      <LeftOut table={table} plan={plan} choice={choice} />
      <div className="list">
        <Boundary key={plan.key}>
          <List plan={plan} edit={edit} nothing={<Nothing table={table} plan={plan} choice={choice} />} />
        </Boundary>
      </div>
      {edited !== undefined && (
        <Form table={table} row={edited === "new" ? undefined : edited} onClose={() => setEdited(undefined)} />
      )}
    </section>
  );
}

function Form({ table, row, onClose }: { table: TableName; row: Row | undefined; onClose: () => void }) {
  const { insert, patch } = useWrites(table);
  return (
    <FormDialog
      table={table}
      row={row}
      save={(fields) => (row ? patch(row, fields) : insert(fields))}
      onClose={onClose}
    />
  );
}

interface ChoiceProps {
  table: TableName;
  plan: Plan;
  choice: Choice;
}

/** How many documents the order leaves out. */
function useLeftOut(table: TableName, plan: Plan, choice: Choice): number {
  const isOptional = fieldsOf(table).find(({ path }) => path === choice.by)?.none !== undefined;
  const reader = useReader();
  const query = isOptional ? plan.leftOut?.(reader) : undefined;
  return useCount(`how many ${looks[table].many} have no ${choice.by}: …`, plan.index, query ?? "skip") ?? 0;
}

/** Says which documents the order leaves out. */
function LeftOut({ table, plan, choice }: ChoiceProps) {
  const { one, many } = looks[table];
  const count = useLeftOut(table, plan, choice);
  const label = fieldsOf(table).find(({ path }) => path === choice.by)?.label;
  // The index counts them; which of them the filter would take is not asked for.
  const which = plan.isFiltered ? `${many.charAt(0).toUpperCase()}${many.slice(1)}` : plural(count, one, many);
  const are = count === 1 && !plan.isFiltered ? "is" : "are";
  return (
    <p className="said" role="status">
      {count > 0 &&
        `${which} with no value in “${label}” ${are} not in this order; “${descendingOf(table, choice)}” lists all.`}
    </p>
  );
}

/** What stands in place of an empty list. */
function Nothing({ table, plan, choice }: ChoiceProps) {
  const { one } = looks[table];
  const here = useLeftOut(table, plan, choice) > 0 ? "in this order" : "here yet";
  const isChosen = choice.conditions.size > 0;
  return (
    <div className="nothing">
      <p>{isChosen ? `No ${one} is like this.` : `There is no ${one} ${here}.`}</p>
      {isChosen && (
        <button type="button" onClick={() => clear(table)}>
          Show all
        </button>
      )}
    </div>
  );
}
