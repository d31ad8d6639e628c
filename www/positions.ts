/**
 * The documents at places of an order: a list can be opened anywhere in it, however long it is. Cursors lead from one page
 * to the next and can't jump; but a range of an index is counted in logarithmic time, so the value that so many documents
 * lie before is found by halving. Orders are of numbers here: times, and days.
 */
import type { Row } from "./fields";
import { ranged, type AnyReader, type Plan, type Step } from "./plan";

/** So many documents may be read and passed over: fewer than one more halving would cost. */
const passed = 24;

/** At the beginning of a list that is quicker than to look for the place. */
const near = 200;

/** `count` documents from the place on. */
export async function rowsAt(reader: AnyReader, plan: Plan, place: number, count: number): Promise<Row[]> {
  if (place <= near) return (await plan.query(reader).take(place + count)).slice(place);
  return new Search(reader, plan, plan.steps, plan.by).rowsAt(place, count);
}

const bits = new DataView(new ArrayBuffer(8));

/** Which number it is of all that there are, so that any two are at most 64 halvings apart. */
function ordinalOf(value: number): bigint {
  bits.setFloat64(0, value);
  const ordinal = bits.getBigInt64(0);
  return ordinal < 0n ? -(ordinal & 0x7fff_ffff_ffff_ffffn) : ordinal;
}

function numberOf(ordinal: bigint): number {
  bits.setBigInt64(0, ordinal < 0n ? -ordinal : ordinal);
  const value = bits.getFloat64(0);
  return ordinal < 0n ? -value : value;
}

/** The number that is as many numbers away from one as from the other, if there is any between them. */
function between(one: number, other: number): number | undefined {
  const [low, high] = [ordinalOf(one), ordinalOf(other)];
  const middle = (low + high) / 2n;
  return middle === low || middle === high ? undefined : numberOf(middle);
}

/** A range of an index in which documents are looked for by the value of one field. */
class Search {
  readonly #reader: AnyReader;
  readonly #plan: Plan;
  readonly #steps: readonly Step[];
  readonly #fixed: readonly Step[];
  readonly #field: string;

  constructor(reader: AnyReader, plan: Plan, steps: readonly Step[], field: string) {
    this.#reader = reader;
    this.#plan = plan;
    this.#steps = steps;
    this.#field = field;
    this.#fixed = steps.filter(([, path]) => path !== field);
  }

  async rowsAt(place: number, count: number): Promise<Row[]> {
    const { order } = this.#plan;
    const [first, last] = [await this.#in(this.#steps).order(order).first(), await this.#end()];
    if (first === null) return [];
    const start = first[this.#field];
    // In descending order those without a value come last.
    const valued = last === undefined ? 0 : await this.#in(this.#withoutNothing()).count();
    const isOpen = this.#fixed.length === this.#steps.length;
    if (place >= valued) return isOpen ? this.#among(undefined, place - valued, count) : [];
    if (typeof start !== "number" || last === undefined) return this.#in(this.#steps).order(order).take(count);

    // At `low` not more than `place` documents are passed, at `high` more.
    let [low, before] = [start, 0];
    let high = last;
    while (place - before > passed) {
      const middle = between(low, high);
      if (middle === undefined) break;
      const found = await this.#before(middle);
      if (found <= place) [low, before] = [middle, found];
      else high = middle;
    }
    if (place - before <= passed) {
      const rows = await this.#in(this.#from(low))
        .order(order)
        .take(place - before + count);
      return rows.slice(place - before);
    }
    // There is no number between the two: it is among documents of one value. Those are in the order of their creation.
    for (const value of [low, high]) {
      const same = await this.#in([...this.#fixed, ["eq", this.#field, value]]).count();
      const at = await this.#before(value);
      if (place >= at && place < at + same) return this.#among(value, place - at, count);
    }
    return this.#in(this.#from(high)).order(order).take(count);
  }

  /** Documents of one value, by their creation, and what comes behind them. */
  async #among(value: number | undefined, place: number, count: number): Promise<Row[]> {
    const { order } = this.#plan;
    const steps: Step[] = [...this.#fixed, ["eq", this.#field, value]];
    if (this.#field === "_creationTime")
      return (
        await this.#in(steps)
          .order(order)
          .take(place + count)
      ).slice(place);
    const rows =
      place === 0
        ? await this.#in(steps).order(order).take(count)
        : await new Search(this.#reader, this.#plan, steps, "_creationTime").rowsAt(place, count);
    if (rows.length === count || value === undefined) return rows;
    const behind = await this.#in(this.#beyond(value))
      .order(order)
      .take(count - rows.length);
    return [...rows, ...behind];
  }

  #in(steps: readonly Step[]) {
    return ranged(this.#reader, this.#plan.table, this.#plan.index, steps);
  }

  /** The last value that there is. */
  async #end(): Promise<number | undefined> {
    const order = this.#plan.order === "asc" ? "desc" : "asc";
    const last = (await this.#in(this.#withoutNothing()).order(order).first())?.[this.#field];
    return typeof last === "number" ? last : undefined;
  }

  get #isAscending(): boolean {
    return this.#plan.order === "asc";
  }

  get #lower(): Step[] {
    return this.#steps.filter(([method, path]) => path === this.#field && (method === "gt" || method === "gte"));
  }

  get #upper(): Step[] {
    return this.#steps.filter(([method, path]) => path === this.#field && (method === "lt" || method === "lte"));
  }

  /** The range without documents that have no value. */
  #withoutNothing(): Step[] {
    return [
      ...this.#fixed,
      ...(this.#lower.length > 0 ? this.#lower : [["gt", this.#field, null] as const]),
      ...this.#upper,
    ];
  }

  /** How many documents come before those of a value. */
  #before(value: number): Promise<number> {
    const range: Step[] = this.#isAscending
      ? [...this.#lower, ["lt", this.#field, value]]
      : [["gt", this.#field, value], ...this.#upper];
    return this.#in([...this.#fixed, ...range]).count();
  }

  /** The range from a value on. */
  #from(value: number): Step[] {
    if (this.#isAscending) return [...this.#fixed, ["gte", this.#field, value], ...this.#upper];
    return [...this.#fixed, ...this.#lower, ["lte", this.#field, value]];
  }

  /** The range behind a value. */
  #beyond(value: number): Step[] {
    if (this.#isAscending) return [...this.#fixed, ["gt", this.#field, value], ...this.#upper];
    return [...this.#fixed, ...this.#lower, ["lt", this.#field, value]];
  }
}
