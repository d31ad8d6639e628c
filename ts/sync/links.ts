/**
 * Documents that are given to others by links, and documents of links that are to come.
 */
import { invalidArgument } from "../arguments.js";
import type { Bridge } from "../bridge.js";
import { describe } from "../describe.js";
import { HoldfastError } from "../errors.js";
import type { SyncedDocuments } from "./documents.js";
import type { SyncEngine } from "./engine.js";
import { keyOf } from "./frames.js";
import { readNotes, writeNotes } from "./notes.js";

/** Names of these notes begin so, then comes the document's id. */
const PREFIX = [0xff, 0x57];

const SCHEME = "automerge:";

/** Somebody who waits for a document. */
interface Join {
  readonly id: Uint8Array;
  readonly promise: Promise<string>;
  readonly resolve: (rootId: string) => void;
  readonly reject: (error: HoldfastError) => void;
}

/** Links to documents. */
export class Links {
  readonly #bridge: Bridge;
  readonly #documents: SyncedDocuments;
  readonly #joins = new Map<string, Join>();
  /** Hears that others are waited for than before. */
  changed: () => void = () => undefined;
  /** Hears that this tab has written that down. */
  noted: (id: Uint8Array, isWanted: boolean) => void = () => undefined;

  constructor(bridge: Bridge, documents: SyncedDocuments) {
    this.#bridge = bridge;
    this.#documents = documents;
  }

  get #engine(): SyncEngine {
    return this.#bridge.engine as SyncEngine;
  }

  /** The link of the document of a row. */
  async share(rootId: string): Promise<string> {
    return this.#linkOf(await this.idOf("share", rootId));
  }

  /** The document of a row that is shared; `method` is what asks. */
  async idOf(method: string, rootId: string): Promise<Uint8Array> {
    const documents = await this.#documents.listed();
    const found = documents.find(([, , id, isShared]) => isShared && id === rootId);
    if (found !== undefined) return found[1];
    throw new HoldfastError(
      "NonexistentDocument",
      `\`${method}\` takes the id of a row of a \`root()\` table that is saved: there is no document of ${describe(rootId)}.`,
    );
  }

  /** Resolves with the id of the row whose document a link names, when it is here. */
  async join(link: string): Promise<string> {
    const id = this.#idOf("join", link);
    const known = this.#joins.get(keyOf(id));
    if (known !== undefined) return known.promise;
    const rootId = await this.#here(id);
    if (rootId !== undefined) return rootId;
    await this.#note(id, true);
    this.noted(id, true);
    return this.#await(id).promise;
  }

  /**
   * Waits for a link's document no longer, or deletes it here, by a link or the id of its row; `check` throws if that can't be.
   */
  async leave(target: string, check: () => void): Promise<void> {
    const documents = await this.#documents.listed();
    let found = documents.find(([, , id, isShared]) => isShared && id === target);
    if (found === undefined && safelyDecoded(target).includes(SCHEME)) {
      const id = this.#idOf("leave", target);
      if (await this.#giveUp(id)) return;
      found = documents.find(([, known]) => keyOf(known) === keyOf(id));
    }
    if (found === undefined) {
      throw new HoldfastError("NonexistentDocument", `\`leave\` knows no document of ${describe(target)}.`);
    }
    await this.#documents.leave(found[0], check);
  }

  async #giveUp(id: Uint8Array): Promise<boolean> {
    if (!this.#joins.has(keyOf(id))) return false;
    await this.#note(id, false);
    this.noted(id, false);
    this.#forget(id);
    return true;
  }

  /** The links whose documents are waited for, with the keys of these. */
  get awaited(): { readonly key: string; readonly link: string }[] {
    if (this.#bridge.isOver || this.#bridge.isDown) return [];
    return [...this.#joins].map(([key, { id }]) => ({ key, link: this.#linkOf(id) }));
  }

  /** Another tab waits for a document, or not any more. */
  hear(id: Uint8Array, isWanted: boolean): void {
    const isKnown = this.#joins.has(keyOf(id));
    if (isWanted && !isKnown) this.#await(id);
    else if (!isWanted && isKnown) this.#forget(id);
  }

  /** Reads what other tabs, and earlier pages, wait for. */
  async load(): Promise<void> {
    for (const [name] of await readNotes(this.#bridge, PREFIX)) {
      const id = name.slice(PREFIX.length);
      if (!this.#joins.has(keyOf(id))) this.#await(id);
    }
  }

  /** Nobody waits any more. */
  end(error: HoldfastError): void {
    for (const { reject } of this.#joins.values()) reject(error);
    this.#joins.clear();
  }

  #await(id: Uint8Array): Join {
    // Somebody else may have begun meanwhile.
    const begun = this.#joins.get(keyOf(id));
    if (begun !== undefined) return begun;
    let resolve!: Join["resolve"], reject!: Join["reject"];
    const promise = new Promise<string>((...both) => ([resolve, reject] = both));
    // Who loads a page waits for none.
    promise.catch(() => undefined);
    const join = { id, promise, resolve, reject };
    this.#joins.set(keyOf(id), join);
    this.#documents.want(id, (rootId) => {
      this.#joins.delete(keyOf(id));
      this.changed();
      join.resolve(rootId);
      this.#note(id, false).catch(() => undefined); // Then it is found out the next time.
    });
    this.changed();
    return join;
  }

  #forget(id: Uint8Array): void {
    const join = this.#joins.get(keyOf(id));
    this.#joins.delete(keyOf(id));
    join?.reject(new HoldfastError("InvalidArgument", "`leave` has given up this link."));
    this.#documents.unwant(id);
    this.changed();
  }

  async #here(id: Uint8Array): Promise<string | undefined> {
    const documents = await this.#documents.listed();
    return documents.find(([, known]) => keyOf(known) === keyOf(id))?.[2];
  }

  /** Writes down that a document is waited for, or takes that back. */
  async #note(id: Uint8Array, isWanted: boolean): Promise<void> {
    const name = Uint8Array.from([...PREFIX, ...id]);
    const noted = (await readNotes(this.#bridge, name)).length > 0;
    if (noted !== isWanted) await writeNotes(this.#bridge, "join", [[name, isWanted ? new Uint8Array(1) : undefined]]);
  }

  #linkOf(id: Uint8Array): string {
    return SCHEME + this.#engine.nameOfDocument(id)!;
  }

  /** A link as `share` makes it, alone or anywhere in an address. What stands behind the name, as automerge-repo writes heads, is passed over. */
  #idOf(method: string, link: unknown): Uint8Array {
    const text = typeof link === "string" ? link : "";
    const name = /automerge:([1-9A-HJ-NP-Za-km-z]+)/.exec(safelyDecoded(text))?.[1];
    const id = name === undefined ? undefined : this.#engine.documentOfName(name);
    if (id !== undefined) return id;
    const received = describe(link);
    throw invalidArgument(
      `\`${method}\` takes a link that \`share\` has made, as "automerge:…". Received ${received}.`,
    );
  }
}

/** An address may have the colon in another form. */
function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
