/** The documents of a table: what there are, which are listed, pages of them; to add, edit and delete. */
import type { Session, View } from "../database";
import { actionButton, duration, h, plural } from "../dom";
import { fieldsOf, withValue, type Field, type Row } from "../fields";
import { plan, type Plan } from "../plan";
import { namedBy, type References } from "../references";
import { addMovies, addSample } from "../sample";
import { schema, type TableName } from "../schema";
import { looks, titleOf } from "../tables";
import type { Control } from "../controls";
import { ChoiceOf } from "./choice";
import { openForm } from "./form";
import { Pager } from "./pager";
import { Rows } from "./rows";
import { tilesOf } from "./tiles";

/** The writing half of the database without the types of its tables, of which this view knows only while it runs. */
interface AnyWriter {
  insert(table: TableName, fields: Record<string, unknown>): Promise<string>;
  patch(table: TableName, id: string, fields: Record<string, unknown>): Promise<void>;
  delete(table: TableName, id: string): Promise<void>;
}

export function tableView(session: Session, table: TableName, references: References): View {
  const look = looks[table];
  const { one, many } = look;
  const writer = (): AnyWriter => session.db;

  // ---- changes ----

  const isKept = "updatedAt" in schema.tables[table].validator.fields;
  /** Saves other values of some fields, and what follows from them. */
  const patch = async (row: Row, fields: Record<string, unknown>): Promise<void> => {
    const now = Date.now();
    const follows = { ...(isKept ? { updatedAt: now } : {}), ...look.follow?.(fields, now) };
    await session.write(`db.patch(${one}, { ${Object.keys(fields).join(", ")} })`, () =>
      writer().patch(table, row._id, { ...follows, ...fields }),
    );
  };

  const save = async (row: Row, { path }: Field, control: Control): Promise<void> => {
    try {
      const name = path.split(".")[0]!;
      // An object is written as a whole: the rest of it stays what it is.
      await patch(row, withValue(name === path ? {} : { [name]: row[name] }, path, control.read()));
    } catch (error) {
      session.fail(error, "change");
    }
  };

  const remove = async (row: Row): Promise<void> => {
    try {
      await session.write(`db.delete(${one})`, () => writer().delete(table, row._id));
      const { _creationTime, ...fields } = row;
      const name = `“${titleOf(look, row)}”`;
      const others = await namedBy(session, table, row._id);
      session.say(`Deleted ${name}.${others && ` By its id it is still named by ${others}.`}`, {
        text: "Undo",
        run: async () => {
          await session.write(`db.insert("${table}", ${one})`, () => writer().insert(table, fields));
          session.say(`${name} is back, under its old id. Its time of creation is new: by it, it is the newest.`);
        },
      });
    } catch (error) {
      session.fail(error, "change");
    }
  };

  const openFor = (row: Row | undefined): void =>
    openForm(table, row, references, async (fields) => {
      if (row) return patch(row, fields);
      await session.write(`db.insert("${table}", ${one})`, () => writer().insert(table, fields));
    });

  // ---- parts ----

  const chosen = (): void => {
    pager.reset();
    void session.refresh();
  };
  const choice = new ChoiceOf(session, table, references, chosen);
  const planned = (): Plan => plan(session, table, choice.current);
  const pager = new Pager(
    many,
    () => session.refresh(),
    () => planned().query().count(),
  );
  const rows = new Rows(table, references, { save, edit: openFor, remove });
  const tiles = look.tiles && tilesOf(session, table, look.tiles, (condition) => choice.tileChosen(condition));
  const total = h("p", { class: "total", "aria-live": "polite" });
  const leftOut = h("p", { class: "said", role: "status" });
  const add = h("button", { type: "button", class: "primary" }, `New ${one}`);
  add.onclick = () => openFor(undefined);
  const nothing = h("div", { class: "nothing" });
  const showAll = h("button", { type: "button" }, "Show all");
  showAll.onclick = () => choice.clear();
  const list = h("div", { class: "list" }, rows.element, nothing, pager.element);
  const toolbar = h("div", { class: "toolbar" }, total, add);
  const parts = [...(tiles ? [tiles.element] : []), toolbar, choice.element, leftOut, list];
  const start = table === "movies" ? startWithMovies(session) : startWithSample(session);
  const loading = h("p", { class: "loading" }, "Reading…");
  for (const part of [...parts, start]) part.hidden = true;
  const element = h("section", { "aria-label": many }, loading, ...parts, start);

  // ---- the whole ----

  /** Says which documents the order leaves out. Answers whether there are any. */
  const showLeftOut = async ({ leftOut: count, isFiltered, index }: Plan): Promise<boolean> => {
    const { by } = choice.current;
    const field = fieldsOf(table).find(({ path }) => path === by);
    leftOut.textContent = "";
    if (!count || field?.none === undefined) return false;
    const found = await session.read(`how many ${many} have no ${by}`, index, count);
    if (found === 0) return false;
    // The index counts them; which of them the filter would take is not asked for.
    const which = isFiltered ? `${many.charAt(0).toUpperCase()}${many.slice(1)}` : plural(found, one, many);
    const are = found === 1 && !isFiltered ? "is" : "are";
    leftOut.textContent = `${which} with no value in “${field.label}” ${are} not in this order; “${choice.descending}” lists all.`;
    return true;
  };

  const refresh = async (): Promise<void> => {
    await references.load(session);
    const all = await session.read(`db.query("${table}").count()`, "by_creation_time", () =>
      session.db.query(table).count(),
    );
    const isFirst = all === 0 && (table === "movies" || references.isEmpty);
    loading.hidden = true;
    start.hidden = !isFirst;
    for (const part of parts) part.hidden = isFirst;
    if (isFirst) return;
    total.textContent = plural(all, one, many);
    await choice.refresh();
    if (tiles) await tiles.refresh(all, choice.tile);
    const asked = planned();
    const { text, index } = asked;
    const load = (): Promise<readonly Row[]> =>
      session.read(`${text}.paginate({ numItems: ${pager.size} })`, index, () => pager.load(asked));
    let page = await load();
    // A count that has to read every document is not asked for.
    const ofTotal = asked.isFiltered
      ? undefined
      : await session.read(`${text}.count()`, index, () => asked.query().count());
    // Another tab may have put much less in the place of what was there.
    if (ofTotal !== undefined && pager.isBeyond(ofTotal)) {
      pager.reset();
      page = await load();
    }
    rows.show(page);
    pager.show(ofTotal);
    const isPart = await showLeftOut(asked);
    nothing.hidden = page.length > 0;
    if (page.length === 0) {
      const here = isPart ? "in this order" : "here yet";
      const says = choice.isChosen ? `No ${one} is like this.` : `There is no ${one} ${here}.`;
      nothing.replaceChildren(h("p", {}, says), ...(choice.isChosen ? [showAll] : []));
    }
  };

  return { element, refresh, startOver: () => pager.reset() };
}

/** What stands where there is nothing at all. */
const empty = (title: string, text: string, button: HTMLButtonElement): HTMLElement =>
  h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, text), button);

const startWithSample = (session: Session): HTMLElement =>
  empty(
    "An empty database",
    "It lives in this browser and nowhere else. Sample data fills it: six people, four projects, a few tasks. " +
      "Later you can add 100,000 tasks more.",
    actionButton("Add sample data", "Adding…", () => addSample(session).catch(session.fail), "primary"),
  );

function startWithMovies(session: Session): HTMLElement {
  const load = async (): Promise<void> => {
    const started = performance.now();
    try {
      const rows = await addMovies(session);
      session.say(`Imported ${plural(rows, "movie")} in ${duration(performance.now() - started)}.`);
    } catch (error) {
      session.fail(error);
    }
  };
  return empty(
    "A data set from elsewhere",
    "3,201 movies from vega-datasets, as untidy as it was published: values that are missing, numbers among the " +
      "titles. The schema says so, and the index puts them in order.",
    actionButton("Import movies", "Importing…", load, "primary"),
  );
}
