/**
 * Checking everything that is stored, without standing in the way of others.
 */
import type { Bridge } from "./bridge.js";
import { giveWay } from "./give_way.js";
import { Status } from "./mailbox.js";

/** Work behind the scenes gives way to others after this long. */
const SLICE_MS = 8;

/** Checks in slices, with pauses, and answers what was found. */
export async function verify(bridge: Bridge, onProgress: (pages: number, rows: number) => void): Promise<unknown> {
  let status: number = bridge.engine.verifyStart();
  const { fault } = bridge;
  let resumed = performance.now();
  let [pages, rows] = [0, 0];
  for (;;) {
    switch (status) {
      case Status.Done:
        return bridge.engine.verified();
      case Status.Missing: {
        // First: what hears of the progress may ask the engine for something else, or end it.
        const isReady = bridge.ready(bridge.read());
        isReady.catch(() => undefined);
        onProgress(pages, rows);
        await isReady;
        resumed = performance.now();
        break;
      }
      case Status.Paused:
        if (performance.now() - resumed > SLICE_MS) {
          onProgress(pages, rows);
          await giveWay();
          resumed = performance.now();
        }
        break;
      default:
        throw bridge.error();
    }
    // Another engine knows nothing of this check.
    if (bridge.fault !== fault) throw bridge.fault!;
    status = bridge.engine.verifyStep();
    [pages, rows] = [bridge.number(), bridge.secondNumber()];
  }
}
