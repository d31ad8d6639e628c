/** The documents that others name by their ids: they are shown and chosen by their names. */
import type { Session } from "./database";
import { plural } from "./dom";
import { fieldsOf, type Field, type Row } from "./fields";
import { indexOf, queryOf } from "./plan";
import { tables, type TableName } from "./schema";
import { looks } from "./tables";

/** Of each table, more than a select can show anyway. */
const most = 1000;

const named = ["users", "projects"] as const;
type Named = (typeof named)[number];

const nameIn: Record<Named, (row: Row) => string> = {
  users: ({ name, email }) => (name ?? email) as string,
  projects: ({ name }) => name as string,
};
const gone: Record<Named, string> = { users: "somebody who is gone", projects: "a project that is gone" };

export class References {
  readonly #rows: Record<Named, readonly Row[]> = { users: [], projects: [] };
  readonly #names = new Map<string, string>();
  /** Another number whenever a name may have changed. */
  version = 0;

  async load(session: Session): Promise<void> {
    for (const table of named) {
      const rows: readonly Row[] = await session.read(`db.query("${table}").take(${most})`, "by_creation_time", () =>
        session.db.query(table).take(most),
      );
      const before = this.#rows[table];
      // A document that did not change is the same object.
      if (rows.length === before.length && rows.every((row, i) => row === before[i])) continue;
      this.#rows[table] = rows;
      this.version += 1;
      for (const { _id } of before) this.#names.delete(_id);
      for (const row of rows) this.#names.set(row._id, nameIn[table](row));
    }
  }

  /** Whether there is nobody and nothing. */
  get isEmpty(): boolean {
    return named.every((table) => this.#rows[table].length === 0);
  }

  readonly nameOf = (table: TableName, id: string): string => this.#names.get(id) ?? gone[table as Named];

  /** Ids and names, by name. */
  options(table: TableName): (readonly [id: string, name: string])[] {
    const options = this.#rows[table as Named].map((row) => [row._id, nameIn[table as Named](row)] as const);
    return options.sort(([, a], [, b]) => a.localeCompare(b));
  }

  /** What no id is called. */
  noneOf = ({ path }: Field): string => (path === "assigneeId" ? "Nobody" : "None");
}

/** Which documents name one of a table, as in "6 tasks and 3 members"; nothing if there are none. */
export async function namedBy(session: Session, table: TableName, id: string): Promise<string> {
  const found: string[] = [];
  for (const other of tables) {
    let count = 0;
    for (const { path, kind } of fieldsOf(other)) {
      if (kind.is !== "id" || kind.table !== table) continue;
      count += await queryOf(session, other)
        .withIndex(indexOf(other, path), (q) => q.eq(path, id))
        .count();
    }
    if (count > 0) found.push(plural(count, looks[other].one, looks[other].many));
  }
  return new Intl.ListFormat("en").format(found);
}
