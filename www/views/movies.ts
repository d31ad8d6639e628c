/** A data set from elsewhere: loaded through the public API, paged, ordered and filtered by its indexes. */
import type { DataModelFromSchemaDefinition, NamedTableInfo, OrderedQuery } from "holdfast";
import type { Session, View } from "../database";
import { actionButton, field, h, number, plural, select, setOptions } from "../dom";
import { addMovies } from "../sample";
import type { Movie, schema } from "../schema";
import { Pager } from "./pager";

type MovieInfo = NamedTableInfo<DataModelFromSchemaDefinition<typeof schema>, "movies">;

const orders = {
  "rating desc": "Best rated first",
  "rating asc": "Worst rated first",
  "title asc": "Title: nothing, numbers, A to Z",
  "title desc": "Title: Z to A, numbers, nothing",
} as const;
const unknown = "unknown";

export function moviesView(session: Session): View {
  const { db } = session;
  const genre = select("genre", "Genre", [["", "All genres"]]);
  const rating = h("input", { type: "number", name: "rating", min: "0", max: "10", step: "0.1", placeholder: "any" });
  const order = select("order", "Order", Object.entries(orders));
  const pager = new Pager("movies", () => session.refresh());
  for (const control of [genre, rating, order]) {
    control.onchange = () => {
      pager.reset();
      void session.refresh();
    };
  }

  /** The query of what is chosen, with its text. */
  const plan = (): { query: () => OrderedQuery<MovieInfo>; text: string; index: string; isFiltered: boolean } => {
    const [by, direction] = order.value.split(" ") as ["rating" | "title", "asc" | "desc"];
    const least = Number.isNaN(rating.valueAsNumber) ? undefined : rating.valueAsNumber;
    const wanted = genre.value === "" ? undefined : genre.value === unknown ? null : genre.value;
    if (by === "rating") {
      const lower = least === undefined ? "" : `.gte("imdbRating", ${least})`;
      if (wanted === undefined) {
        return {
          query: () =>
            db
              .query("movies")
              .withIndex("by_rating", (q) => (least === undefined ? q : q.gte("imdbRating", least)))
              .order(direction),
          text: `db.query("movies").withIndex("by_rating", (q) => q${lower}).order("${direction}")`,
          index: "by_rating",
          isFiltered: false,
        };
      }
      return {
        query: () =>
          db
            .query("movies")
            .withIndex("by_genre_and_rating", (q) => {
              const range = q.eq("genre", wanted);
              return least === undefined ? range : range.gte("imdbRating", least);
            })
            .order(direction),
        text: `db.query("movies").withIndex("by_genre_and_rating", (q) => q.eq("genre", ${JSON.stringify(wanted)})${lower}).order("${direction}")`,
        index: "by_genre_and_rating",
        isFiltered: false,
      };
    }
    const rest = [wanted === undefined ? "" : "genre", least === undefined ? "" : "imdbRating"].filter(Boolean);
    return {
      query: () => {
        const ordered: OrderedQuery<MovieInfo> = db.query("movies").withIndex("by_title").order(direction);
        if (rest.length === 0) return ordered;
        return ordered.filter((q) =>
          q.and(
            ...(wanted === undefined ? [] : [q.eq(q.field("genre"), wanted)]),
            ...(least === undefined ? [] : [q.gte(q.field("imdbRating"), least)]),
          ),
        );
      },
      text: `db.query("movies").withIndex("by_title").order("${direction}")${rest.length ? `.filter(${rest.join(", ")})` : ""}`,
      index: rest.length ? "by_title + filter" : "by_title",
      isFiltered: rest.length > 0,
    };
  };

  // ---- rows ----

  const body = h("tbody", { role: "rowgroup" });
  const columns = { what: "Title", genre: "Genre", year: "Released", stars: "IMDB", votes: "Votes", gross: "Gross" };
  const table = h(
    "table",
    { role: "table", "aria-label": "Movies", class: "movies" },
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        ...Object.entries(columns).map(([name, text]) =>
          h("th", { class: name, role: "columnheader", scope: "col" }, text),
        ),
      ),
    ),
    body,
  );
  const none = (): HTMLElement => h("span", { class: "none" }, "–");
  const makeRow = (movie: Movie): HTMLElement => {
    const { title, genre, released, imdbRating, imdbVotes, worldwideGross, director, distributor } = movie;
    const cell = (name: string, content: string | null, ...more: Node[]) =>
      h("td", { class: name, role: "cell" }, content ?? none(), ...more);
    const shownTitle = title === null ? h("em", {}, "no title") : h("span", { class: "name" }, String(title));
    const badge = typeof title === "number" ? h("span", { class: "badge" }, "a number") : null;
    return h(
      "tr",
      { role: "row", "data-id": movie._id },
      h(
        "td",
        { class: "what", role: "cell" },
        shownTitle,
        badge,
        h("small", {}, [director, distributor].filter(Boolean).join(" · ")),
      ),
      cell("genre", genre),
      cell("year", released),
      cell("stars", imdbRating === null ? null : imdbRating.toFixed(1)),
      cell("votes", imdbVotes === null ? null : number(imdbVotes)),
      cell("gross", worldwideGross === null ? null : `$${number(worldwideGross)}`),
    );
  };

  // ---- the whole ----

  const load = actionButton(
    "Import movies",
    "Importing…",
    async () => {
      const started = performance.now();
      try {
        const rows = await addMovies(session);
        session.say(`Imported ${plural(rows, "movie")} in ${Math.round(performance.now() - started)} ms.`);
      } catch (error) {
        session.fail(error);
      }
    },
    "primary",
  );
  const empty = h(
    "div",
    { class: "empty", hidden: true },
    h("h2", {}, "A data set from elsewhere"),
    h(
      "p",
      {},
      "3,201 movies from vega-datasets, as untidy as it was published: values that are missing, numbers among the titles. ",
      "The schema says so, and the index puts them in order.",
    ),
    load,
  );
  const total = h("p", { class: "total", "aria-live": "polite" });
  const list = h(
    "div",
    { class: "list", hidden: true },
    total,
    h(
      "div",
      { class: "choice", role: "group", "aria-label": "Which movies" },
      field("Genre", genre),
      field("Rated at least", rating),
      field("Order", order),
    ),
    table,
    pager.element,
  );
  const element = h("section", { "aria-label": "Movies" }, empty, list);

  /** The genres and how many movies each has: steps from one to the next through the index. */
  const genres = async (): Promise<[name: string | null, count: number][]> => {
    const found: [string | null, number][] = [];
    let next = await db.query("movies").withIndex("by_genre").first();
    while (next !== null) {
      const { genre } = next;
      const count = await db
        .query("movies")
        .withIndex("by_genre", (q) => q.eq("genre", genre))
        .count();
      found.push([genre, count]);
      next = await db
        .query("movies")
        .withIndex("by_genre", (q) => q.gt("genre", genre))
        .first();
    }
    return found;
  };

  const refresh = async (): Promise<void> => {
    const all = await session.read('db.query("movies").count()', "by_creation_time", () => db.query("movies").count());
    empty.hidden = all > 0;
    list.hidden = all === 0;
    if (all === 0) return;
    const found = await session.read("genres, and how many movies in each", "by_genre", genres);
    setOptions(genre, [
      ["", "All genres"],
      ...found.map(([name, count]) => [name ?? unknown, `${name ?? "Unknown"} (${number(count)})`] as const),
    ]);
    const { query, text, index, isFiltered } = plan();
    const movies = await session.read(`${text}.paginate({ numItems: ${pager.size} })`, index, () => pager.load(query));
    const ofTotal = isFiltered ? undefined : await session.read(`${text}.count()`, index, () => query().count());
    total.textContent = plural(all, "movie");
    body.replaceChildren(...movies.map(makeRow));
    table.hidden = movies.length === 0;
    pager.show(ofTotal);
  };

  return { element, refresh };
}
