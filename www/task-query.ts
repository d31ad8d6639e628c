/** From what is chosen on the page to a query, and to the text of that query. */
import type { DataModelFromSchemaDefinition, Expression, Id, NamedTableInfo, OrderedQuery, Query } from "holdfast";
import type { Db } from "./database";
import type { schema, Task } from "./schema";

type TaskInfo = NamedTableInfo<DataModelFromSchemaDefinition<typeof schema>, "tasks">;

const dayMs = 24 * 60 * 60 * 1000;

/** What is chosen. What is not there doesn't matter, except that an assignee of null is nobody. */
export interface TaskChoice {
  projectId?: Id<"projects"> | undefined;
  assigneeId?: Id<"users"> | null | undefined;
  status?: Task["status"] | undefined;
  /** The first and the last day. */
  dueFrom?: number | undefined;
  dueTo?: number | undefined;
  orderBy: "created" | "due";
  order: "asc" | "desc";
}

/** A query, ready to run. */
export interface TaskPlan {
  query: () => OrderedQuery<TaskInfo>;
  text: string;
  index: string;
  /** Whether documents are read and passed over: what the index can't answer by itself. */
  isFiltered: boolean;
}

/** The index that answers most of the choice, and a filter for the rest. */
export function planTasks(db: Db, choice: TaskChoice): TaskPlan {
  const { projectId, assigneeId, status, dueFrom, dueTo, orderBy, order } = choice;
  const dueEnd = dueTo === undefined ? undefined : dueTo + dayMs;
  // What the index doesn't take is left to the filter.
  const left = { projectId, assigneeId, status, dueFrom, dueEnd };
  const steps: string[] = [];
  const say = (method: string, name: string, value: unknown): void => {
    steps.push(`.${method}("${name}", ${value === undefined ? "undefined" : JSON.stringify(value)})`);
  };
  const take = (...names: (keyof typeof left)[]): void => {
    for (const name of names) {
      if (!name.startsWith("due")) say("eq", name, left[name] ?? undefined);
      left[name] = undefined;
    }
  };
  const tasks = () => db.query("tasks");

  let index: string;
  let range: () => Query<TaskInfo>;
  if (orderBy === "due") {
    // Beyond every missing date, unless a day is given: only tasks that are due are in order of that.
    const bounds = (): void => {
      say(dueFrom === undefined ? "gt" : "gte", "dueDate", dueFrom);
      if (dueEnd !== undefined) say("lt", "dueDate", dueEnd);
    };
    if (projectId !== undefined) {
      index = "by_project_and_due_date";
      range = () =>
        tasks().withIndex("by_project_and_due_date", (q) => {
          const project = q.eq("projectId", projectId);
          const later = dueFrom === undefined ? project.gt("dueDate", undefined) : project.gte("dueDate", dueFrom);
          return dueEnd === undefined ? later : later.lt("dueDate", dueEnd);
        });
      take("projectId");
    } else {
      index = "by_due_date";
      range = () =>
        tasks().withIndex("by_due_date", (q) => {
          const later = dueFrom === undefined ? q.gt("dueDate", undefined) : q.gte("dueDate", dueFrom);
          return dueEnd === undefined ? later : later.lt("dueDate", dueEnd);
        });
    }
    bounds();
    take("dueFrom", "dueEnd");
  } else if (projectId !== undefined && status !== undefined) {
    index = "by_project_and_status";
    range = () => tasks().withIndex("by_project_and_status", (q) => q.eq("projectId", projectId).eq("status", status));
    take("projectId", "status");
  } else if (projectId !== undefined) {
    index = "by_project";
    range = () => tasks().withIndex("by_project", (q) => q.eq("projectId", projectId));
    take("projectId");
  } else if (assigneeId !== undefined) {
    index = "by_assignee";
    range = () => tasks().withIndex("by_assignee", (q) => q.eq("assigneeId", assigneeId ?? undefined));
    take("assigneeId");
  } else if (status !== undefined) {
    index = "by_status";
    range = () => tasks().withIndex("by_status", (q) => q.eq("status", status));
    take("status");
  } else {
    index = "by_creation_time";
    range = () => tasks().fullTableScan();
  }

  const rest = Object.entries(left).filter(([, value]) => value !== undefined);
  const query = (): OrderedQuery<TaskInfo> => {
    const ordered: OrderedQuery<TaskInfo> = range().order(order);
    if (rest.length === 0) return ordered;
    return ordered.filter((q) => {
      // A missing date is less than every date; `lt` takes no field that may be missing, so its type says otherwise.
      const due = q.field("dueDate") as Expression<number>;
      const parts: Expression<boolean>[] = [];
      if (left.assigneeId !== undefined) parts.push(q.eq(q.field("assigneeId"), left.assigneeId ?? undefined));
      if (left.status !== undefined) parts.push(q.eq(q.field("status"), left.status));
      if (left.dueFrom !== undefined) parts.push(q.gte(due, left.dueFrom));
      if (left.dueEnd !== undefined) parts.push(q.lt(due, left.dueEnd), q.neq(q.field("dueDate"), undefined));
      return q.and(...parts);
    });
  };
  const source = index === "by_creation_time" ? "" : `.withIndex("${index}", (q) => q${steps.join("")})`;
  const filter = rest.length === 0 ? "" : `.filter(${rest.map(([name]) => name).join(", ")})`;
  return {
    query,
    text: `db.query("tasks")${source}.order("${order}")${filter}`,
    index: rest.length === 0 ? index : `${index} + filter`,
    isFiltered: rest.length > 0,
  };
}
