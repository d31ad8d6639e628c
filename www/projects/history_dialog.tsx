/** The history of a task, with those who have made it. */
import type { HistoryEntry } from "holdfast/sync";
import { useCallback } from "react";
import { clockOf } from "../format";
import { say } from "../notices";
import { useStore } from "../store";
import { HistoryView } from "../views/history_view";
import { type Found, readHistory } from "./authors";
import { change, explained, useApp } from "./database";
import type { Id, Member, Task } from "./schema";
import { nameOf, textOf } from "./words";

interface Props {
  task: { _id: Id<"tasks">; title: string; projectId: Id<"projects"> };
  /** The task as it is shown, if it is. */
  now?: Task;
  members: readonly Member[];
  close: () => void;
}

export function HistoryDialog({ task, now, members, close }: Props) {
  const app = useApp();
  const { db, session } = app;
  const { _id, title, projectId } = task;
  const version = useStore(app.news);
  // Another function with each version: what was read may be old.
  const read = useCallback((limit: number) => readHistory(db, _id, projectId, limit), [db, _id, projectId, version]);
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
  const authorOf = ({ authors }: Found, { actor }: HistoryEntry): string => {
    const author = authors.get(actor);
    return author === undefined ? "Somebody" : author.session === session ? `${author.name} (you)` : author.name;
  };
  return (
    <HistoryView
      title={title}
      read={read}
      explained={explained}
      now={now}
      authorOf={authorOf}
      what={(entry) => <What entry={entry} members={members} />}
      goBack={goBack}
      close={close}
    />
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
