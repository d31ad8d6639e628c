/** The fields of a table, read off its validator: what each is called, what it may be, and how a value of it is shown. */
import { type GenericValidator } from "holdfast";
import { day, number } from "./format";
import { schema, type TableName } from "./schema";

/** A document of any table. */
export interface Row {
  readonly _id: string;
  readonly _creationTime: number;
  readonly [field: string]: unknown;
}

/** What a field holds, as far as a control for it has to know. */
export type Kind =
  | { is: "text" | "number" | "day" | "time" | "yesOrNo" | "list" }
  | { is: "choice"; values: readonly string[] }
  | { is: "id"; table: TableName };

export interface Field {
  /** Where it is in the document: names with dots between them. */
  path: string;
  label: string;
  kind: Kind;
  /** What stands for no value, where there may be none: a missing field or null. */
  none?: "missing" | "null";
}

/** Numbers that are times. A validator says `v.number()` of all of them, so they go by their names. */
const isDay = (name: string): boolean => name === "dueDate";
const isTime = (name: string): boolean => /At$|^currentPeriod/.test(name);

/** Labels that aren't just the name in words. */
const labels: Record<string, string> = {
  amount: "Amount in cents",
  assigneeId: "Assignee",
  betterAuthId: "BetterAuth id",
  budget: "Budget",
  cancelAtPeriodEnd: "Ends with the period",
  completedAt: "Completed",
  createdAt: "Created",
  currentPeriodEnd: "Period to",
  currentPeriodStart: "Period from",
  dueDate: "Due",
  imageUrl: "Image",
  imdbRating: "IMDB",
  imdbVotes: "Votes",
  lastActiveAt: "Last active",
  mpaaRating: "MPAA rating",
  ownerId: "Owner",
  polarCustomerId: "Polar customer",
  polarSubscriptionId: "Polar id",
  projectId: "Project",
  "settings.isPublic": "Public",
  "settings.tags": "Tags",
  subscriptionStatus: "Subscription",
  subscriptionTier: "Tier",
  updatedAt: "Updated",
  usDvdSales: "US DVD sales",
  usGross: "US gross",
  userId: "User",
};

/** in_progress, creativeType: In progress, Creative type. */
export function inWords(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replaceAll("_", " ");
  return words === "todo" ? "To do" : words.charAt(0).toUpperCase() + words.slice(1);
}

/** The fields of a table in the order of its schema. Those of an object in it stand for themselves. */
export function fieldsOf(table: TableName): Field[] {
  const fields = schema.tables[table].validator.fields as Record<string, GenericValidator>;
  return Object.entries(fields).flatMap(([name, validator]) => leaves(name, validator));
}

function leaves(path: string, validator: GenericValidator): Field[] {
  if (validator.kind === "object") {
    const fields = Object.entries(validator.fields as Record<string, GenericValidator>);
    return fields.flatMap(([name, each]) => leaves(`${path}.${name}`, each));
  }
  const field: Field = { path, label: labels[path] ?? inWords(path.split(".").at(-1)!), kind: kindOf(path, validator) };
  if (validator.isOptional === "optional") field.none = "missing";
  else if (validator.kind === "union" && validator.members.some(({ kind }) => kind === "null")) field.none = "null";
  return [field];
}

function kindOf(path: string, validator: GenericValidator): Kind {
  const name = path.split(".").at(-1)!;
  switch (validator.kind) {
    case "string":
      return { is: "text" };
    case "float64":
      return { is: isDay(name) ? "day" : isTime(name) ? "time" : "number" };
    case "boolean":
      return { is: "yesOrNo" };
    case "id":
      return { is: "id", table: validator.tableName as TableName };
    case "array":
      if (validator.element.kind === "string") return { is: "list" };
      break;
    case "union": {
      const members = validator.members.filter(({ kind }) => kind !== "null");
      const values = members.flatMap((member) => (member.kind === "literal" ? [String(member.value)] : []));
      if (values.length === members.length) return { is: "choice", values };
      // A number among texts, as in the movies' titles, is kept until somebody writes something else.
      return kindOf(path, members.find(({ kind }) => kind === "string") ?? members[0]!);
    }
  }
  throw new Error(`This page has no control for ${path}, which is v.${validator.kind}().`);
}

/** The value at a path of a document. */
export const valueAt = (row: Row, path: string): unknown =>
  path.split(".").reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], row);

/** A document's fields with another value at a path. Objects on the way are copied: documents are frozen. */
export function withValue(fields: Record<string, unknown>, path: string, value: unknown): Record<string, unknown> {
  const [name, ...rest] = path.split(".");
  if (rest.length === 0) return { ...fields, [name!]: value };
  const inner = fields[name!] as Record<string, unknown> | undefined;
  return { ...fields, [name!]: withValue(inner ?? {}, rest.join("."), value) };
}

const days = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const instants = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

/** A value as text; undefined where there is none. In a list there is no room for the hour of a time. */
export function textOf(
  { kind }: Field,
  value: unknown,
  nameOf: (table: TableName, id: string) => string,
  place: "list" | "whole" = "whole",
): string | undefined {
  if (Array.isArray(value)) return value.join(", ") || undefined;
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") {
    if (kind.is === "day" && isShown(value)) return days.format(value);
    if (kind.is === "time" && isShown(value)) return (place === "list" ? dates : instants).format(value);
    // A number among texts is shown as it is.
    return kind.is === "text" ? String(value) : number(value);
  }
  if (typeof value !== "string" || value === "") return undefined;
  return kind.is === "id" ? nameOf(kind.table, value) : kind.is === "choice" ? inWords(value) : value;
}

/** Whether a number is a time that the calendar knows. */
const isShown = (value: unknown): value is number => Math.abs(value as number) <= 8.64e15;

/** A time as a control of its kind writes it. Days are days in UTC, times are in the time of this place. */
export function written(kind: "day" | "time", value: number): string {
  if (!isShown(value)) return "";
  if (kind === "day") return day(value);
  return new Date(value - new Date(value).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
