/**
 * The script of the docs worker.
 */
import { reasonOf } from "../compile.js";
import type { HubCall } from "./frames.js";
import { DocsFault, loadDocs, type RunningDocs } from "./docs.js";
import type { InlinedBinary, WorkerAnswer } from "./hub.js";

const answer = (message: WorkerAnswer) => postMessage(message);

let brought: ((binary: InlinedBinary) => void) | undefined;
const docs = loadDocs(async () => {
  answer({ wants: "binary" });
  const binary = await new Promise<InlinedBinary>((resolve) => (brought = resolve));
  if ("fault" in binary) throw new Error(binary.fault);
  return { default: binary.inlined };
});

/** The document that the page was asked last to save more of. */
let merging: Uint8Array | undefined;

onmessage = async ({ data }: MessageEvent<HubCall | InlinedBinary>) => {
  if ("fault" in data || "inlined" in data) return brought?.(data);
  let hub: RunningDocs;
  try {
    hub = await docs;
  } catch (error) {
    return answer({ missing: reasonOf(error) });
  }
  let isAhead = false;
  try {
    const outputs = hub.tell(data);
    answer({ outputs });
    for (const output of outputs) if (output[0] === "merge") merging = output[1];
    isAhead = true;
    if (merging !== undefined) hub.workAhead(merging);
  } catch (error) {
    const fault = reasonOf(error);
    // What it works ahead on belongs to the merge that is under way.
    if (isAhead && merging !== undefined) return answer({ fault, call: ["merged", merging, 1, ""] });
    answer(error instanceof DocsFault ? { fault, call: error.call } : { fault });
  }
};
