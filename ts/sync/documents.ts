/**
 * Between the engine, which has documents as bytes, and the docs worker, which merges them.
 */
import type { Bridge } from "../bridge.js";
import type { HoldfastError } from "../errors.js";
import type { DocumentFollower } from "../followers.js";
import type { Waiter } from "../waiting.js";
import { askEngine } from "./ask_engine.js";
import { bytesOf, type Frame, type HubCall, type HubOutput, keyOf, type Question } from "./frames.js";
import { absent, fallen, givenUp } from "./faults.js";
import { beginHub, type HubPort } from "./hub.js";
import type { SyncEngine } from "./engine.js";
import type { Peer } from "./peer.js";
import { Saving } from "./saving.js";

/** A document that is here, as src/browser/documents.rs lists it. */
export type ListedDocument = [
  root: Uint8Array,
  id: Uint8Array,
  rootId: string,
  isShared: boolean,
  missingTables: string[],
  heads: Uint8Array[],
];

/** When it has failed more often than that within so long, no other hub is begun. */
const FALLS = 5;
const FALLS_WITHIN_MS = 60_000;

/** After so long without anything to do documents are made smaller. */
const QUIET_MS = 3000;

/** Changes that one commit has written to a document are long from so many bytes on, as in src/tab/synced/drafts.rs. */
const LONG_BYTES = 4096;

/** After so long without anybody to talk to, the docs worker is ended: its memory never gets smaller. */
const ALONE_MS = 30_000;

/** The documents of a database. The docs worker is begun when there is something to merge. */
export class SyncedDocuments implements DocumentFollower {
  readonly #bridge: Bridge;
  readonly #saving: Saving;
  /** Hears that something else was saved of rows that are kept and not shown. */
  readonly #hiddenChanged: () => void;
  /** Hears that rows were read which documents had all along. */
  readonly #taken: () => void;
  /** Whether whoever waits for that has asked for it. */
  #isTaking = false;
  /** In whose documents are which, by their ids. */
  readonly #roots = new Map<string, { readonly root: Uint8Array; readonly id: Uint8Array }>();
  /** Those that others may have. */
  readonly #shared = new Set<string>();
  /** Those that are wanted and not here yet, and who waits for them. */
  readonly #wanted = new Map<string, { readonly id: Uint8Array; readonly arrived: (rootId: string) => void }>();
  /** Whether something was saved of which others may not have been told yet. */
  #hasNews = false;
  /** Counts what could have changed how documents stand. */
  #version = 0;
  readonly #peers = new Map<number, Peer>();
  #nextPeer = 1;
  /** Peers of which the hub was not told yet, and what they have said. */
  readonly #early = new Map<number, Frame[]>();
  /** Whether the hub is still being told which documents there are. */
  #isBeginning = false;
  #hub: HubPort | undefined;
  /** Documents that the worker has failed of, by their ids, by the peers that have sent them. */
  readonly #refused = new Map<string, Map<string, Uint8Array>>();
  /** Whether the hub is under way with all that it was told was saved, and was told more since. */
  #allTold: "no" | "once" | "again" = "no";
  /** Whether there may be long changes that can be stored in less space: from an earlier session, too. */
  #hasLong = true;
  /** Who waits for answers, by their numbers. */
  readonly #questions = new Map<number, Waiter<string>>();
  #nextQuestion = 1;
  /** What was asked for is done one after another. */
  #work: Promise<void> = Promise.resolve();
  /** When hubs have failed. */
  #falls: number[] = [];
  /** Why there is none, until somebody tries again. */
  #absence: HoldfastError | undefined;
  /** How much is under way: what the hub was told, and what it wants done. */
  #pending = 0;
  /** Who waits until nothing is. */
  readonly #atRest: (() => void)[] = [];
  /** Runs while there is nothing to do. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  /** Hears that the database is closed. */
  ended: () => void = () => undefined;

  constructor(bridge: Bridge, hiddenChanged: () => void, taken: () => void) {
    this.#bridge = bridge;
    this.#saving = new Saving(bridge);
    this.#hiddenChanged = hiddenChanged;
    this.#taken = taken;
    bridge.documentsFollowed(this);
    this.#engine.followDocuments();
    this.#wait(QUIET_MS, () => this.#quiet());
  }

  get #engine(): SyncEngine {
    return this.#bridge.engine as SyncEngine;
  }

  /** Asks the docs worker about a row of a document; answers with JSON text. */
  async ask(root: Uint8Array, table: string, row: string, question: Question): Promise<string> {
    if (this.#hub === undefined) this.#begin();
    // Until the documents that there are were looked at.
    await this.#work;
    if (this.#isOver || this.#bridge.isOver) throw this.#bridge.ended;
    if (this.#hub === undefined) throw this.#absence ?? fallen("it can't be begun");
    const known = [...this.#roots.values()].find((known) => keyOf(known.root) === keyOf(root));
    if (known === undefined) return "null";
    const number = this.#nextQuestion++;
    const { id } = known;
    const call: HubCall =
      question.kind === "at"
        ? ["rowAt", id, number, table, row, bytesOf(question.change)]
        : ["history", id, number, table, row, question.limit, bytesOf(question.before ?? "")];
    const answer = new Promise<string>((resolve, reject) => this.#questions.set(number, { resolve, reject }));
    this.#tell(call);
    return answer;
  }

  /**
   * Has the docs worker read rows that documents have of tables which were not synced, or not known, until now. Resolves when
   * it is at rest; answers whether there were any that it could read.
   */
  async takeTables(): Promise<boolean> {
    const documents = await this.listed();
    if (this.#isOver || documents.every(([, , , , missing]) => missing.length === 0)) return false;
    const hub = this.#hub;
    this.#isTaking = true;
    if (hub === undefined) this.#begin();
    else this.#later(hub, () => this.#tellAll(hub));
    await new Promise<void>((resolve) => this.#atRest.push(resolve));
    this.#isTaking = false;
    return this.#absence === undefined;
  }

  /** Wants a document that is not here, and calls back once it is: with the id of the row whose document it is. */
  want(id: Uint8Array, arrived: (rootId: string) => void): void {
    this.#wanted.set(keyOf(id), { id, arrived });
    this.#tell(["wanted", id, true]);
    void this.lookForWanted();
  }

  /** Does not want it any more. */
  unwant(id: Uint8Array): void {
    if (this.#wanted.delete(keyOf(id))) this.#tell(["wanted", id, false]);
  }

  /** Looks whether some of those have come without a word. */
  async lookForWanted(): Promise<void> {
    if (this.#wanted.size === 0) return;
    const documents = await this.listed().catch(() => []);
    for (const [, id, rootId] of documents) this.#arrived(id, rootId);
  }

  #arrived(id: Uint8Array, rootId: string): void {
    const key = keyOf(id);
    const wanted = this.#wanted.get(key);
    this.#wanted.delete(key);
    wanted?.arrived(rootId);
  }

  /** Deletes a document here with the rows that lie in it. */
  async leave(root: Uint8Array, check: () => void): Promise<void> {
    await this.#saving.leave(root, check);
  }

  /** The keys of documents that others may have. */
  get shared(): ReadonlySet<string> {
    return this.#shared;
  }

  /** Whether something was saved of which others may not have been told yet. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Whether the docs worker knows of all documents. */
  get isListed(): boolean {
    return this.#hub !== undefined && !this.#isBeginning;
  }

  /** A number that is another one whenever one of these may be. */
  get version(): number {
    return this.#version;
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.#pending === 0;
  }

  #tell(call: HubCall, hub = this.#hub): void {
    if (hub === undefined) return;
    this.#pending += 1;
    if (call[0] !== "quiet") this.#wait(QUIET_MS, () => this.#quiet());
    hub.tell(call);
  }

  #done(call?: HubCall): void {
    this.#version += 1;
    if (call?.[0] === "socketReceived") this.#peers.get(call[1])?.done?.(call);
    if (call?.[0] === "allTold") {
      const isAgain = this.#allTold === "again";
      this.#allTold = "no";
      if (isAgain) this.#tellAllTold();
    }
    this.#pending -= 1;
    if (this.#pending > 0) return;
    this.#hasNews = false;
    this.#saving.rest();
    this.#rest();
    for (const peer of [...this.#peers.values()]) peer.idle();
  }

  #rest(): void {
    for (const resolve of this.#atRest.splice(0)) resolve();
  }

  #quiet(): void {
    if (this.#pending > 0) return this.#wait(QUIET_MS, () => this.#quiet());
    this.#tell(["quiet"]);
    if (this.#hasLong) {
      this.#hasLong = false;
      // What fails, of storage that is full or a database that is closed, is as safe as before.
      this.#saving.compress().catch(() => undefined);
    }
    this.#wait(ALONE_MS, () => this.#alone());
  }

  #alone(): void {
    if (this.#pending > 0) return this.#wait(ALONE_MS, () => this.#alone());
    if (this.#peers.size > 0) return;
    this.#hub?.end();
    this.#hub = undefined;
  }

  #wait(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
    // A process need not wait for it.
    if (typeof this.#timer === "object") this.#timer.unref();
  }

  /** Begins to talk with a peer; answers its number. */
  attach(peer: Peer): number {
    const number = this.#nextPeer++;
    this.#peers.set(number, peer);
    this.#early.set(number, []);
    if (this.#hub === undefined) this.#begin();
    else if (!this.#isBeginning) this.#introduce(number, this.#hub);
    return number;
  }

  /** Ends that. */
  detach(number: number): void {
    this.#early.delete(number);
    if (this.#peers.delete(number)) this.#tell(["disconnected", number]);
  }

  /** Tells the hub of a peer, and what that has said meanwhile. */
  #introduce(number: number, hub: HubPort): void {
    const said = this.#early.get(number) ?? [];
    this.#early.delete(number);
    const peer = this.#peers.get(number)!;
    for (const id of this.#refused.get(peer.device)?.values() ?? []) this.#tell(["refuse", number, id], hub);
    for (const call of peer.introduction(number)) this.#tell(call, hub);
    for (const frame of said) this.receive(number, frame);
  }

  /** Takes in what a peer says. */
  receive(number: number, frame: Frame): void {
    if (!this.#peers.has(number)) return;
    const early = this.#early.get(number);
    if (early !== undefined) return void early.push(frame);
    if (frame.type === "documents") return this.#tell(["receivedDocuments", number, [...frame.ids]]);
    this.#tell(["receivedSync", number, frame.id, frame.message]);
  }

  /** Passes on what has become of a peer, to a docs worker that was told of it. Answers whether there is one. */
  tell(number: number, call: HubCall): boolean {
    if (this.#hub === undefined || !this.#peers.has(number) || this.#early.has(number)) return false;
    this.#tell(call);
    return true;
  }

  /** Nothing more is to be done. */
  end(): void {
    this.ended();
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#hub?.end();
    this.#hub = undefined;
    this.#loseAll();
    this.#peers.clear();
    this.#early.clear();
    this.#rest();
    this.#endQuestions(this.#bridge.ended);
    // Who follows them hears that nobody can read them any more.
    this.#hiddenChanged();
  }

  #endQuestions(error: HoldfastError): void {
    for (const waiter of this.#questions.values()) waiter.reject(error);
    this.#questions.clear();
  }

  /** The engine is another one, which has told nobody of anything. */
  renew(): void {
    this.#engine.followDocuments();
    this.#hiddenChanged();
    if (this.#hub === undefined) return;
    this.#hub.end();
    this.#endQuestions(this.#bridge.fault ?? this.#bridge.ended);
    this.#begin();
    for (const peer of this.#peers.values()) peer.restart();
  }

  /** Begins a hub, and tells it what there is. */
  #begin(): void {
    this.#roots.clear();
    this.#shared.clear();
    this.#pending = 0;
    this.#allTold = "no";
    const hub = beginHub({
      output: (output) => this.#do(hub, output),
      done: (call) => {
        if (hub === this.#hub) this.#done(call);
      },
      fell: (reason, call) => this.#fell(hub, reason, call),
      missing: (reason) => this.#missing(hub, reason),
    });
    this.#hub = hub;
    this.#absence = undefined;
    this.#isBeginning = true;
    for (const number of this.#peers.keys()) this.#early.set(number, []);
    this.#later(hub, async () => {
      await this.#tellAll(hub);
      this.#isBeginning = false;
      for (const number of [...this.#peers.keys()]) this.#introduce(number, hub);
    });
  }

  #fell(hub: HubPort, reason: string, call: HubCall | undefined): void {
    if (hub !== this.#hub || this.#isOver) return;
    const now = Date.now();
    this.#falls = [...this.#falls.filter((time) => now - time < FALLS_WITHIN_MS), now];
    const isLast = this.#falls.length > FALLS;
    this.#lost(hub, isLast ? givenUp(reason) : fallen(reason));
    if (call?.[0] === "receivedSync") {
      this.#refuse(call[1], call[2], reason);
    } else if (call?.[0] === "merged") {
      // It may be what any of them has sent.
      for (const number of [...this.#peers.keys()]) this.#refuse(number, call[1], reason);
    }
    if (isLast) return this.#loseAll();
    this.#begin();
    for (const peer of [...this.#peers.values()]) peer.restart();
  }

  /** Without its binary nothing is merged, and another try would end like this one. */
  #missing(hub: HubPort, reason: string): void {
    if (hub !== this.#hub || this.#isOver) return;
    this.#absence = absent(reason);
    // The other end of a connection may have said so, and ended it.
    const isWanted = this.#peers.size + this.#questions.size + this.#atRest.length > 0;
    this.#lost(hub, this.#absence, isWanted);
    this.#loseAll();
  }

  #lost(hub: HubPort, fault: HoldfastError, isTold = true): void {
    hub.end();
    this.#hub = undefined;
    this.#rest();
    this.#endQuestions(fault);
    if (isTold) this.#bridge.tell(fault);
  }

  /** Whoever connects next tries again. */
  #loseAll(): void {
    for (const peer of [...this.#peers.values()]) peer.lose();
  }

  #refuse(number: number, id: Uint8Array, reason: string): void {
    const peer = this.#peers.get(number);
    if (peer === undefined) return;
    const refused = this.#refused.get(peer.device) ?? new Map<string, Uint8Array>();
    this.#refused.set(peer.device, refused.set(keyOf(id), id));
    peer.setAside(id, `the docs worker has failed of it: ${reason}`);
  }

  /** The documents that there are. */
  async listed(): Promise<ListedDocument[]> {
    return (await askEngine(this.#bridge, (engine) => engine.documents())) as ListedDocument[];
  }

  async #tellAll(hub: HubPort): Promise<void> {
    // What comes to be known while they are listed may not be among them.
    const before = [...this.#roots];
    const documents = await this.listed();
    const here = new Set(documents.map(([, id]) => keyOf(id)));
    for (const [key, { id }] of before) if (!here.has(key)) this.#forget(hub, key, id);
    for (const [root, id, rootId, isShared, missing, heads] of documents) {
      this.#know(hub, root, id, rootId, isShared, heads);
      if (missing.length > 0) this.#tell(["takeTables", id, missing], hub);
      this.#arrived(id, rootId);
    }
    for (const { id } of this.#wanted.values()) this.#tell(["wanted", id, true], hub);
    await this.#tellBeside(hub, true);
    if (!this.#isTaking && documents.some(([, , , , missing]) => missing.length > 0)) this.#atRest.push(this.#taken);
  }

  #know(hub: HubPort, root: Uint8Array, id: Uint8Array, rootId: string, isShared: boolean, heads?: Uint8Array[]): void {
    const key = keyOf(id);
    if (this.#roots.has(key)) return;
    this.#roots.set(key, { root, id });
    if (isShared) this.#shared.add(key);
    this.#tell(["known", id, rootId, isShared, heads], hub);
  }

  /** It is not here any more. */
  #forget(hub: HubPort, key: string, id: Uint8Array): void {
    this.#roots.delete(key);
    this.#shared.delete(key);
    this.#tell(["wanted", id, false], hub);
  }

  /** Passes on what was saved. Called by the engine, in order with the ends of mutations. */
  takeNews(): void {
    const hub = this.#hub;
    const hasHidden = this.#engine.hiddenNews();
    if (hasHidden) this.#hiddenChanged();
    if (hub === undefined && this.#wanted.size === 0) return this.#noteLength(this.#engine.skipDocumentNews());
    const news = this.#engine.documentNews() as
      [Uint8Array, Uint8Array, string, boolean, Uint8Array, Uint8Array[]][] | null;
    this.#noteLength(Math.max(0, ...(news ?? []).map(([, , , , changes]) => changes.length)));
    for (const [, id, rootId] of news ?? []) this.#arrived(id, rootId);
    if (news === null) void this.lookForWanted();
    if (hub === undefined) return;
    if (news === null) {
      this.#tell(["reset"], hub);
      return this.#later(hub, () => this.#tellAll(hub));
    }
    for (const [root, id, rootId, isShared, changes, actors] of news) {
      this.#know(hub, root, id, rootId, isShared);
      this.#tell(["saved", id, changes, actors], hub);
    }
    if (news.length > 0) {
      this.#hasNews = true;
      this.#version += 1;
      this.#tellAllTold();
    }
    if (hasHidden) this.#later(hub, () => this.#tellBeside(hub, false));
  }

  /** Has the hub go on with what was saved: with all commits at once that come while it is under way. */
  #tellAllTold(): void {
    if (this.#allTold !== "no") return void (this.#allTold = "again");
    this.#allTold = "once";
    this.#tell(["allTold"]);
  }

  /** Tells of rows that were moved to other documents in vain: what was written to them there is to be where they are. */
  async #tellBeside(hub: HubPort, areAll: boolean): Promise<void> {
    const rows = (await askEngine(this.#bridge, (engine) => engine.rowsBeside(areAll))) as [
      id: Uint8Array,
      table: string,
      row: string,
    ][];
    for (const row of rows) this.#tell(["beside", ...row], hub);
  }

  #noteLength(bytes: number): void {
    if (bytes < LONG_BYTES) return;
    this.#hasLong = true;
    if (this.#pending === 0) this.#wait(QUIET_MS, () => this.#quiet());
  }

  #do(hub: HubPort, output: HubOutput): void {
    if (hub !== this.#hub) return;
    switch (output[0]) {
      case "load":
        return this.#later(hub, () => this.#load(hub, output[1]));
      case "merge":
        return this.#later(hub, () => this.#merge(hub, output[1], output[2]));
      case "snapshot":
        return this.#later(hub, () => this.#shrink(hub, output[1], output[2], output[3]));
      case "answer":
        this.#questions.get(output[1])?.resolve(output[2]);
        return void this.#questions.delete(output[1]);
      case "setAside": {
        const [, number, id, reason] = output;
        if (number !== null) return this.#peers.get(number)?.setAside(id, reason);
        for (const peer of this.#peers.values()) peer.setAside(id, reason);
        return;
      }
      default:
        return this.#peers.get(output[1])?.hear(output);
    }
  }

  /** Does something after all that was asked for before, for a hub that is still there. */
  #later(hub: HubPort, work: () => Promise<void>): void {
    this.#pending += 1;
    this.#work = this.#work.then(async () => {
      if (hub !== this.#hub || this.#isOver) return;
      try {
        await work();
      } catch (error) {
        // The database is closed, or its engine begins anew: then so does this.
        if (!this.#bridge.isOver && !this.#bridge.isDown) this.#bridge.tell(error as HoldfastError);
      }
      if (hub === this.#hub) this.#done();
    });
  }

  async #load(hub: HubPort, id: Uint8Array): Promise<void> {
    const known = this.#roots.get(keyOf(id));
    const stored = known && (await askEngine(this.#bridge, (engine) => engine.storedDocument(known.root)));
    const nothing = [new Uint8Array(), [], []];
    const [changes, actors, heads] = (stored ?? nothing) as [Uint8Array, Uint8Array[], Uint8Array[]];
    // What was saved meanwhile was told before.
    this.#tell(["loaded", id, changes, actors, heads], hub);
  }

  async #merge(hub: HubPort, id: Uint8Array, message: Uint8Array): Promise<void> {
    const [outcome, reason] = await this.#saving.merge(keyOf(id), this.#rootOf(id), message);
    this.#tell(["merged", id, outcome, reason], hub);
  }

  async #shrink(hub: HubPort, id: Uint8Array, heads: Uint8Array[], snapshot: Uint8Array): Promise<void> {
    this.#tell(["snapshotSaved", id, await this.#saving.shrink(this.#rootOf(id), heads, snapshot)], hub);
  }

  /** In whose document that is; empty if it is not here yet. */
  #rootOf(id: Uint8Array): Uint8Array {
    return this.#roots.get(keyOf(id))?.root ?? new Uint8Array();
  }
}
