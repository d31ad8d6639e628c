/** What has become of a task: who has changed what, and when, and the way back. */
import type { HistoryEntry } from "holdfast/sync";
import { useEffect, useState } from "react";
import { grouped } from "../devices/grouped";
import { say } from "../notices";
import { useStore } from "../store";
import { ActionButton, Dialog } from "../views/parts";
import { type Found, readHistory } from "./authors";
import { change, explained, useApp } from "./database";
import type { Id, Member, Task } from "./schema";
import { clockOf, nameOf, textOf } from "./words";

interface Props {
  task: { _id: Id<"tasks">; title: string; projectId: Id<"projects"> };
  /** The task as it is shown, if it is. */
  now?: Task;
  members: readonly Member[];
  close: () => void;
}

/** As many entries are read at once. */
const pageSize = 50;

export function HistoryDialog({ task, now, members, close }: Props) {
  const app = useApp();
  const { db, session } = app;
  const [found, setFound] = useState<Found>();
  const [error, setError] = useState<unknown>();
  const [limit, setLimit] = useState(pageSize);
  const [tries, setTries] = useState(0);
  const { _id, title, projectId } = task;
  const version = useStore(app.news);
  useEffect(() => {
    let isAsked = true;
    readHistory(db, _id, projectId, limit).then(
      (found) => {
        if (!isAsked) return;
        setError(undefined);
        setFound(found);
      },
      (error: unknown) => isAsked && setError(error),
    );
    return () => {
      isAsked = false;
    };
  }, [db, _id, projectId, limit, version, tries]);

  const goBack = async (entry: HistoryEntry): Promise<void> => {
    const isBack = await change(
      app,
      [projectId],
      `“${title}” was not changed.`,
      async () => undefined,
      () => db.revert(_id, entry),
    );
    if (!isBack) return;
    say(`“${title}” is as it was at ${clockOf(entry.time)}.`);
    close();
  };
  const authorIn = ({ actor }: HistoryEntry): string => {
    const author = found?.authors.get(actor);
    return author === undefined ? "Somebody" : author.session === session ? `${author.name} (you)` : author.name;
  };
  return (
    <Dialog labelledBy="history" className="form history" onClose={close}>
      <div className="toolbar">
        <h2 id="history">History of “{title}”</h2>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      {found === undefined && error === undefined && (
        <p className="loading" role="status">
          Reading the history…
        </p>
      )}
      {error !== undefined && (
        <div className="part" role="alert">
          <p className="error">
            {explained(error).message} {explained(error).advice}
          </p>
          <button type="button" onClick={() => setTries(tries + 1)}>
            Try again
          </button>
        </div>
      )}
      {found?.entries.length === 0 && <p className="hint">Nothing of it is saved yet. Close this, and look again.</p>}
      <ol className="entries">
        {grouped(found?.entries ?? []).map((entry, index) => (
          <li key={entry.change}>
            <div>
              <p>
                <strong>{authorIn(entry)}</strong>{" "}
                <time dateTime={new Date(entry.time).toISOString()}>{clockOf(entry.time)}</time>
              </p>
              <What entry={entry} members={members} />
            </div>
            {index === 0 && isShown(entry, now) ? (
              <span className="badge">now</span>
            ) : (
              isState(entry) && (
                <ActionButton text="Go back to this" busyText="Going back…" action={() => goBack(entry)} />
              )
            )}
          </li>
        ))}
      </ol>
      {found?.hasMore && (
        <button type="button" onClick={() => setLimit(limit + pageSize)}>
          Show older changes
        </button>
      )}
    </Dialog>
  );
}

const kinds: Partial<Record<HistoryEntry["kind"], string>> = {
  inserted: "Made",
  deleted: "Deleted",
  restored: "Brought back",
};

/** What a change was about. A position alone says nothing to people but that the task was moved. */
function What({ entry: { kind, fields }, members }: { entry: HistoryEntry; members: readonly Member[] }) {
  const madeAs = kind === "inserted" ? fields.find(({ name }) => name === "title")?.after : undefined;
  const told = kind === "updated" || kind === "restored" ? fields.filter(({ name }) => !untold.includes(name)) : [];
  const did = kinds[kind] ?? (told.length === 0 ? "Moved" : undefined);
  return (
    <ul>
      {did !== undefined && (
        <li>
          {did}
          {madeAs !== undefined && ` as ${textOf("title", madeAs, members)}`}
        </li>
      )}
      {told.map(({ name, before, after }) => (
        <li key={name}>
          {nameOf(name)}: {textOf(name, before, members)} → {textOf(name, after, members)}
        </li>
      ))}
    </ul>
  );
}

const untold: readonly string[] = ["order", "completedAt"];

/** Whether what a change has written is what is shown: something else may have been written at the same time. */
const isShown = ({ fields }: HistoryEntry, now: Task | undefined): boolean =>
  now !== undefined && fields.every(({ name, after }) => now[name as keyof Task] === after);

/** Whether the task was there after a change. */
const isState = ({ kind }: HistoryEntry): boolean => kind !== "deleted" && kind !== "movedAway";
