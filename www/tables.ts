/** How each table is shown: what its documents are called, the columns of its list, what it can be filtered by. */
import type { Row } from "./fields";
import type { TableName } from "./schema";

export interface Look {
  /** As in "New task" and "Pages of tasks". */
  one: string;
  many: string;
  /** The field that names a document in messages. */
  title: string;
  /** Columns of the list: the path of a field, and those of the small line below it. */
  columns: readonly (readonly [path: string, ...below: string[]])[];
  /** Text fields of which one value is chosen among those that there are, instead of how it begins. */
  distinct?: readonly string[];
  /** The field with a few values whose counts stand above the list. */
  tiles?: string;
  /** Whether one scrolls through all of it, and not from page to page. */
  isScrolled?: boolean;
  /** The order at first, if it is not the newest first. */
  order?: string;
  /** What a new document has before anybody has typed anything. */
  defaults: Record<string, unknown>;
  /** What changes along with other fields. */
  follow?: (change: Record<string, unknown>, now: number) => Record<string, unknown>;
}

export const looks: Record<TableName, Look> = {
  tasks: {
    one: "task",
    many: "tasks",
    title: "title",
    columns: [["title", "projectId", "assigneeId"], ["status"], ["priority"], ["dueDate"]],
    tiles: "status",
    isScrolled: true,
    defaults: { status: "todo", priority: "medium" },
    follow: ({ status }, now) => (status === undefined ? {} : { completedAt: status === "done" ? now : undefined }),
  },
  projects: {
    one: "project",
    many: "projects",
    title: "name",
    columns: [["name", "description"], ["ownerId"], ["status"], ["settings.tags", "settings.isPublic"]],
    defaults: { status: "draft", settings: { isPublic: false, tags: [] } },
  },
  users: {
    one: "user",
    many: "users",
    title: "email",
    columns: [["email", "name"], ["subscriptionStatus"], ["subscriptionTier"], ["lastActiveAt"]],
    distinct: ["subscriptionStatus"],
    defaults: {},
  },
  project_members: {
    one: "member",
    many: "members",
    title: "role",
    columns: [["projectId"], ["userId"], ["role"], ["createdAt"]],
    defaults: { role: "viewer" },
  },
  subscriptions: {
    one: "subscription",
    many: "subscriptions",
    title: "polarSubscriptionId",
    columns: [
      ["userId", "polarSubscriptionId"],
      ["status"],
      ["tier"],
      ["amount", "currency", "interval"],
      ["currentPeriodEnd"],
    ],
    defaults: {
      status: "active",
      tier: "starter",
      cancelAtPeriodEnd: false,
      amount: 700,
      currency: "EUR",
      interval: "month",
    },
  },
  movies: {
    one: "movie",
    many: "movies",
    title: "title",
    columns: [
      ["title", "director", "distributor"],
      ["genre", "released"],
      ["imdbRating"],
      ["imdbVotes"],
      ["worldwideGross"],
    ],
    distinct: ["genre"],
    order: "imdbRating desc",
    defaults: {},
  },
};

/** A document's name in messages. */
export const titleOf = (look: Look, row: Row): string =>
  String((row[look.title] as string | number | null) ?? look.one);
