/** The database of this page: opened, opened again with another durability, deleted, or gone. */
import { type Database, type DataModelFromSchemaDefinition, HoldfastError, openDatabase } from "holdfast";
import { flushSync } from "react-dom";
import { say, show } from "./notices";
import { explain, isEnd } from "./problems";
import { schema } from "./schema";
import { Store } from "./store";

export type Storage = "indexeddb" | "memory";
export type Durability = "relaxed" | "strict";

const open = (storage: Storage, durability: Durability) =>
  openDatabase({ name: "holdfast-demo", schema, storage, durability, onProblem: (error) => fail(error) });

export type Model = DataModelFromSchemaDefinition<typeof schema>;
export type Db = Database<Model>;

export interface Opened {
  is: "open";
  db: Db;
  storage: Storage;
  durability: Durability;
}

/** Whether there is a database to show. */
export type Phase =
  { is: "opening" | "closing" } | Opened | { is: "refused"; error: unknown; title: string; hint?: string };

export const phase = new Store<Phase>({ is: "opening" });

const wanted = (): Durability => (localStorage.getItem("durability") === "strict" ? "strict" : "relaxed");

/** Opens it. Whoever is refused is told why, and asked what to do. */
export async function start(storage: Storage): Promise<void> {
  phase.set({ is: "opening" });
  try {
    const durability = wanted();
    phase.set({ is: "open", db: await open(storage, durability), storage, durability });
  } catch (error) {
    phase.set({ is: "refused", error, title: "The database can't be opened" });
  }
}

/** The same database with another durability. It is open twice for a moment, so that nothing on the page has to wait. */
export async function setDurability(durability: Durability): Promise<void> {
  const before = phase.value;
  if (before.is !== "open") return;
  localStorage.setItem("durability", durability);
  try {
    const db = await open(before.storage, durability);
    // Nobody may follow the old one when it is closed.
    flushSync(() => phase.set({ ...before, db, durability }));
    await before.db.close();
    say(`Every change is saved with ${durability} durability now.`);
  } catch (error) {
    fail(error);
  }
}

/** Deletes it, in all tabs, and begins anew. */
export async function destroy(): Promise<void> {
  const before = phase.value;
  if (before.is !== "open") return;
  flushSync(() => phase.set({ is: "closing" }));
  try {
    await before.db.destroy();
    say("The database was deleted.");
  } catch (error) {
    fail(error);
  }
  await start(before.storage);
}

/** It has ended by itself. Several parts of the page may find out. */
export function end(error: unknown): void {
  if (phase.value.is !== "open") return;
  // This page closes a database only when it shows it no more, so it was deleted.
  const isDeleted = error instanceof HoldfastError && error.code === "DatabaseClosed";
  phase.set({
    is: "refused",
    error,
    title: "The database is gone",
    hint: isDeleted
      ? "It was deleted in another tab or window. Opening it again makes a new, empty one."
      : "What was saved is there when it is opened again.",
  });
}

/** Shows what failed. That of a change goes when a later one succeeds. */
export function fail(error: unknown, of?: "change", what?: string): void {
  if (isEnd(error)) return end(error);
  const { code, message, advice } = explain(error);
  const text = [what, message, advice].filter(Boolean).join(" ");
  show({ kind: "bad", text, ...(code && { code }), ...(of && { of }) });
}
