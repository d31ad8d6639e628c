/** What each query and change was and took, for the panel that tells it. */
import { useEffect, useRef, useState } from "react";
import { number, plural } from "./format";
import { forgive } from "./notices";
import { Store } from "./store";

export interface Cost {
  /** As it could be written in code. */
  text: string;
  /** The index that was used. */
  index: string;
  /** How much came out of it or went into it. */
  result: string;
  ms: number;
  /** How often the answer has followed the database since. */
  changes: number;
}

interface Costs {
  queries: readonly Cost[];
  change: Cost | undefined;
}

const most = 40;
/** While a list is scrolled, queries come faster than anybody reads. */
const pauseMs = 250;

export const costs = new Store<Costs>({ queries: [], change: undefined });
let queries: Cost[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

function tell(): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    costs.set({ ...costs.value, queries });
  }, pauseMs);
}

export function noteQuery(cost: Omit<Cost, "changes">): void {
  queries = [{ ...cost, changes: 0 }, ...queries.slice(0, most - 1)];
  tell();
}

export const noteChange = (cost: Omit<Cost, "changes">): void =>
  costs.set({ ...costs.value, change: { ...cost, changes: 0 } });

function noteFollowed(text: string, result: string): void {
  const at = queries.findIndex((cost) => cost.text === text);
  if (at < 0) return;
  queries = queries.with(at, { ...queries[at]!, result, changes: queries[at]!.changes + 1 });
  tell();
}

/** An answer in a word or two. */
function resultOf(answer: unknown): string {
  if (typeof answer === "number") return `= ${number(answer)}`;
  return Array.isArray(answer) ? plural(answer.length, "row") : "";
}

/**
 * Notes what a live query cost: from `began`, just before the hook was called, to its first value; and that it has
 * followed the database, when that value changes. Gives the value back.
 */
export function useCost<T>(text: string, index: string, began: number, value: T | undefined): T | undefined {
  const [asked, setAsked] = useState({ text, began });
  if (asked.text !== text) setAsked({ text, began });
  const ms = performance.now() - (asked.text === text ? asked.began : began);
  const noted = useRef<string>(undefined);
  useEffect(() => {
    if (value === undefined) return;
    if (noted.current === text) return noteFollowed(text, resultOf(value));
    noted.current = text;
    noteQuery({ text, index, result: resultOf(value), ms });
    // The time is that of the first value.
  }, [text, index, value]);
  return value;
}

/** Notes what a change costs, until it is saved. */
export async function measured<T>(text: string, change: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const answer = await change();
  noteChange({ text, index: "", result: resultOf(answer), ms: performance.now() - began });
  forgive();
  return answer;
}
