/** What goes on with the database as a whole. Much of it would disturb the rest: controls ask here whether they may. */
export type Work = "generating" | "verifying" | "backing up" | "restoring" | "reopening";

export class UnderWay {
  readonly #works = new Set<Work>();
  readonly #listeners: (() => void)[] = [];

  get isAnything(): boolean {
    return this.#works.size > 0;
  }

  /** Whether one of these goes on. */
  is(...works: Work[]): boolean {
    return works.some((work) => this.#works.has(work));
  }

  /** Tells whenever something begins or ends. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async during<T>(work: Work, action: () => Promise<T>): Promise<T> {
    this.#works.add(work);
    this.#tell();
    try {
      return await action();
    } finally {
      this.#works.delete(work);
      this.#tell();
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
