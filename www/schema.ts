/** The tables of this page. Written as for Convex: this file would do as `convex/schema.ts`. */
import { defineSchema, defineTable, v, type Doc } from "holdfast";

/** A number, or null where the source has none. */
const numberOrNull = v.union(v.number(), v.null());
const stringOrNull = v.union(v.string(), v.null());

export const schema = defineSchema({
  users: defineTable({
    betterAuthId: v.string(),
    email: v.string(),
    name: v.optional(v.string()),
    imageUrl: v.optional(v.string()),
    subscriptionStatus: v.optional(v.string()),
    subscriptionTier: v.optional(v.string()),
    polarCustomerId: v.optional(v.string()),
    createdAt: v.number(),
    lastActiveAt: v.optional(v.number()),
  })
    .index("by_better_auth_id", ["betterAuthId"])
    .index("by_email", ["email"])
    .index("by_subscription_status", ["subscriptionStatus"]),

  subscriptions: defineTable({
    userId: v.id("users"),
    polarSubscriptionId: v.string(),
    status: v.union(v.literal("active"), v.literal("canceled"), v.literal("trialing")),
    tier: v.union(v.literal("starter"), v.literal("pro"), v.literal("enterprise")),
    currentPeriodStart: v.number(),
    currentPeriodEnd: v.number(),
    cancelAtPeriodEnd: v.boolean(),
    amount: v.number(),
    currency: v.string(),
    interval: v.union(v.literal("month"), v.literal("year")),
    createdAt: v.number(),
    updatedAt: v.number(),
  })
    .index("by_user", ["userId"])
    .index("by_polar_id", ["polarSubscriptionId"])
    .index("by_status", ["status"]),

  projects: defineTable({
    name: v.string(),
    description: v.optional(v.string()),
    ownerId: v.id("users"),
    status: v.union(v.literal("draft"), v.literal("active"), v.literal("archived")),
    settings: v.object({ isPublic: v.boolean(), tags: v.array(v.string()) }),
    createdAt: v.number(),
    updatedAt: v.number(),
  })
    .index("by_owner", ["ownerId"])
    .index("by_status", ["status"]),

  tasks: defineTable({
    projectId: v.id("projects"),
    assigneeId: v.optional(v.id("users")),
    title: v.string(),
    description: v.optional(v.string()),
    status: v.union(v.literal("todo"), v.literal("in_progress"), v.literal("done")),
    priority: v.union(v.literal("low"), v.literal("medium"), v.literal("high")),
    dueDate: v.optional(v.number()),
    completedAt: v.optional(v.number()),
    createdAt: v.number(),
    updatedAt: v.number(),
  })
    .index("by_project", ["projectId"])
    .index("by_assignee", ["assigneeId"])
    .index("by_status", ["status"])
    .index("by_due_date", ["dueDate"])
    .index("by_project_and_status", ["projectId", "status"])
    .index("by_project_and_due_date", ["projectId", "dueDate"]),

  project_members: defineTable({
    projectId: v.id("projects"),
    userId: v.id("users"),
    role: v.union(v.literal("owner"), v.literal("editor"), v.literal("viewer")),
    createdAt: v.number(),
  })
    .index("by_project", ["projectId"])
    .index("by_user", ["userId"])
    .index("by_project_and_user", ["projectId", "userId"]),

  /** A data set from elsewhere, as untidy as it came: some titles are numbers, and every column has gaps. */
  movies: defineTable({
    title: v.union(v.string(), v.number(), v.null()),
    released: v.string(),
    genre: stringOrNull,
    creativeType: stringOrNull,
    source: stringOrNull,
    mpaaRating: stringOrNull,
    distributor: stringOrNull,
    director: stringOrNull,
    minutes: numberOrNull,
    budget: numberOrNull,
    usGross: numberOrNull,
    worldwideGross: numberOrNull,
    usDvdSales: numberOrNull,
    rottenTomatoesRating: numberOrNull,
    imdbRating: numberOrNull,
    imdbVotes: numberOrNull,
  })
    .index("by_title", ["title"])
    .index("by_rating", ["imdbRating"])
    .index("by_genre", ["genre"])
    .index("by_genre_and_rating", ["genre", "imdbRating"]),
});

export type Task = Doc<typeof schema, "tasks">;
export type Movie = Doc<typeof schema, "movies">;

/** The tables in the order in which they are shown. */
export const tables = ["tasks", "projects", "users", "project_members", "subscriptions", "movies"] as const;
export type TableName = (typeof tables)[number];
