/**
 * Rows as the engine answers with them: those that JavaScript has already are numbers, the others are JSON.
 */
import type { GenericDocument } from "./data_model.js";
import { decodeRows, freezeRows } from "./decode.js";
import { type Mailbox, Word } from "./mailbox.js";

/** Flags of a result, as in src/browser/sinks.rs. */
const NEW = 0x80000000;
const REVIVE = 0x40000000;
const HANDLE = 0x3fffffff;

/** The operations of patches, as in src/browser/live.rs; the other bits are a position. */
const Operation = { Insert: 0, Replace: 1, Remove: 2, Truncate: 3 } as const;
/** In place of a row that a later operation replaces or removes. */
const NO_ROW = 0xffffffff;

/** The rows that were read of what a tab shows, by the numbers that the engine has given them. */
export class KeptRows {
  readonly #mailbox: Mailbox;
  readonly #kept: GenericDocument[] = [];

  constructor(mailbox: Mailbox) {
    this.#mailbox = mailbox;
  }

  /** Appends the rows of the last read of the current state: frozen, and the same objects while they are unchanged. */
  take(rows: GenericDocument[]): void {
    const results = this.#mailbox.list(Word.Results);
    if (results.length === 0) return;
    const fresh = this.#fresh(results);
    let next = 0;
    for (let index = 0; index < results.length; index += 1) {
      const result = results[index]!;
      rows.push(result < REVIVE ? this.#kept[result]! : this.#keep(result, fresh[next++]!));
    }
  }

  /** The one row of the last read of the current state. */
  takeOne(): GenericDocument {
    const result = this.#mailbox.list(Word.Results, 1)[0]!;
    if (result < REVIVE) return this.#kept[result]!;
    const rows: GenericDocument[] = [];
    this.take(rows);
    return rows[0]!;
  }

  /** Takes the steps that lead from rows to what they are now. */
  takePatches(rows: (GenericDocument | undefined)[]): void {
    const results = this.#mailbox.list(Word.Results);
    const words: number[] = [];
    for (let index = 0; index < results.length; index += 1) {
      if (results[index]! >>> 30 <= Operation.Replace) words.push(results[(index += 1)]!);
    }
    const fresh = this.#fresh(words.filter((word) => word !== NO_ROW));
    let [nextWord, nextFresh] = [0, 0];
    const row = (): GenericDocument | undefined => {
      const word = words[nextWord++]!;
      if (word === NO_ROW) return undefined;
      return word < REVIVE ? this.#kept[word] : this.#keep(word, fresh[nextFresh++]!);
    };
    for (let index = 0; index < results.length; index += 1) {
      const at = results[index]! & HANDLE;
      switch (results[index]! >>> 30) {
        case Operation.Insert:
          rows.splice(at, 0, row());
          index += 1;
          break;
        case Operation.Replace:
          rows[at] = row();
          index += 1;
          break;
        case Operation.Remove:
          rows.splice(at, 1);
          break;
        default:
          rows.length = at;
      }
    }
  }

  /** Appends the rows of the last read of a transaction: new objects that belong to the caller. */
  takeFresh(rows: GenericDocument[]): void {
    const json = this.#mailbox.text(Word.Output);
    if (json === "") return;
    for (const row of decodeRows(json, this.#mailbox.list(Word.Results))) rows.push(row);
  }

  #keep(result: number, row: GenericDocument): GenericDocument {
    const handle = result & HANDLE;
    if (handle !== HANDLE) this.#kept[handle] = row;
    return row;
  }

  #fresh(results: ArrayLike<number>): readonly GenericDocument[] {
    const json = this.#mailbox.text(Word.Output);
    if (json === "") return [];
    let encoded: number[] | undefined;
    let position = 0;
    for (let index = 0; index < results.length; index += 1) {
      const result = results[index]!;
      if (result < NEW) continue;
      if ((result & REVIVE) !== 0) (encoded ??= []).push(position);
      position += 1;
    }
    return freezeRows(decodeRows(json, encoded));
  }
}
