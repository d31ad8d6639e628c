/** The history of a task, as a device tells it. */
import type { HistoryEntry } from "holdfast/sync";
import { useCallback } from "react";
import { clockOf } from "../format";
import { say } from "../notices";
import { type Store, useStore } from "../store";
import { HistoryView } from "../views/history_view";
import { type Found, readHistory } from "./authors";
import { change, type Device, explained } from "./devices";
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

export function HistoryDialog({ device, task, now, projects, news, close }: Props) {
  const { _id, title, projectId } = task;
  const { db } = device;
  const version = useStore(news);
  // Another function with each version: what was read may be old.
  const read = useCallback((limit: number) => readHistory(db, _id, limit), [db, _id, version]);
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
  return (
    <HistoryView
      title={title}
      read={read}
      explained={explained}
      now={now}
      authorOf={(found, entry) => authorIn(found, entry, device)}
      what={(entry) => <What entry={entry} projects={projects} />}
      goBack={goBack}
      close={close}
    />
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
