/**
 * What is kept under names of its own beside the documents, and saved with a mutation. Names say by their first byte whose they are.
 */
import type { Bridge } from "../bridge.js";
import { Status } from "../mailbox.js";
import { mutate } from "../transactions.js";
import { askEngine } from "./ask_engine.js";
import type { SyncEngine } from "./engine.js";

/** Something that is kept. */
export type Note = [name: Uint8Array, value: Uint8Array];

/** Those whose names begin so. */
export async function readNotes(bridge: Bridge, prefix: readonly number[] | Uint8Array): Promise<Note[]> {
  return (await askEngine(bridge, (engine) => engine.notes(Uint8Array.from(prefix)))) as Note[];
}

/** Has a transaction keep something under a name that is new, or, without a value, delete what is there. */
export function note(bridge: Bridge, transaction: number, name: Uint8Array, value: Uint8Array | undefined): void {
  const status = (bridge.engine as SyncEngine).note(transaction, name, value);
  if (status === Status.Failed) throw bridge.error();
}

/** Does that in a mutation which does nothing else, and which nobody wants to take back. */
export async function writeNotes(
  bridge: Bridge,
  method: string,
  notes: readonly (readonly [name: Uint8Array, value: Uint8Array | undefined])[],
): Promise<void> {
  const write = async ({ transaction }: { readonly transaction: number }): Promise<void> => {
    for (const [name, value] of notes) note(bridge, transaction, name, value);
  };
  await mutate(bridge, write, { name: method, timeoutMs: undefined, isNotFollowed: true });
}
