/** Sample data: a few people and projects, and as many tasks as are wanted. The same every time. */
import type { Id, InsertValue } from "holdfast";
import { measured, noteChange } from "./costs";
import type { Db } from "./database";
import { plural } from "./format";
import type { Movie, Task } from "./schema";
import moviesAddress from "vega-datasets/data/movies.json?url";

const dayMs = 24 * 60 * 60 * 1000;
/** All dates are around this day. */
const epoch = Date.UTC(2026, 0, 5);

/** A small random number generator (mulberry32): numbers from 0 to 1. */
function randomNumbers(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const verbs = [
  "Draft",
  "Review",
  "Repair",
  "Measure",
  "Order",
  "Publish",
  "Sort",
  "Translate",
  "Paint",
  "Plan",
  "Test",
];
const things = [
  "the landing page",
  "the autumn catalogue",
  "invoices of the quarter",
  "the greenhouse door",
  "the price list",
  "the welcome letter",
  "seed trays",
  "the loading bay",
  "photographs for the shop",
  "the delivery route",
  "the index of suppliers",
  "the safety checklist",
];
const reasons = ["before the fair", "with the new supplier", "for the second floor", "again", "in two languages", ""];

type NewTask = InsertValue<Task>;

/** The task of a number. It depends on nothing else than its arguments. */
function makeTask(n: number, projects: readonly Id<"projects">[], users: readonly Id<"users">[]): NewTask {
  const random = randomNumbers(n);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const createdAt = epoch - Math.floor(random() * 180) * dayMs;
  const status = pick(["todo", "todo", "todo", "in_progress", "done", "done"] as const);
  const task: NewTask = {
    projectId: pick(projects),
    title: [pick(verbs), pick(things), pick(reasons)].join(" ").trim(),
    status,
    priority: pick(["low", "medium", "medium", "high"] as const),
    createdAt,
    updatedAt: createdAt,
  };
  if (random() < 0.8) task.assigneeId = pick(users);
  if (random() < 0.7) task.dueDate = epoch + Math.floor(random() * 360 - 60) * dayMs;
  if (status === "done") task.completedAt = createdAt + Math.floor(random() * 30) * dayMs;
  return task;
}

const people = ["Amara Osei", "Ben Lindqvist", "Chiara Conti", "Daniel Okafor", "Emi Takahashi", "Farid Haddad"];
const projectPlans = [
  { name: "Website", description: "A shop that works on a train.", status: "active", tags: ["web", "shop"] },
  { name: "Greenhouse", description: "Ready for the first frost.", status: "active", tags: ["building"] },
  { name: "Catalogue", status: "draft", tags: ["print"] },
  { name: "Move to the harbour", status: "archived", tags: [] },
] as const;

/** Adds people, projects and some tasks, in one mutation: all of it or nothing. */
export function addSample(database: Db): Promise<void> {
  return measured("db.mutate(addSample)", () =>
    database.mutate(async ({ db }) => {
      // Another tab may have been quicker.
      if ((await db.query("users").first()) !== null) return;
      const users = await db.insertMany(
        "users",
        people.map((name, i) => ({
          betterAuthId: `auth-${i + 1}`,
          email: `${name.split(" ")[0]!.toLowerCase()}@example.com`,
          name,
          subscriptionStatus: i % 3 === 2 ? "trialing" : "active",
          subscriptionTier: i % 2 === 0 ? "pro" : "starter",
          createdAt: epoch - (i + 1) * 30 * dayMs,
        })),
      );
      for (const [i, userId] of users.entries()) {
        await db.insert("subscriptions", {
          userId,
          polarSubscriptionId: `polar-${i + 1}`,
          status: i % 3 === 2 ? "trialing" : "active",
          tier: i % 2 === 0 ? "pro" : "starter",
          currentPeriodStart: epoch,
          currentPeriodEnd: epoch + 30 * dayMs,
          cancelAtPeriodEnd: false,
          amount: i % 2 === 0 ? 1900 : 700,
          currency: "EUR",
          interval: "month",
          createdAt: epoch,
          updatedAt: epoch,
        });
      }
      const projects: Id<"projects">[] = [];
      for (const [i, { tags, ...plan }] of projectPlans.entries()) {
        const projectId = await db.insert("projects", {
          ...plan,
          ownerId: users[i]!,
          settings: { isPublic: i === 0, tags: [...tags] },
          createdAt: epoch,
          updatedAt: epoch,
        });
        projects.push(projectId);
        for (const [k, userId] of users.slice(i, i + 3).entries()) {
          const role = (["owner", "editor", "viewer"] as const)[k]!;
          await db.insert("project_members", { projectId, userId, role, createdAt: epoch });
        }
      }
      await db.insertMany(
        "tasks",
        Array.from({ length: 24 }, (_, n) => makeTask(n, projects, users)),
      );
    }),
  );
}

/** Tasks of one mutation: small enough that a page stays smooth, large enough to be quick. */
const batch = 1000;

/** Adds many tasks in batches; `onProgress` hears how many there are, and `signal` ends it after a batch. */
export async function addTasks(
  db: Db,
  total: number,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<void> {
  const projects = (await db.query("projects").collect()).map(({ _id }) => _id);
  const users = (await db.query("users").collect()).map(({ _id }) => _id);
  const first = await db.query("tasks").count();
  const started = performance.now();
  let done = 0;
  while (done < total && !signal.aborted) {
    const size = Math.min(batch, total - done);
    const tasks = Array.from({ length: size }, (_, i) => makeTask(first + done + i, projects, users));
    await db.insertMany("tasks", tasks);
    done += size;
    onProgress(done);
  }
  const ms = performance.now() - started;
  noteChange({
    text: `db.insertMany("tasks", …) in batches of ${batch}`,
    index: "",
    result: plural(done, "row"),
    ms,
  });
}

/** A row of the data set as it was published. */
type RawMovie = Record<string, string | number | null>;

/** Loads the data set of movies and adds it, in one mutation. Answers how many rows. */
export async function addMovies(database: Db): Promise<number> {
  const response = await fetch(moviesAddress);
  if (!response.ok) throw new Error(`The data set could not be loaded: ${response.status} ${response.statusText}.`);
  const rows = ((await response.json()) as RawMovie[]).map((raw): InsertValue<Movie> => ({
    title: raw["Title"] ?? null,
    released: String(raw["Release Date"]),
    genre: text(raw["Major Genre"]),
    creativeType: text(raw["Creative Type"]),
    source: text(raw["Source"]),
    mpaaRating: text(raw["MPAA Rating"]),
    distributor: text(raw["Distributor"]),
    director: text(raw["Director"]),
    minutes: amount(raw["Running Time min"]),
    budget: amount(raw["Production Budget"]),
    usGross: amount(raw["US Gross"]),
    worldwideGross: amount(raw["Worldwide Gross"]),
    usDvdSales: amount(raw["US DVD Sales"]),
    rottenTomatoesRating: amount(raw["Rotten Tomatoes Rating"]),
    imdbRating: amount(raw["IMDB Rating"]),
    imdbVotes: amount(raw["IMDB Votes"]),
  }));
  return measured(`db.mutate(…insertMany("movies", ${rows.length} rows))`, () =>
    database.mutate(async ({ db }) => {
      if ((await db.query("movies").first()) !== null) return 0;
      return (await db.insertMany("movies", rows)).length;
    }),
  );
}

const text = (value: string | number | null | undefined): string | null => (value == null ? null : String(value));
const amount = (value: string | number | null | undefined): number | null => (typeof value === "number" ? value : null);
