/** How large everything is: rows, the store's tree and log, memory, and what the browser says of its storage. */
import type { RecentCommit } from "holdfast";
import { tables } from "../schema";
import type { Session, View } from "../database";
import { bytes, clock, h, number, plural } from "../dom";

export function sizesView(session: Session): View {
  const opened = Date.now();
  const list = h("dl", { class: "sizes" });
  const tail = h("ol", { class: "tail", "aria-label": "The log's tail, the newest first" });
  const element = h(
    "section",
    { class: "panel", "aria-label": "Sizes" },
    h("h2", {}, "Sizes"),
    list,
    h("h3", {}, "The log's tail"),
    tail,
  );

  const refresh = async (): Promise<void> => {
    const { db } = session;
    const facts: [name: string, value: string][] = [];
    for (const table of tables) facts.push([table, plural(await db.query(table).count(), "row")]);
    const stats = db.stats();
    facts.push(
      ["Tree", `${number(stats.treeEntries)} entries, ${plural(stats.treeHeight, "level")}`],
      ["Log's tail", `${plural(stats.logRecords, "record")}, ${bytes(stats.logBytes)}`],
      ["Overlay", bytes(stats.overlayBytes)],
      ["Page cache", `${bytes(stats.pageCacheBytes)} of ${bytes(stats.pageCacheBudget)}`],
      ["Row cache", `${plural(stats.rowCacheRows, "row")}, ${bytes(stats.rowCacheBytes)}`],
      ["WASM memory", bytes(stats.wasmMemoryBytes)],
      ["Checkpoint", `no. ${number(stats.generation)}, log at ${number(stats.sequence)}`],
    );
    if (session.storage === "memory") facts.push(["Storage", "memory only: gone with this tab"]);
    else facts.push(["Storage", await estimate()]);
    list.replaceChildren(...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    const { recentCommits, logRecords } = stats;
    const older = logRecords - recentCommits.length;
    tail.replaceChildren(
      ...recentCommits.map((commit) => record(commit, opened)),
      ...(older > 0 ? [h("li", { class: "hint" }, `and ${plural(older, "record")} before them`)] : []),
      ...(logRecords === 0 ? [h("li", { class: "hint" }, "Empty: the tree holds everything.")] : []),
    );
  };
  return { element, refresh };
}

/** A record of the log: number, what it changes, size, when and by whom. */
function record(commit: RecentCommit, opened: number): HTMLElement {
  const { sequence, isOwn, learnedAt } = commit;
  const changes = (["inserted", "updated", "deleted"] as const)
    .filter((kind) => commit[kind] > 0)
    .map((kind) => `${number(commit[kind])} ${kind}`);
  // What was there at opening was written at some time before.
  const when = !isOwn && learnedAt <= opened ? "earlier" : clock(learnedAt);
  return h(
    "li",
    {},
    h("span", { class: "number" }, `#${number(sequence)}`),
    h("span", {}, changes.join(", ") || "schema or index"),
    h("span", {}, bytes(commit.bytes)),
    h("span", {}, isOwn || when === "earlier" ? when : `${when}, another tab`),
  );
}

/** What the browser says that this origin stores. */
async function estimate(): Promise<string> {
  try {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    return `${bytes(usage)} of ${bytes(quota)}`;
  } catch {
    return "the browser doesn't say";
  }
}
