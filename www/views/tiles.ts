/** Counts above a list: all documents, and those of each value of a field. They choose what is listed, too. */
import type { Session } from "../database";
import { h, number } from "../dom";
import { fieldsOf, inWords } from "../fields";
import { indexOf, queryOf, type Condition } from "../plan";
import type { TableName } from "../schema";
import { looks } from "../tables";

export interface Tiles {
  readonly element: HTMLElement;
  refresh(total: number, chosen: Condition | undefined): Promise<void>;
}

export function tilesOf(
  session: Session,
  table: TableName,
  path: string,
  choose: (condition: Condition | undefined) => void,
): Tiles {
  const { kind } = fieldsOf(table).find((field) => field.path === path)!;
  const values = kind.is === "choice" ? kind.values : [];
  const { many } = looks[table];
  const index = indexOf(table, path);
  const tiles = [undefined, ...values].map((value) => {
    const count = h("strong", {}, "…");
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    const props = {
      type: "button" as const,
      class: "tile",
      "data-value": value ?? "",
      [`data-${path}`]: value ?? "all",
    };
    const button = h("button", props, count, h("span", {}, value ? inWords(value) : `All ${many}`), bar);
    button.onclick = () => choose(value === undefined ? undefined : { eq: value });
    return { value, button, count, bar };
  });
  const element = h(
    "div",
    { class: "tiles", role: "group", "aria-label": `${many} by ${path}` },
    ...tiles.map(({ button }) => button),
  );
  const countOf = (value: string): Promise<number> =>
    queryOf(session, table)
      .withIndex(index, (q) => q.eq(path, value))
      .count();
  return {
    element,
    async refresh(total, chosen) {
      const counts: number[] = [];
      for (const { value } of tiles) {
        counts.push(
          value === undefined
            ? total
            : await session.read(`…withIndex("${index}", (q) => q.eq("${path}", "${value}")).count()`, index, () =>
                countOf(value),
              ),
        );
      }
      // All at once: nobody shall see numbers that don't add up.
      for (const [place, { value, button, count, bar }] of tiles.entries()) {
        const n = counts[place]!;
        count.textContent = number(n);
        bar.style.setProperty("--share", String(total === 0 ? 0 : n / total));
        const isChosen = chosen === undefined ? value === undefined : "eq" in chosen && chosen.eq === value;
        button.setAttribute("aria-pressed", String(isChosen));
      }
    },
  };
}
