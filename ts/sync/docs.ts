/**
 * The binary with automerge in it. The only importer of what wasm-bindgen has made of it.
 */
import { Docs, initSync, onTrap, restart } from "../../pkg/holdfast_docs.js";
import { compiledOrInlined, type Inlined, reasonOf } from "../compile.js";
import type { HubCall, HubOutput } from "./frames.js";

/** It has failed while it did what it was told, and this call is to blame. */
export class DocsFault extends Error {
  readonly call: HubCall;

  constructor(reason: string, call: HubCall) {
    super(reason);
    this.call = call;
  }
}

/** A hub of documents. What it does throws a {@link DocsFault} when it has failed: then there is none any more. */
export interface RunningDocs {
  /** Tells it something, and answers what it wants done. */
  tell(call: HubCall): HubOutput[];
  /** Uses the time until a document is saved. */
  workAhead(id: Uint8Array): void;
}

let loading: Promise<void> | undefined;
/** Whether the instance has failed: the next one to come makes another. */
let hasFallen = false;

/** Loads the binary, or what stands in for it, and makes a hub. */
export async function loadDocs(inlined: Inlined): Promise<RunningDocs> {
  loading ??= load(inlined).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  await loading;
  if (hasFallen) restart();
  hasFallen = false;
  const docs = new Docs();
  return {
    tell(call) {
      const [method, ...args] = call;
      let blamed = call;
      try {
        if (call[0] === "socketReceived" && call[2] !== undefined) {
          const id = Docs.documentOf(call[2]);
          if (id !== undefined) blamed = ["receivedSync", call[1], id, call[2]];
        }
        (docs[method] as (...args: unknown[]) => void).apply(docs, args);
        const outputs: HubOutput[] = [];
        for (;;) {
          const output = docs.nextOutput() as HubOutput | undefined;
          if (output === undefined) return outputs;
          outputs.push(output);
        }
      } catch (error) {
        throw new DocsFault(reasonOf(error), blamed);
      }
    },
    workAhead: (id) => docs.workAhead(id),
  };
}

async function load(inlined: Inlined): Promise<void> {
  const module = await compiledOrInlined(new URL("./holdfast_docs_bg.wasm", import.meta.url), inlined);
  initSync({ module });
  onTrap((cause) => {
    hasFallen = true;
    return cause instanceof Error ? cause : new Error(String(cause));
  });
}
