/**
 * Who imports, where there are no locks: pages that came over http from another machine have none. They ask each other.
 */

/** How long an answer may take. A page that imports is busy now and then, for longer on a slow device. */
const ANSWER_MS = 1_500;
/**
 * So many asks that nobody answers, and nobody imports any more. They are counted, and not the time: who has slept together
 * with the page that he asks hears its answer before he has asked so often.
 */
const ASKS = 10;

/** What a page says of itself: what it only asks with, and what whoever imports answers with. */
const ASKING = Infinity;
const IMPORTING = 0;

/** Speaks with the other pages about imports into one database. The smallest number is in the right; each page hears it. */
class Speaker {
  isRefused = false;
  #rank: number;
  #wake: () => void = () => undefined;
  readonly #channel: BroadcastChannel;

  /** Between the two numbers are those of pages that want to import: when they came. */
  constructor(key: string, rank: number) {
    this.#rank = rank;
    this.#channel = new BroadcastChannel(key);
    this.#channel.onmessage = ({ data }: MessageEvent<number>) => {
      if (data > this.#rank) this.#say();
      if (data < this.#rank) {
        this.isRefused = true;
        this.#wake();
      }
    };
  }

  /** Asks, and waits for an answer. */
  async ask(): Promise<void> {
    this.#say();
    if (this.isRefused) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Is in the right from now on. */
  begin(): void {
    this.#rank = IMPORTING;
  }

  close(): void {
    this.#channel.close();
  }

  #say(): void {
    this.#channel.postMessage(this.#rank);
  }
}

/** Whether another page imports, or wants to. When nobody is there to say so, it takes a while to find out. */
export async function doesAnybodyImport(key: string): Promise<boolean> {
  const speaker = new Speaker(key, ASKING);
  try {
    for (let asked = 0; asked < ASKS && !speaker.isRefused; asked += 1) await speaker.ask();
    return speaker.isRefused;
  } finally {
    speaker.close();
  }
}

/**
 * Runs an action for which other pages wait, unless one of them was first: then it answers undefined. While an import is
 * there that is not finished, its page is asked more often.
 */
export async function claimed<T>(
  key: string,
  isUnfinished: () => boolean,
  action: () => Promise<T>,
): Promise<{ result: T } | undefined> {
  // Of two in the same millisecond one is in the right as well.
  const speaker = new Speaker(key, Date.now() + Math.random());
  try {
    for (let asked = 0; asked === 0 || (asked < ASKS && isUnfinished()); asked += 1) {
      await speaker.ask();
      if (speaker.isRefused) return undefined;
    }
    speaker.begin();
    return { result: await action() };
  } finally {
    speaker.close();
  }
}
