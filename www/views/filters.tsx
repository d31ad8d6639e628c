/** Which documents of a table are listed, and in which order: a control for each field that an index can answer. */
import { memo } from "react";
import { inWords, type Field } from "../fields";
import { number } from "../format";
import { useRead } from "../hooks";
import { choiceOf, choose, clear, filterFields, filterOf, lists, none, ordersOf } from "../lists";
import { indexOf, ranged, type AnyReader } from "../plan";
import { useNames } from "../references";
import type { TableName } from "../schema";
import { useStore } from "../store";
import { looks } from "../tables";
import { Labelled, Select } from "./parts";

export const Filters = memo(function Filters({ table }: { table: TableName }) {
  const list = useStore(lists[table]);
  const isChosen = choiceOf(table, list).conditions.size > 0;
  return (
    <div className="filters" role="group" aria-label={`Which ${looks[table].many}`}>
      {filterFields(table).map((field) => (
        <Filter key={field.path} table={table} field={field} />
      ))}
      <Labelled text="Order">
        <Select
          name="order"
          label="Order"
          value={list.order}
          options={ordersOf(table)}
          onChange={(order) => choose(table, { order })}
        />
      </Labelled>
      {/* It keeps its place, so that nothing moves when it comes. */}
      <button type="button" className={isChosen ? "quiet" : "quiet gone"} onClick={() => clear(table)}>
        Clear
      </button>
    </div>
  );
});

function Filter({ table, field }: { table: TableName; field: Field }) {
  const { inputs } = useStore(lists[table]);
  const { path, label } = field;
  const bind = (name: string) => ({
    name: `filter-${name}`,
    value: inputs[name] ?? "",
    onChange: (event: { target: { value: string } }) =>
      choose(table, { inputs: { ...lists[table].value.inputs, [name]: event.target.value } }),
  });
  switch (filterOf(table, field)) {
    case "distinct":
      return <DistinctFilter table={table} field={field} />;
    case "value":
      return <ValueFilter table={table} field={field} />;
    case "least":
      return (
        <Labelled text={`${label} at least`}>
          <input type="number" step="any" placeholder="any" {...bind(path)} />
        </Labelled>
      );
    case "days":
      return (
        <>
          <Labelled text={`${label} from`}>
            <input type="date" {...bind(`${path}-from`)} />
          </Labelled>
          <Labelled text={`${label} to`}>
            <input type="date" {...bind(`${path}-to`)} />
          </Labelled>
        </>
      );
    case "beginning":
      // Texts that begin so lie together in the order of the texts, which is chosen along.
      return (
        <Labelled text={label}>
          <input
            type="search"
            placeholder="begins with…"
            {...bind(path)}
            onChange={({ target: { value } }) =>
              choose(table, {
                inputs: { ...lists[table].value.inputs, [path]: value },
                ...(value !== "" && { order: `${path} asc` }),
              })
            }
          />
        </Labelled>
      );
  }
}

function Choices({
  table,
  field: { path, label },
  options,
}: {
  table: TableName;
  field: Field;
  options: readonly (readonly [string, string])[];
}) {
  const { inputs } = useStore(lists[table]);
  const chosen = inputs[path] ?? "";
  const isThere = chosen === "" || options.some(([value]) => value === chosen);
  return (
    <Labelled text={label}>
      <Select
        name={`filter-${path}`}
        label={label}
        value={chosen}
        // What was chosen may have gone meanwhile.
        options={[["", "All"], ...options, ...(isThere ? [] : [[chosen, "gone"] as const])]}
        onChange={(value) => choose(table, { inputs: { ...inputs, [path]: value } })}
      />
    </Labelled>
  );
}

/** One of the values that a field may have by its validator. */
function ValueFilter({ table, field }: { table: TableName; field: Field }) {
  const references = useNames();
  const { kind, none: missing } = field;
  const values =
    kind.is === "id"
      ? references.options(kind.table)
      : kind.is === "choice"
        ? kind.values.map((value) => [value, inWords(value)] as const)
        : [];
  const nobody = missing === undefined ? [] : [[none, references.noneOf(field)] as const];
  return <Choices table={table} field={field} options={[...nobody, ...values]} />;
}

/** One of the texts that there are. */
function DistinctFilter({ table, field }: { table: TableName; field: Field }) {
  const { path } = field;
  const text = `every ${path}, and how many ${looks[table].many} have it`;
  const found = useRead(text, indexOf(table, path), (reader) => valuesOf(reader, table, path)) ?? [];
  const options = found.map(([value, count]) => {
    const [key, name] = value == null ? [none, "Unknown"] : [value as string, value as string];
    return [key, `${name} (${number(count)})`] as const;
  });
  return <Choices table={table} field={field} options={options} />;
}

/** The values of a field with their counts, by steps from one to the next through the index. */
async function valuesOf(reader: AnyReader, table: TableName, path: string): Promise<[value: unknown, count: number][]> {
  const index = indexOf(table, path);
  const found: [unknown, number][] = [];
  let next = await ranged(reader, table, index, []).first();
  while (next !== null) {
    const value = next[path];
    found.push([value, await ranged(reader, table, index, [["eq", path, value]]).count()]);
    next = await ranged(reader, table, index, [["gt", path, value]]).first();
  }
  return found;
}
