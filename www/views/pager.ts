/** Pages of a query by cursors: a cursor leads on, and the way back is remembered. */
import type { PaginationOptions, PaginationResult } from "holdfast";
import { h, number, select } from "../dom";

interface PageOf<Row> {
  paginate(options: PaginationOptions): Promise<PaginationResult<Row>>;
}

/** Buttons under a list, and where in the query it is. */
export class Pager {
  readonly element: HTMLElement;
  /** Where each page up to the shown one begins. */
  #cursors: (string | null)[] = [null];
  #next: string | undefined;
  /** How many rows are before the shown page. */
  #before: number[] = [0];
  readonly #back = h("button", { type: "button" }, "Previous");
  readonly #forth = h("button", { type: "button" }, "Next page");
  readonly #size = select(
    "pageSize",
    "Rows on a page",
    ["10", "25", "50", "100"].map((size) => [size, `${size} rows`] as const),
  );
  readonly #place = h("output", { class: "place", "aria-live": "polite" });
  #shown = 0;

  /** `what` is what is paged through, as in "Pages of tasks"; `onMove` shows the page anew. */
  constructor(what: string, onMove: () => Promise<void>) {
    this.#size.value = "25";
    const move = (change: () => void) => (): void => {
      change();
      this.#back.disabled = this.#forth.disabled = true;
      void onMove();
    };
    this.#back.onclick = move(() => {
      this.#cursors.pop();
      this.#before.pop();
    });
    this.#forth.onclick = move(() => {
      this.#before.push(this.#before.at(-1)! + this.#shown);
      this.#cursors.push(this.#next ?? null);
    });
    this.#size.onchange = move(() => this.reset());
    this.element = h(
      "nav",
      { class: "pager", "aria-label": `Pages of ${what}` },
      this.#back,
      this.#place,
      this.#forth,
      this.#size,
    );
  }

  /** How many rows a page has. */
  get size(): number {
    return Number(this.#size.value);
  }

  /** Back to the first page: what is asked for is another query now. */
  reset(): void {
    this.#cursors = [null];
    this.#before = [0];
  }

  /** Loads the page. One that has become empty leads back. */
  async load<Row>(query: () => PageOf<Row>): Promise<Row[]> {
    for (;;) {
      const { page, isDone, continueCursor } = await query().paginate({
        numItems: this.size,
        cursor: this.#cursors.at(-1)!,
      });
      if (page.length === 0 && this.#cursors.length > 1) {
        this.#cursors.pop();
        this.#before.pop();
        continue;
      }
      this.#next = isDone ? undefined : continueCursor;
      this.#shown = page.length;
      return page;
    }
  }

  /** Shows where in the query the page is, of a total if that is known. */
  show(total: number | undefined): void {
    const start = this.#before.at(-1)!;
    const of = total === undefined ? "" : ` of ${number(total)}`;
    this.#place.textContent =
      this.#shown === 0 ? "No rows" : `${number(start + 1)} to ${number(start + this.#shown)}${of}`;
    this.#back.disabled = this.#cursors.length === 1;
    this.#forth.disabled = this.#next === undefined;
    this.element.hidden = this.#shown === 0;
  }
}
