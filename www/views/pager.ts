/** Pages of a query by cursors: from the start on, or from the end back. The way that was come is remembered. */
import { h, number, select } from "../dom";
import type { Row } from "../fields";
import type { Plan } from "../plan";

/** Buttons under a list, and where in the query it is. */
export class Pager {
  readonly element: HTMLElement;
  /** Whether pages are read from the end, by the same query in the other direction. */
  #isFromEnd = false;
  /** Where each page up to the shown one begins, and how many rows are before it, both as seen from where one began. */
  #cursors: (string | null)[] = [null];
  #passed: number[] = [0];
  /** Where the page after the shown one begins, if there is one. */
  #next: string | undefined;
  #shown = 0;
  /** How many rows the last page has, so that pages from both ends are the same. */
  #lastSize = 0;
  readonly #first = h("button", { type: "button", title: "First page", "aria-label": "First page" }, "«");
  readonly #back = h("button", { type: "button" }, "Previous");
  readonly #forth = h("button", { type: "button" }, "Next page");
  readonly #last = h("button", { type: "button", title: "Last page", "aria-label": "Last page" }, "»");
  readonly #size = select(
    "pageSize",
    "Rows on a page",
    ["10", "25", "50", "100"].map((size) => [size, `${size} rows`] as const),
  );
  readonly #place = h("output", { class: "place", "aria-live": "polite" });

  /** `what` is what is paged through, as in "Pages of tasks"; `onMove` shows the page anew; `count` counts all rows. */
  constructor(what: string, onMove: () => Promise<void>, count: () => Promise<number>) {
    this.#size.value = "25";
    const buttons = [this.#first, this.#back, this.#forth, this.#last];
    const move = (change: () => void | Promise<void>) => async (): Promise<void> => {
      for (const button of buttons) button.disabled = true;
      await change();
      await onMove();
    };
    this.#first.onclick = move(() => this.reset());
    this.#back.onclick = move(() => this.#move(!this.#isFromEnd));
    this.#forth.onclick = move(() => this.#move(this.#isFromEnd));
    this.#last.onclick = move(async () => {
      this.#lastSize = (await count()) % this.size || this.size;
      this.reset();
      this.#isFromEnd = true;
    });
    this.#size.onchange = move(() => this.reset());
    const nav = { class: "pager", "aria-label": `Pages of ${what}` };
    this.element = h("nav", nav, this.#first, this.#back, this.#place, this.#forth, this.#last, this.#size);
  }

  /** How many rows a page has. */
  get size(): number {
    return Number(this.#size.value);
  }

  /** Back to the first page: what is asked for is another query now. */
  reset(): void {
    this.#isFromEnd = false;
    this.#cursors = [null];
    this.#passed = [0];
  }

  /** Whether there are no more rows than those that were before the page. */
  isBeyond(total: number): boolean {
    return this.#cursors.length > 1 && this.#passed.at(-1)! >= total;
  }

  #move(isBack: boolean): void {
    if (isBack) {
      this.#cursors.pop();
      this.#passed.pop();
    } else {
      this.#passed.push(this.#passed.at(-1)! + this.#shown);
      this.#cursors.push(this.#next ?? null);
    }
  }

  /** Loads the page. One that has become empty leads back. */
  async load(plan: Plan): Promise<readonly Row[]> {
    for (;;) {
      const numItems = this.#isFromEnd && this.#cursors.length === 1 ? this.#lastSize : this.size;
      const { page, isDone, continueCursor } = await plan
        .query(this.#isFromEnd)
        .paginate({ numItems, cursor: this.#cursors.at(-1)! });
      if (page.length === 0 && this.#cursors.length > 1) {
        this.#move(true);
        continue;
      }
      this.#next = isDone ? undefined : continueCursor;
      this.#shown = page.length;
      return this.#isFromEnd ? page.reverse() : page;
    }
  }

  /** Shows where in the query the page is, of a total if that is known. */
  show(total: number | undefined): void {
    const passed = this.#passed.at(-1)!;
    const shown = this.#shown;
    if (!this.#isFromEnd) {
      const of = total === undefined ? "" : ` of ${number(total)}`;
      this.#place.textContent = `${number(passed + 1)} to ${number(passed + shown)}${of}`;
    } else if (total === undefined) {
      this.#place.textContent =
        passed === 0 ? `the last ${number(shown)}` : `${number(shown)} before the last ${number(passed)}`;
    } else {
      const end = total - passed;
      this.#place.textContent = `${number(end - shown + 1)} to ${number(end)} of ${number(total)}`;
    }
    const hasWayBack = this.#cursors.length > 1;
    // A full page may be the last one without knowing it.
    const hasWayOn = this.#next !== undefined && (total === undefined || passed + shown < total);
    this.#back.disabled = this.#first.disabled = this.#isFromEnd ? !hasWayOn : !hasWayBack;
    this.#forth.disabled = this.#last.disabled = this.#isFromEnd ? !hasWayBack : !hasWayOn;
    this.element.hidden = shown === 0;
  }
}
