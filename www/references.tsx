/** The documents that others name by their ids: they are shown and chosen by their names. */
import { useDatabase, useQuery } from "holdfast/react";
import { createContext, use, useMemo, type ReactNode } from "react";
import { useCost } from "./costs";
import type { Model } from "./database";
import { fieldsOf, type Field, type Row } from "./fields";
import { plural } from "./format";
import { indexOf, ranged, type AnyReader } from "./plan";
import { tables, type TableName } from "./schema";
import { looks } from "./tables";

/** Of each table, more than a select can show anyway. */
const most = 1000;

type Named = "users" | "projects";

const nameIn: Record<Named, (row: Row) => string> = {
  users: ({ name, email }) => (name ?? email) as string,
  projects: ({ name }) => name as string,
};
const gone: Record<Named, string> = { users: "somebody who is gone", projects: "a project that is gone" };

export class References {
  /** Whether they are still read. */
  readonly isLoading: boolean;
  readonly #rows: Record<Named, readonly Row[]>;
  readonly #names = new Map<string, string>();

  constructor(rows: Record<Named, readonly Row[]>, isLoading: boolean) {
    this.#rows = rows;
    this.isLoading = isLoading;
    for (const table of ["users", "projects"] as const)
      for (const row of rows[table]) this.#names.set(row._id, nameIn[table](row));
  }

  /** Whether there is nobody and nothing. */
  get isEmpty(): boolean {
    return !this.isLoading && this.#names.size === 0;
  }

  readonly nameOf = (table: TableName, id: string): string =>
    this.#names.get(id) ?? (this.isLoading ? "…" : gone[table as Named]);

  /** Ids and names, by name. */
  options(table: TableName): (readonly [id: string, name: string])[] {
    const options = this.#rows[table as Named].map((row) => [row._id, nameIn[table as Named](row)] as const);
    return options.sort(([, a], [, b]) => a.localeCompare(b));
  }

  /** What no id is called. */
  noneOf = ({ path }: Field): string => (path === "assigneeId" ? "Nobody" : "None");
}

const loading = new References({ users: [], projects: [] }, true);
const Context = createContext(loading);

export const useNames = (): References => use(Context);

/** Follows the names for all components below. Where none has changed, it stays the same. */
export function ReferencesProvider({ children }: { children: ReactNode }) {
  const db = useDatabase<Model>();
  const users = useCost(
    `db.query("users").take(${most})`,
    "by_creation_time",
    performance.now(),
    useQuery(db.query("users"), { take: most }),
  );
  const projects = useCost(
    `db.query("projects").take(${most})`,
    "by_creation_time",
    performance.now(),
    useQuery(db.query("projects"), { take: most }),
  );
  const references = useMemo(
    () => (users && projects ? new References({ users, projects }, false) : loading),
    [users, projects],
  );
  return <Context value={references}>{children}</Context>;
}

/** Which documents name one of a table, as in "6 tasks and 3 members"; nothing if there are none. */
export async function namedBy(reader: AnyReader, table: TableName, id: string): Promise<string> {
  const found: string[] = [];
  for (const other of tables) {
    let count = 0;
    for (const { path, kind } of fieldsOf(other)) {
      if (kind.is !== "id" || kind.table !== table) continue;
      count += await ranged(reader, other, indexOf(other, path), [["eq", path, id]]).count();
    }
    if (count > 0) found.push(plural(count, looks[other].one, looks[other].many));
  }
  return new Intl.ListFormat("en").format(found);
}
