/**
 * The docs worker, as the page holds it: a worker of the browser or, where there are none, a hub in this process.
 */
import { reasonOf } from "../compile.js";
import type { HubCall, HubOutput } from "./frames.js";
import { DocsFault, loadDocs, type RunningDocs } from "./docs.js";
import { inlinedDocs } from "./inlined_docs.js";

/** Who hears what a hub has to say. */
export interface HubListener {
  /** It wants something done. */
  output(output: HubOutput): void;
  /** It has done what one more call told it, and has said all that is to be done because of it. */
  done(call: HubCall): void;
  /** It has failed while it did what this call told it, or while it had nothing to do; nobody can use it any more. */
  fell(reason: string, call: HubCall | undefined): void;
  /** It can't be had at all, and this is why. */
  missing(reason: string): void;
}

/** A hub of documents. */
export interface HubPort {
  /** Tells it something. */
  tell(call: HubCall): void;
  /** Ends it. */
  end(): void;
}

/** Begins one. */
export function beginHub(listener: HubListener): HubPort {
  return typeof Worker === "function" ? new WorkerHub(listener) : new LocalHub(listener);
}

/**
 * What a worker answers: the outputs of a call, or why it has failed and, if it was not the oldest one, of which call; or
 * that it has not found its binary, and why there is none elsewhere.
 */
export type WorkerAnswer =
  | { readonly outputs: HubOutput[] }
  | { readonly fault: string; readonly call?: HubCall }
  | { readonly missing: string }
  | { readonly wants: "binary" };

/** What it is given then: the binary in base64, or why there is none. */
export type InlinedBinary = { readonly inlined: string } | { readonly fault: string };

class WorkerHub implements HubPort {
  readonly #worker: Worker;
  /** What it was told and has not answered, the oldest first. */
  readonly #told: HubCall[] = [];
  /** Where its script was left behind by a bundler, the page does what it would do. */
  #instead: LocalHub | undefined;

  constructor(listener: HubListener) {
    this.#worker = new Worker(new URL("./docs_worker.js", import.meta.url), { type: "module", name: "holdfast docs" });
    let hasAnswered = false;
    const fell = (reason: string, call = this.#told[0]) => {
      this.end();
      listener.fell(reason, call);
    };
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
      if ("wants" in data) return this.#bring();
      hasAnswered = true;
      if ("missing" in data) {
        this.end();
        return listener.missing(data.missing);
      }
      if ("fault" in data) return fell(data.fault, data.call);
      const call = this.#told.shift()!;
      for (const output of data.outputs) listener.output(output);
      listener.done(call);
    };
    this.#worker.onerror = (event) => {
      if (hasAnswered) return fell(event.message);
      this.end();
      this.#instead = new LocalHub(listener);
      for (const call of this.#told) this.#instead.tell(call);
    };
  }

  #bring(): void {
    const give = (binary: InlinedBinary) => this.#worker.postMessage(binary);
    inlinedDocs().then(
      ({ default: inlined }) => give({ inlined }),
      (error: unknown) => give({ fault: reasonOf(error) }),
    );
  }

  tell(call: HubCall): void {
    if (this.#instead !== undefined) return this.#instead.tell(call);
    this.#told.push(call);
    this.#worker.postMessage(call);
  }

  end(): void {
    this.#instead?.end();
    this.#worker.onmessage = null;
    this.#worker.onerror = null;
    this.#worker.terminate();
  }
}

class LocalHub implements HubPort {
  readonly #listener: HubListener;
  #docs: RunningDocs | undefined;
  #waiting: HubCall[] = [];
  #isOver = false;

  constructor(listener: HubListener) {
    this.#listener = listener;
    loadDocs(inlinedDocs).then(
      (docs) => {
        this.#docs = docs;
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const call of waiting) this.tell(call);
      },
      (error: unknown) => {
        if (this.#isOver) return;
        this.#isOver = true;
        listener.missing(reasonOf(error));
      },
    );
  }

  tell(call: HubCall): void {
    if (this.#isOver) return;
    if (this.#docs === undefined) {
      this.#waiting.push(call);
      return;
    }
    let outputs: HubOutput[];
    try {
      outputs = this.#docs.tell(call);
    } catch (error) {
      this.#isOver = true;
      return this.#listener.fell(reasonOf(error), error instanceof DocsFault ? error.call : call);
    }
    // Never on the stack of whoever tells it something.
    queueMicrotask(() => {
      for (const output of outputs) if (!this.#isOver) this.#listener.output(output);
      if (!this.#isOver) this.#listener.done(call);
    });
  }

  end(): void {
    this.#isOver = true;
  }
}
