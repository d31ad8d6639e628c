/** What each query and change cost: its text, index, rows and time. The last change stays in view above the queries. */
import type { Cost } from "../database";
import { duration, h } from "../dom";

const most = 40;

export function costsView(): { element: HTMLElement; note(cost: Cost): void } {
  const change = h("div", { class: "change", role: "status", "aria-label": "The last change" });
  change.append(h("p", { class: "hint" }, "No change yet."));
  const queries = h("ol", { class: "costs", "aria-label": "Queries, the newest first", tabIndex: 0 });
  const element = h(
    "section",
    { class: "panel", "aria-label": "What it costs" },
    h("h2", {}, "What it costs"),
    h("h3", {}, "Last change"),
    change,
    h("h3", {}, "Queries"),
    queries,
  );
  return {
    element,
    note(cost) {
      if (cost.kind === "write") return change.replaceChildren(...shown(cost));
      queries.prepend(h("li", {}, ...shown(cost)));
      while (queries.children.length > most) queries.lastChild!.remove();
    },
  };
}

const shown = ({ text, index, result, ms }: Cost): HTMLElement[] => [
  h("code", {}, text),
  h(
    "span",
    { class: "facts" },
    h("strong", {}, duration(ms)),
    ` ${result}`,
    index ? h("span", { class: "badge" }, index) : null,
  ),
];
