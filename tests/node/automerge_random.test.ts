// Random edits of a database and of stock automerge in JavaScript, which meet now and then: in the end both have the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as Automerge from "@automerge/automerge";
import { type Id } from "../../ts/index.js";
import { linkInMemory } from "../../ts/sync/index.js";
import {
  addRow,
  assertSameForNewcomers,
  assertSameRows,
  bytes,
  device,
  type Device,
  pair,
  savedAndLoaded,
} from "../fixtures/automerge_database.js";
import type { AutomergePeer } from "../fixtures/automerge_peer.js";
import { rowsOf } from "../fixtures/automerge_peer.js";
import { met, until } from "../fixtures/sync.js";

const { Counter, Float64, ImmutableString } = Automerge;

/** A deterministic source of random choices. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number below a limit. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  text(): string {
    return Array.from({ length: this.below(4) }, () => this.one(["a", "b", "é", "😀", " ", "\u{10ffff}"])).join("");
  }

  /** A value that both sides can write: numbers that are whole are integers in JavaScript. */
  value(levels = 2): any {
    const kinds = levels === 0 ? 6 : 8;
    switch (this.below(kinds)) {
      case 0:
        return null;
      case 1:
        return this.one([true, false]);
      case 2:
        return this.below(10) + 0.5;
      case 3:
        return BigInt(this.below(1000)) - 500n;
      case 4:
      case 5:
        return this.text();
      case 6:
        return Array.from({ length: this.below(3) }, () => this.value(levels - 1));
      default:
        return Object.fromEntries(["k", "l"].slice(this.below(3)).map((name) => [name, this.value(levels - 1)]));
    }
  }

  /** Places between the letters of a text, as JavaScript counts: where to begin, and how many units from there. */
  range(text: string): [at: number, count: number] {
    const ends = [0];
    for (const letter of text) ends.push(ends.at(-1)! + letter.length);
    const [one, two] = [this.one(ends), this.one(ends)].sort((a, b) => a - b) as [number, number];
    return [one, two - one];
  }
}

/** One random edit in the database. */
async function editRows(db: Device, dice: Dice, projects: readonly Id<"projects">[]): Promise<void> {
  await db.mutate(async ({ db }) => {
    const rows = await db.query("tasks").collect();
    if (rows.length === 0 || dice.below(8) === 0) {
      const projectId = dice.one(projects);
      await db.insert("tasks", { projectId, title: dice.text(), notes: dice.text(), votes: 1, tags: ["t"] });
      return;
    }
    const { _id: id, notes = "", tags = [], meta = {} } = dice.one(rows);
    const patch = (fields: object) => db.patch(id, fields);
    switch (dice.below(11)) {
      case 0:
        return patch({ title: dice.text(), done: dice.one([true, undefined]) });
      case 1:
        return patch({ notes: dice.one([dice.text(), undefined]) });
      case 2:
        if (notes === "") return patch({ notes: dice.text() });
        return db.splice(id, "notes", ...dice.range(notes), dice.text());
      case 3:
        return patch({ votes: dice.one([2, 0.5, undefined]) });
      case 4:
        if (typeof rows.find((row) => row._id === id)!.votes !== "number") return patch({ votes: 1 });
        return db.increment(id, "votes", dice.below(5) - 2);
      case 5:
        return patch({ tags: tags.toSpliced(dice.below(tags.length + 1), dice.below(2), dice.text()) });
      case 6:
        return patch({ meta: { ...meta, [dice.one(["m", "n"])]: dice.value() } });
      case 7:
        return patch({ any: dice.value(), estimate: dice.below(9) });
      case 8:
        return patch({ large: BigInt(dice.below(99)), address: { street: dice.text() } });
      case 9:
        return patch({ projectId: dice.one(projects) });
      default:
        return dice.below(3) === 0 ? db.delete(id) : patch({ file: bytes(dice.below(256)) });
    }
  });
}

/** One random edit in stock automerge. */
function editDocument(db: Device, peer: AutomergePeer, dice: Dice, project: Id<"projects">): void {
  const ids = [...rowsOf(peer.of(project), "tasks").keys()];
  const string = (text: string) => (dice.below(2) === 0 ? text : new ImmutableString(text));
  peer.change(project, (document) => {
    // Nobody has put a task there yet.
    if (document.tasks === undefined) return;
    if (ids.length === 0 || dice.below(8) === 0) {
      const votes = new Counter(dice.below(5));
      const fields = { projectId: project, title: string(dice.text()), votes, tags: [dice.text()] };
      return addRow(document, "tasks", db.newId("tasks"), fields);
    }
    const id = dice.one(ids);
    const row = document.tasks[id];
    switch (dice.below(12)) {
      case 0:
        return void (row.title = string(dice.text()));
      case 1:
        return dice.below(3) > 0 ? void (row.notes = string(dice.text())) : void delete row.notes;
      case 2:
      case 3:
        if (typeof row.notes !== "string") return void (row.notes = dice.text());
        return Automerge.splice(document, ["tasks", id, "notes"], ...dice.range(row.notes), dice.text());
      case 4:
        if (!Automerge.isCounter(row.votes)) return void (row.votes = new Counter(dice.below(3)));
        return void row.votes.increment(dice.below(5));
      case 5:
      case 6: {
        if (row.tags === undefined) return void (row.tags = [dice.text()]);
        const place = dice.below(row.tags.length + 1);
        if (place < row.tags.length && dice.below(2) === 0) row.tags[place] = string(dice.text());
        else row.tags.splice(place, dice.below(2), string(dice.text()));
        return;
      }
      case 7:
        if (row.meta === undefined) return void (row.meta = { m: dice.value() });
        if (dice.below(3) === 0) delete row.meta.m;
        else row.meta[dice.one(["m", "n"])] = dice.value();
        return;
      case 8:
        row.any = dice.value();
        row.estimate = new Float64(dice.below(9));
        return;
      case 9:
        row.large = BigInt(dice.below(99));
        row.unknown = dice.value();
        return;
      case 10:
        row.address = { street: dice.text() };
        row.file = new Uint8Array([dice.below(256)]);
        return;
      default:
        if (dice.below(2) === 0) return void delete document.tasks[id];
        return addRow(document, "tasks", id, {
          _creationTime: new Float64(row._creationTime),
          projectId: project,
          title: string("replaced"),
        });
    }
  });
}

for (let seed = 1; seed <= 30; seed += 1) {
  test(`both sides edit at random and have the same in the end, seed ${seed}`, async (t) => {
    const dice = new Dice(seed);
    const { db, project, peer } = await pair(t);
    const projects = [project, await db.insert("projects", { name: "garden" })];
    await met(peer);
    for (let round = 0; round < 8; round += 1) {
      if (dice.below(2) === 0) peer.disconnect();
      for (let edits = dice.below(6); edits > 0; edits -= 1) {
        if (dice.below(2) === 0) await editRows(db, dice, projects);
        else editDocument(db, peer, dice, dice.one(projects));
      }
      if (dice.below(2) === 0) continue;
      if (!peer.isConnected) peer.connect(db);
      await met(peer);
      await assertSameRows(db, peer);
    }
    peer.connect(db);
    await met(peer);
    await assertSameRows(db, peer);
    assert.deepEqual(
      (await db.problems().current()).filter(({ kind }) => kind !== "duplicate"),
      [],
    );
    for (const document of peer.documents) savedAndLoaded(document);
    await assertSameForNewcomers(db, peer);
    const newcomer = await device(t);
    const link = linkInMemory(db, newcomer);
    await until("the other database has it", () => link.isSynced);
    // Of copies of which neither speaks of the other each database shows the one that it has known first.
    const duplicates = [...(await db.problems().current()), ...(await newcomer.problems().current())];
    const hasOneCopy = ({ _id }: { _id: string }) => duplicates.every(({ id }) => id !== _id);
    const rowsById = async (db: Device) =>
      (await db.query("tasks").collect()).filter(hasOneCopy).sort((one, two) => (one._id < two._id ? -1 : 1));
    assert.deepEqual(await rowsById(newcomer), await rowsById(db));
  });
}
