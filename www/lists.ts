/** What is chosen in each list: which documents, in which order, and where in them the page is. */
import { fieldsOf, type Field } from "./fields";
import type { Choice, Condition } from "./plan";
import { schema, tables, type TableName } from "./schema";
import { Store } from "./store";
import { looks } from "./tables";

const dayMs = 24 * 60 * 60 * 1000;
/** Beyond every text that begins with another. */
const last = "\u{10ffff}";
/** What a select says of no value, which is one of the values that can be chosen. */
export const none = "(none)";

/** Where in a query a page is: the way that was come is remembered. */
export interface Place {
  /** Whether pages are read from the end, by the same query in the other direction. */
  isFromEnd: boolean;
  /** Where each page up to the shown one begins, and how many rows are before it, both as seen from where one began. */
  cursors: readonly (string | null)[];
  passed: readonly number[];
  /** How many rows the last page has, so that pages from both ends are the same. */
  lastSize: number;
}

export interface List {
  /** What stands in the controls, by their names. */
  inputs: Readonly<Record<string, string>>;
  /** A field and a direction, as in `dueDate asc`. */
  order: string;
  /** The tile that is pressed, if it is not the first one. */
  tile: string | undefined;
  pageSize: number;
  place: Place;
}

export const firstPage: Place = { isFromEnd: false, cursors: [null], passed: [0], lastSize: 0 };

const fresh = (table: TableName): List => ({
  inputs: {},
  order: looks[table].order ?? "created desc",
  tile: undefined,
  pageSize: 25,
  place: firstPage,
});

export const lists = Object.fromEntries(tables.map((table) => [table, new Store(fresh(table))])) as Record<
  TableName,
  Store<List>
>;

/** Changes what is listed. Another question begins at its first page. */
export function choose(table: TableName, change: Partial<List>): void {
  lists[table].set({ ...lists[table].value, place: firstPage, ...change });
}

export const clear = (table: TableName): void => choose(table, { inputs: {}, tile: undefined });

/** All lists begin at their first page: what is in them now is not what was there. */
export function startOver(): void {
  for (const table of tables) choose(table, {});
}

/** Nothing is chosen any more. */
export function forget(): void {
  for (const table of tables) lists[table].set(fresh(table));
}

/** What a control for a field asks. */
export type FilterKind = "distinct" | "beginning" | "least" | "days" | "value";

export function filterOf(table: TableName, { kind, path }: Field): FilterKind {
  if (kind.is === "text") return looks[table].distinct?.includes(path) ? "distinct" : "beginning";
  if (kind.is === "number") return "least";
  return kind.is === "day" || kind.is === "time" ? "days" : "value";
}

/** The fields that can be chosen by: those that an index can answer, but for the tiles'. */
export function filterFields(table: TableName): Field[] {
  const indexed = new Set(schema.tables[table][" indexes"]().flatMap(({ fields }) => fields));
  return fieldsOf(table).filter(({ path }) => indexed.has(path) && path !== looks[table].tiles);
}

/** What is chosen, as a question. */
export function choiceOf(table: TableName, { inputs, order: chosen, tile }: List): Choice {
  const conditions = new Map<string, Condition>();
  const { tiles } = looks[table];
  if (tiles && tile !== undefined) conditions.set(tiles, { eq: tile });
  for (const field of filterFields(table)) {
    const condition = conditionOf(filterOf(table, field), field, inputs);
    if (condition) conditions.set(field.path, condition);
  }
  const [by, order] = chosen.split(" ") as [string, "asc" | "desc"];
  return { conditions, by: by === "created" ? undefined : by, order };
}

function conditionOf(kind: FilterKind, field: Field, inputs: List["inputs"]): Condition | undefined {
  const { path } = field;
  if (kind === "days") {
    const [from, to] = [inputs[`${path}-from`], inputs[`${path}-to`]].map((text) => Date.parse(text ?? ""));
    if (Number.isNaN(from) && Number.isNaN(to)) return undefined;
    // Both days are included.
    return { from: Number.isNaN(from) ? undefined : from, below: Number.isNaN(to) ? undefined : to! + dayMs };
  }
  const text = inputs[path] ?? "";
  if (text === "") return undefined;
  if (kind === "least") return { from: Number(text) };
  if (kind === "beginning") return { from: text, below: text + last };
  return { eq: text === none ? (field.none === "null" ? null : undefined) : text };
}

/** The orders that there are an index for. Short, so that a select shows them whole. */
export function ordersOf(table: TableName): (readonly [string, string])[] {
  const orders: [string, string][] = [
    ["created desc", "Newest first"],
    ["created asc", "Oldest first"],
  ];
  for (const { path, label, kind } of filterFields(table)) {
    const ends = { text: ["A to Z", "Z to A"], number: ["lowest", "highest"], day: ["soonest", "latest"] }[
      kind.is as string
    ];
    if (!ends || looks[table].distinct?.includes(path)) continue;
    orders.push([`${path} asc`, `${label} ${ends[0]}`], [`${path} desc`, `${label} ${ends[1]}`]);
  }
  return orders;
}

/** What the order is called that has the same field, from its greatest value on. */
export function descendingOf(table: TableName, { by = "created" }: Choice): string {
  return ordersOf(table).find(([value]) => value === `${by} desc`)![1];
}
