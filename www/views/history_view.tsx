/** What has become of a task: who has changed what, and when, and the way back. */
import type { HistoryEntry } from "holdfast/sync";
import { type ReactNode, useEffect, useState } from "react";
import { grouped } from "../devices/grouped";
import { clockOf } from "../format";
import type { Explained } from "../problems";
import { ActionButton, Dialog } from "./parts";

/** Entries that were read, and whether there are older ones. */
interface Entries {
  readonly entries: readonly HistoryEntry[];
  readonly hasMore: boolean;
}

interface Props<Found extends Entries> {
  title: string;
  /** Reads at most so many entries. Another function, whenever there may be others. */
  read: (limit: number) => Promise<Found>;
  explained: (error: unknown) => Explained;
  /** The task as it is shown, if it is. */
  now: Readonly<Record<string, unknown>> | undefined;
  authorOf: (found: Found, entry: HistoryEntry) => string;
  /** What a change was about. */
  what: (entry: HistoryEntry) => ReactNode;
  goBack: (entry: HistoryEntry) => Promise<void>;
  close: () => void;
}

/** As many entries are read at once. */
const pageSize = 50;

export function HistoryView<Found extends Entries>(props: Props<Found>) {
  const { title, read, explained, now, authorOf, what, goBack, close } = props;
  const [found, setFound] = useState<Found>();
  const [error, setError] = useState<unknown>();
  const [limit, setLimit] = useState(pageSize);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isAsked = true;
    read(limit).then(
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
  }, [read, limit, tries]);
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
      {error !== undefined && <Failure of={explained(error)} retry={() => setTries(tries + 1)} />}
      {found?.entries.length === 0 && <p className="hint">Nothing of it is saved yet. Close this, and look again.</p>}
      <ol className="entries">
        {grouped(found?.entries ?? []).map((entry, index) => (
          <li key={entry.change}>
            <div>
              <p>
                <strong>{authorOf(found!, entry)}</strong>{" "}
                <time dateTime={new Date(entry.time).toISOString()}>{clockOf(entry.time)}</time>
              </p>
              {what(entry)}
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

/** Whether what a change has written is what is shown: something else may have been written at the same time. */
const isShown = ({ fields }: HistoryEntry, now: Props<Entries>["now"]): boolean =>
  now !== undefined && fields.every(({ name, after }) => now[name] === after);

/** Whether the task was there after a change. */
const isState = ({ kind }: HistoryEntry): boolean => kind !== "deleted" && kind !== "movedAway";

function Failure({ of: { code, message, advice }, retry }: { of: Explained; retry: () => void }) {
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
