// Messages of the demo's pages: which end by themselves, and which wait for somebody.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dismiss, forgive, notices, say, show } from "../../www/notices.js";

test("messages of what is done, and of changes that failed, end by themselves; others wait", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const texts = () => notices.value.map(({ text }) => text);
  show({ kind: "bad", text: "storage" });
  show({ kind: "bad", text: "change", of: "change" });
  say("done");
  assert.deepEqual(texts(), ["storage", "change", "done"]);
  t.mock.timers.tick(8_000);
  assert.deepEqual(texts(), ["storage", "change"]);
  t.mock.timers.tick(12_000);
  assert.deepEqual(texts(), ["storage"]);
  show({ kind: "bad", text: "change", of: "change" });
  forgive();
  assert.deepEqual(texts(), ["storage"], "a later one went well");
  t.mock.timers.tick(3600_000);
  assert.deepEqual(texts(), ["storage"]);
  dismiss(notices.value[0]!.id);
  assert.deepEqual(texts(), []);
});
