/** Fields and their values in words. */
import type { Project } from "./schema";

const names: Record<string, string> = {
  projectId: "Project",
  title: "Title",
  isDone: "Done",
  notes: "Notes",
  votes: "Votes",
};

export const nameOf = (field: string): string => names[field] ?? field;

/** A value; an id of a project is its name. */
export function textOf(value: unknown, projects: readonly Project[]): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "string") return value === undefined ? "nothing" : JSON.stringify(value);
  const project = projects.find(({ _id }) => _id === value);
  return project?.name ?? (value === "" ? "nothing" : `“${value}”`);
}
