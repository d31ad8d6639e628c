/** How large everything is: rows, the store's tree and log, and memory. */
import type { RecentCommit } from "holdfast";
import { useEffect, useState } from "react";
import { bytes, clock, number, plural } from "../format";
import { useCount, useDb, useReader } from "../hooks";
import { tables, type TableName } from "../schema";

/** The store works on by itself: its log becomes part of its tree. Nothing tells of that. */
const lookedMs = 500;

function useStats() {
  const db = useDb();
  const [stats, setStats] = useState(() => db.stats());
  useEffect(() => {
    let isGone = false;
    const look = (): void => {
      if (!isGone && document.visibilityState === "visible" && db.durability.state !== "closed") setStats(db.stats());
    };
    look();
    // What is saved is in the log.
    const end = db.durability.subscribe(look);
    const timer = setInterval(look, lookedMs);
    return () => {
      isGone = true;
      clearInterval(timer);
      end();
    };
  }, [db]);
  return stats;
}

export function SizesPanel({ isMemory }: { isMemory: boolean }) {
  const [opened] = useState(() => Date.now());
  const stats = useStats();
  const facts: [name: string, value: string][] = [
    ["Tree", `${number(stats.treeEntries)} entries, ${plural(stats.treeHeight, "level")}`],
    ["Log's tail", `${plural(stats.logRecords, "record")}, ${bytes(stats.logBytes)}`],
    ["Overlay", bytes(stats.overlayBytes)],
    ["Page cache", `${bytes(stats.pageCacheBytes)} of ${bytes(stats.pageCacheBudget)}`],
    ["Row cache", `${plural(stats.rowCacheRows, "row")}, ${bytes(stats.rowCacheBytes)}`],
    ["WASM memory", bytes(stats.wasmMemoryBytes)],
    ["Checkpoint", `no. ${number(stats.generation)}, log at ${number(stats.sequence)}`],
    ...(isMemory ? [["Storage", "memory only: gone with this tab"] as [string, string]] : []),
  ];
  const { recentCommits, logRecords } = stats;
  const older = logRecords - recentCommits.length;
  return (
    <section className="panel" aria-label="Sizes">
      <h2>Sizes</h2>
      <dl className="sizes">
        {tables.map((table) => (
          <TableSize key={table} table={table} />
        ))}
        {facts.map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
      </dl>
      <h3>The log's tail</h3>
      <ol className="tail" aria-label="The log's tail, the newest first">
        {recentCommits.map((commit) => (
          <CommitView key={commit.sequence} commit={commit} opened={opened} />
        ))}
        {older > 0 && <li className="hint">{`and ${plural(older, "record")} before them`}</li>}
        {logRecords === 0 && <li className="hint">Empty: the tree holds everything.</li>}
      </ol>
    </section>
  );
}

export const Fact = ({ name, value }: { name: string; value: string }) => (
  <>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </>
);

function TableSize({ table }: { table: TableName }) {
  const count = useCount(`db.query("${table}")`, "by_creation_time", useReader().query(table));
  return <Fact name={table} value={count === undefined ? "…" : plural(count, "row")} />;
}

/** A record of the log: number, what it changes, size, when and by whom. */
function CommitView({ commit, opened }: { commit: RecentCommit; opened: number }) {
  const { sequence, isOwn, learnedAt } = commit;
  const changes = (["inserted", "updated", "deleted"] as const)
    .filter((kind) => commit[kind] > 0)
    .map((kind) => `${number(commit[kind])} ${kind}`);
  // What was there at opening was written at some time before.
  const when = !isOwn && learnedAt <= opened ? "earlier" : clock(learnedAt);
  return (
    <li>
      <span className="number">{`#${number(sequence)}`}</span>
      <span>{changes.join(", ") || "schema or index"}</span>
      <span>{bytes(commit.bytes)}</span>
      <span>{isOwn || when === "earlier" ? when : `${when}, another tab`}</span>
    </li>
  );
}
