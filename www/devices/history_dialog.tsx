/** What has become of a task: who has changed what, and when, and the way back. */
import type { HistoryEntry } from "holdfast/sync";
import { useEffect, useState } from "react";
import { say } from "../notices";
import { type Store, useStore } from "../store";
import { ActionButton, Dialog } from "../views/parts";
import { type Found, readHistory } from "./authors";
import { change, type Device, explained } from "./devices";
import { grouped } from "./grouped";
import type { Id, Project, Task } from "./schema";
import { nameOf, textOf } from "./words";

interface Props {
  device: Device;
  task: { _id: Id<"tasks">; title: string; projectId: Id<"projects"> };
  /** The task as it is shown, if it is. */
  now?: Task;
  projects: readonly Project[];
  news: Store<number>;
  close: () => void;
}

/** As many entries are read at once. */
const pageSize = 50;

export function HistoryDialog({ device, task, now, projects, news, close }: Props) {
  const [found, setFound] = useState<Found>();
  const [error, setError] = useState<unknown>();
  const [limit, setLimit] = useState(pageSize);
  const [tries, setTries] = useState(0);
  const { _id, title, projectId } = task;
  const { db } = device;
  const version = useStore(news);
  useEffect(() => {
    let isAsked = true;
    readHistory(db, _id, limit).then(
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
  }, [db, _id, limit, version, tries]);

  const goBack = async (entry: HistoryEntry): Promise<void> => {
    const isBack = await change(
      device,
      [...new Set([projectId, entry.root as Id<"projects">])],
      `“${title}” was not changed.`,
      async () => undefined,
      () => db.revert(_id, entry),
    );
    if (!isBack) return;
    say(`“${title}” is as it was at ${clockOf(entry.time)}.`);
    close();
  };

  const isLoading = found === undefined && error === undefined;
  return (
    <Dialog labelledBy="history" className="form history" onClose={close}>
      <div className="toolbar">
        <h2 id="history">History of “{title}”</h2>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      {isLoading && (
        <p className="loading" role="status">
          Reading the history…
        </p>
      )}
      {error !== undefined && <Failure error={error} retry={() => setTries(tries + 1)} />}
      {found?.entries.length === 0 && <p className="hint">Nothing of it is saved yet. Close this, and look again.</p>}
      <ol className="entries">
        {grouped(found?.entries ?? []).map((entry, index) => (
          <li key={entry.change}>
            <div>
              <p>
                <strong>{authorIn(found!, entry, device)}</strong>{" "}
                <time dateTime={new Date(entry.time).toISOString()}>{clockOf(entry.time)}</time>
              </p>
              <What entry={entry} projects={projects} />
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

const authorIn = ({ authors }: Found, { actor }: HistoryEntry, { device }: Device): string => {
  const author = authors.get(actor);
  return author === undefined ? "Unknown device" : author === device ? `${author} (this device)` : author;
};

const kinds: Record<HistoryEntry["kind"], string> = {
  inserted: "Made",
  updated: "Changed",
  deleted: "Deleted",
  restored: "Brought back",
  movedAway: "Moved to another project",
  arrived: "Moved to",
};

function What({ entry, projects }: { entry: HistoryEntry; projects: readonly Project[] }) {
  const { kind, root } = entry;
  const fields = kind === "updated" || kind === "restored" ? entry.fields : [];
  const madeAs = kind === "inserted" ? entry.fields.find(({ name }) => name === "title")?.after : undefined;
  return (
    <ul>
      {(kind !== "updated" || fields.length === 0) && (
        <li>
          {kinds[kind]}
          {madeAs !== undefined && ` as ${textOf(madeAs, projects)}`}
          {kind === "arrived" && ` ${projects.find(({ _id }) => _id === root)?.name ?? "another project"}`}
        </li>
      )}
      {fields.map(({ name, before, after }) => (
        <li key={name}>
          {nameOf(name)}: {textOf(before, projects)} → {textOf(after, projects)}
        </li>
      ))}
    </ul>
  );
}

/** Whether what a change has written is what is shown: something else may have been written at the same time. */
const isShown = ({ fields }: HistoryEntry, now: Task | undefined): boolean =>
  now !== undefined && fields.every(({ name, after }) => now[name as keyof Task] === after);

/** Whether the task was there after a change. */
const isState = ({ kind }: HistoryEntry): boolean => kind !== "deleted" && kind !== "movedAway";

/** A moment; of another day with its date. */
function clockOf(time: number): string {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString("en-GB")
    : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

function Failure({ error, retry }: { error: unknown; retry: () => void }) {
  const { code, message, advice } = explained(error);
  return (
    <div className="part" role="alert">
      <p className="error">
        {code && <code>{code}</code>} {message} {advice}
      </p>
      <div>
        <button type="button" onClick={retry}>
          Try again
        </button>
      </div>
    </div>
  );
}
