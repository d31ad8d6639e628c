/**
 * Questions that the engine answers when it has the pages for it.
 */
import type { Bridge } from "../bridge.js";
import { Status } from "../mailbox.js";
import type { SyncEngine } from "./engine.js";

/** Asks the engine until it has the pages to answer. */
export async function askEngine(bridge: Bridge, ask: (engine: SyncEngine) => unknown): Promise<unknown> {
  for (;;) {
    if (bridge.isDown) await bridge.recovered();
    const answer = ask(bridge.engine as SyncEngine);
    if (typeof answer !== "number") return answer;
    if (answer === (Status.Failed as number)) throw bridge.error();
    if (answer === (Status.Missing as number)) await bridge.ready(bridge.read());
  }
}
