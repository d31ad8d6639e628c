// Work behind the scenes lets others go first.
import assert from "node:assert/strict";
import { test } from "node:test";
import { giveWay } from "../../ts/give_way.js";

for (const has of [true, false]) {
  test(`what has waited has its turn ${has ? "by a message" : "where there are no messages"}`, async () => {
    const { MessageChannel } = globalThis;
    if (!has) Reflect.deleteProperty(globalThis, "MessageChannel");
    try {
      const order: string[] = [];
      const others = new Promise<void>((resolve) => setTimeout(() => resolve(void order.push("other"))));
      void Promise.resolve().then(() => order.push("same task"));
      await Promise.all([giveWay().then(() => order.push("after")), others]);
      assert.equal(order[0], "same task");
      assert.deepEqual(order.slice(1).sort(), ["after", "other"]);
    } finally {
      Object.assign(globalThis, { MessageChannel });
    }
  });
}
