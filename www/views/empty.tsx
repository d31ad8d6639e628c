/** What stands where there is nothing at all. */
import type { ReactNode } from "react";
import { fail } from "../database";
import { duration, plural } from "../format";
import { useDb } from "../hooks";
import { say } from "../notices";
import { addMovies, addSample } from "../sample";
import { ActionButton } from "./parts";

function Empty({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      <p>{text}</p>
      {children}
    </div>
  );
}

export function StartWithSample() {
  const db = useDb();
  return (
    <Empty
      title="An empty database"
      text={
        "It lives in this browser and nowhere else. Sample data fills it: six people, four projects, a few tasks. " +
        "Later you can add 100,000 tasks more."
      }
    >
      <ActionButton
        text="Add sample data"
        busyText="Adding…"
        className="primary"
        action={() => addSample(db).catch(fail)}
      />
    </Empty>
  );
}

export function StartWithMovies() {
  const db = useDb();
  const load = async (): Promise<void> => {
    const started = performance.now();
    try {
      const rows = await addMovies(db);
      say(`Imported ${plural(rows, "movie")} in ${duration(performance.now() - started)}.`);
    } catch (error) {
      fail(error);
    }
  };
  return (
    <Empty
      title="A data set from elsewhere"
      text={
        "3,201 movies from vega-datasets, as untidy as it was published: values that are missing, numbers among the " +
        "titles. The schema says so, and the index puts them in order."
      }
    >
      <ActionButton text="Import movies" busyText="Importing…" className="primary" action={load} />
    </Empty>
  );
}
