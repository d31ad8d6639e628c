/** Fields and their values in words. */
import { clockOf } from "../format";
import type { Member, Priority, Status } from "./schema";

export const statuses: readonly (readonly [Status, string])[] = [
  ["todo", "To do"],
  ["doing", "Doing"],
  ["done", "Done"],
];

export const priorities: readonly (readonly [Priority, string])[] = [
  ["low", "Low"],
  ["medium", "Medium"],
  ["high", "High"],
];

const names: Record<string, string> = {
  title: "Title",
  notes: "Notes",
  status: "Status",
  priority: "Priority",
  dueDate: "Due",
  assigneeId: "Assignee",
  completedAt: "Completed",
  order: "Position",
};

export const nameOf = (field: string): string => names[field] ?? field;

export const statusName = (status: Status): string => statuses.find(([each]) => each === status)![1];

/** A day that is stored as its midnight in UTC. */
export const dayText = (time: number): string =>
  new Date(time).toLocaleDateString("en-GB", { dateStyle: "medium", timeZone: "UTC" });

/** A value of a task's field. */
export function textOf(field: string, value: unknown, members: readonly Member[]): string {
  if (value === undefined || value === "") return "nothing";
  if (field === "dueDate") return dayText(value as number);
  if (field === "completedAt") return clockOf(value as number);
  if (field === "assigneeId") return members.find(({ _id }) => _id === value)?.name ?? "somebody who was removed";
  const named = [...statuses, ...priorities].find(([each]) => each === value && field !== "title" && field !== "notes");
  if (named !== undefined) return named[1];
  return typeof value === "string" ? `“${value}”` : JSON.stringify(value);
}
