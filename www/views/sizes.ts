/** How large everything is: rows, the store's tree and log, memory, and what the browser says of its storage. */
import { tables } from "../schema";
import type { Session, View } from "../database";
import { bytes, h, number, plural } from "../dom";

export function sizesView(session: Session): View {
  const { db } = session;
  const list = h("dl", { class: "sizes" });
  const element = h("section", { class: "panel", "aria-label": "Sizes" }, h("h2", {}, "Sizes"), list);

  const refresh = async (): Promise<void> => {
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
  };
  return { element, refresh };
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
