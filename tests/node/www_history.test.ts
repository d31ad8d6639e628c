// What the page with two devices shows as one change.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HistoryEntry } from "holdfast/sync";
import { grouped } from "../../www/devices/grouped.js";

/** An entry by its author: what a field was and became. */
function entry(actor: string, name: string, before: string, after: string, time: number): HistoryEntry {
  return { change: `${actor}${time}`, time, actor, kind: "updated", root: "", fields: [{ name, before, after }] };
}
const shown = (entries: HistoryEntry[]): string[] =>
  grouped(entries).map(({ actor, fields: [field] }) => `${actor} ${field!.name} ${field!.before} > ${field!.after}`);

test("what two have typed while apart is a change of each", () => {
  const apart = [
    entry("B", "notes", "1", "12", 4000),
    entry("A", "notes", "xy", "xyz", 3000),
    entry("B", "notes", "", "1", 3000),
    entry("A", "notes", "x", "xy", 2000),
    entry("A", "notes", "", "x", 1000),
  ];
  assert.deepEqual(shown(apart), ["B notes  > 12", "A notes  > xyz"]);
  assert.equal(grouped(apart)[1]!.change, "A3000", "the newest one is what it leads back to");
});

test("changes stay apart where one would not tell what was so", () => {
  // The author has got letters of the other one in between.
  const together = [
    entry("A", "notes", "x1", "x1y", 3000),
    entry("B", "notes", "x", "x1", 2000),
    entry("A", "notes", "", "x", 1000),
  ];
  assert.equal(shown(together).length, 3);
  // Another field was changed meanwhile, and whoever goes back to that gets the letters of then.
  const beside = [
    entry("A", "notes", "x", "xy", 3000),
    entry("B", "title", "Red", "Blue", 2000),
    entry("A", "notes", "", "x", 1000),
  ];
  assert.equal(shown(beside).length, 3);
  const later = [entry("A", "notes", "x", "xy", 100_000), entry("A", "notes", "", "x", 1000)];
  assert.equal(shown(later).length, 2);
});
