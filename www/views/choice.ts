/** Which documents of a table are listed, and in which order: a control for each field that an index can answer. */
import type { Session } from "../database";
import { field as labelled, h, number, select, setOptions } from "../dom";
import { fieldsOf, inWords, type Field } from "../fields";
import { indexOf, queryOf, type Choice, type Condition } from "../plan";
import type { References } from "../references";
import { schema, type TableName } from "../schema";
import { looks } from "../tables";

const dayMs = 24 * 60 * 60 * 1000;
/** Beyond every text that begins with another. */
const last = "\u{10ffff}";

/** One field's part of the choice. */
interface Filter {
  readonly elements: readonly HTMLElement[];
  /** Those that are emptied when everything shall be listed. */
  readonly inputs: readonly (HTMLSelectElement | HTMLInputElement)[];
  condition(): Condition | undefined;
  /** Brings what can be chosen up to date. */
  refresh?(): Promise<void> | void;
}

/** What a select says of no value, which is one of the values that can be chosen. */
const none = "(none)";

export class ChoiceOf {
  readonly element: HTMLElement;
  /** A field that is chosen by the tiles above the list. */
  tile: Condition | undefined;
  readonly #filters: (readonly [path: string, filter: Filter])[];
  readonly #order: HTMLSelectElement;
  readonly #clear = h("button", { type: "button", class: "quiet" }, "Clear");
  readonly #tiles: string | undefined;
  readonly #onChange: () => void;

  constructor(session: Session, table: TableName, references: References, onChange: () => void) {
    const { tiles, distinct = [], many, order } = looks[table];
    this.#tiles = tiles;
    this.#onChange = onChange;
    const indexed = new Set(schema.tables[table][" indexes"]().flatMap(({ fields }) => fields));
    const fields = fieldsOf(table).filter(({ path }) => indexed.has(path) && path !== tiles);
    this.#order = select("order", "Order", ordersOf(fields, distinct));
    if (order) this.#order.value = order;
    this.#filters = fields.map((each) => {
      const { is } = each.kind;
      if (is === "text" && distinct.includes(each.path)) return [each.path, distinctFilter(session, table, each)];
      if (is === "text") return [each.path, this.#beginning(each)];
      if (is === "number") return [each.path, leastFilter(each)];
      if (is === "day" || is === "time") return [each.path, daysFilter(each)];
      return [each.path, valueFilter(each, references)];
    });
    const inputs = this.#filters.flatMap(([, filter]) => filter.inputs);
    for (const input of inputs) input.onchange ??= () => this.#changed();
    this.#order.onchange = () => this.#changed();
    this.#clear.onclick = () => this.clear();
    this.element = h(
      "div",
      { class: "filters", role: "group", "aria-label": `Which ${many}` },
      ...this.#filters.flatMap(([, filter]) => filter.elements),
      labelled("Order", this.#order),
      this.#clear,
    );
    this.#showClear();
  }

  get isChosen(): boolean {
    return this.current.conditions.size > 0;
  }

  get current(): Choice {
    const conditions = new Map<string, Condition>();
    if (this.#tiles && this.tile) conditions.set(this.#tiles, this.tile);
    for (const [path, filter] of this.#filters) {
      const condition = filter.condition();
      if (condition) conditions.set(path, condition);
    }
    const [by, order] = this.#order.value.split(" ") as [string, "asc" | "desc"];
    return { conditions, by: by === "created" ? undefined : by, order };
  }

  /** What the order is called that has the same field, from its greatest value on. */
  get descending(): string {
    const value = `${this.current.by ?? "created"} desc`;
    return [...this.#order.options].find((option) => option.value === value)!.text;
  }

  async refresh(): Promise<void> {
    for (const [, filter] of this.#filters) await filter.refresh?.();
  }

  /** Everything is listed again. */
  clear(): void {
    this.tile = undefined;
    for (const [, { inputs }] of this.#filters) for (const input of inputs) input.value = "";
    this.#changed();
  }

  #changed(): void {
    this.#showClear();
    this.#onChange();
  }

  #showClear(): void {
    // It keeps its place, so that nothing moves when it comes.
    this.#clear.classList.toggle("gone", !this.isChosen);
  }

  tileChosen(condition: Condition | undefined): void {
    this.tile = condition;
    this.#changed();
  }

  /** Texts that begin so. They lie together in the order of the texts, which is chosen along. */
  #beginning({ path, label }: Field): Filter {
    const input = h("input", { type: "search", name: `filter-${path}`, placeholder: "begins with…" });
    input.onchange = () => {
      if (input.value !== "") this.#order.value = `${path} asc`;
      this.#changed();
    };
    return {
      elements: [labelled(label, input)],
      inputs: [input],
      condition: () => (input.value === "" ? undefined : { from: input.value, below: input.value + last }),
    };
  }
}

/** The orders that there are an index for. Short, so that a select shows them whole. */
function ordersOf(fields: readonly Field[], distinct: readonly string[]): (readonly [string, string])[] {
  const orders: [string, string][] = [
    ["created desc", "Newest first"],
    ["created asc", "Oldest first"],
  ];
  for (const { path, label, kind } of fields) {
    const ends = { text: ["A to Z", "Z to A"], number: ["lowest", "highest"], day: ["soonest", "latest"] }[
      kind.is as string
    ];
    if (!ends || distinct.includes(path)) continue;
    orders.push([`${path} asc`, `${label} ${ends[0]}`], [`${path} desc`, `${label} ${ends[1]}`]);
  }
  return orders;
}

/** One of the values that a field may have by its validator. */
function valueFilter(field: Field, references: References): Filter {
  const { path, label, kind, none: missing } = field;
  const input = select(`filter-${path}`, label, [["", "All"]]);
  const options = (): (readonly [string, string])[] => {
    if (kind.is === "id") return references.options(kind.table);
    return kind.is === "choice" ? kind.values.map((value) => [value, inWords(value)] as const) : [];
  };
  const nobody: (readonly [string, string])[] = missing === undefined ? [] : [[none, references.noneOf(field)]];
  return {
    elements: [labelled(label, input)],
    inputs: [input],
    condition: () => {
      if (input.value === "") return undefined;
      return { eq: input.value === none ? (missing === "null" ? null : undefined) : input.value };
    },
    refresh: () => setOptions(input, [["", "All"], ...nobody, ...options()]),
  };
}

/** One of the texts that there are. They are found by steps from one to the next through the index, with their counts. */
function distinctFilter(session: Session, table: TableName, { path, label }: Field): Filter {
  const input = select(`filter-${path}`, label, [["", "All"]]);
  const index = indexOf(table, path);
  const query = () => queryOf(session, table);
  const values = async (): Promise<[value: unknown, count: number][]> => {
    const found: [unknown, number][] = [];
    let next = await query().withIndex(index).first();
    while (next !== null) {
      const value = next[path];
      const same = query().withIndex(index, (q) => q.eq(path, value));
      found.push([value, await same.count()]);
      next = await query()
        .withIndex(index, (q) => q.gt(path, value))
        .first();
    }
    return found;
  };
  /** What no value is: missing or null, as the documents have it. */
  let missing: unknown;
  return {
    elements: [labelled(label, input)],
    inputs: [input],
    condition: () => (input.value === "" ? undefined : { eq: input.value === none ? missing : input.value }),
    refresh: async () => {
      const text = `every ${path}, and how many ${looks[table].many} have it`;
      const found = await session.read(text, index, values);
      const options = found.map(([value, count]) => {
        if (value == null) missing = value;
        const [key, name] = value == null ? [none, "Unknown"] : [value as string, value as string];
        return [key, `${name} (${number(count)})`] as const;
      });
      setOptions(input, [["", "All"], ...options]);
    },
  };
}

/** Numbers from one on. */
function leastFilter({ path, label }: Field): Filter {
  const input = h("input", { type: "number", name: `filter-${path}`, step: "any", placeholder: "any" });
  return {
    elements: [labelled(`${label} at least`, input)],
    inputs: [input],
    condition: () => (Number.isNaN(input.valueAsNumber) ? undefined : { from: input.valueAsNumber }),
  };
}

/** Times from one day to another, both of them included. */
function daysFilter({ path, label }: Field): Filter {
  const from = h("input", { type: "date", name: `filter-${path}-from` });
  const to = h("input", { type: "date", name: `filter-${path}-to` });
  const valueOf = (input: HTMLInputElement) => (Number.isNaN(input.valueAsNumber) ? undefined : input.valueAsNumber);
  return {
    elements: [labelled(`${label} from`, from), labelled(`${label} to`, to)],
    inputs: [from, to],
    condition: () => {
      const [first, end] = [valueOf(from), valueOf(to)];
      if (first === undefined && end === undefined) return undefined;
      return { from: first, below: end === undefined ? undefined : end + dayMs };
    },
  };
}
