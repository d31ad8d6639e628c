/**
 * The script of the docs worker.
 */
import type { HubCall } from "./frames.js";
import { loadDocs } from "./docs.js";
import type { WorkerAnswer } from "./hub.js";

const answer = (message: WorkerAnswer) => postMessage(message);
const docs = loadDocs();

onmessage = async ({ data }: MessageEvent<HubCall>) => {
  try {
    answer({ outputs: (await docs)(data) });
  } catch (error) {
    answer({ fault: error instanceof Error ? error.message : String(error) });
  }
};
