/** What each query and change cost: its text, index, rows and time. */
import type { Cost } from "../database";
import { duration, h } from "../dom";

const most = 40;

export function costsView(): { element: HTMLElement; note(cost: Cost): void } {
  const list = h("ol", { class: "costs", "aria-label": "Queries and changes, the newest first", tabIndex: 0 });
  const element = h("section", { class: "panel", "aria-label": "What it costs" }, h("h2", {}, "What it costs"), list);
  return {
    element,
    note({ kind, text, index, result, ms }) {
      list.prepend(
        h(
          "li",
          { class: kind },
          h("code", {}, text),
          h(
            "span",
            { class: "facts" },
            h("strong", {}, duration(ms)),
            ` ${result}`,
            index ? h("span", { class: "badge" }, index) : null,
          ),
        ),
      );
      while (list.children.length > most) list.lastChild!.remove();
    },
  };
}
