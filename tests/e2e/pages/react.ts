/** What tests of React find in the page: components that show what they are given, and a record of what was painted. */
import { defineSchema, defineTable, mutation, openDatabase, query, v } from "holdfast";
import { paginationOptsValidator } from "holdfast/convex/server";
import {
  HoldfastProvider,
  useDatabase,
  useLive,
  useMutation,
  usePaginatedQuery,
  usePending,
  useQuery,
  useSuspenseQuery,
} from "holdfast/react";
import {
  Component,
  createElement as h,
  type ReactNode,
  startTransition,
  StrictMode,
  Suspense,
  useLayoutEffect,
  useState,
} from "react";
import { createRoot } from "react-dom/client";

const schema = defineSchema({
  tasks: defineTable({ title: v.string(), n: v.number() }).index("by_n", ["n"]),
});

export const db = await openDatabase({ name: "react", schema, tuning: { idleMs: 50 } });
type DB = typeof db;

const modules = {
  "convex/tasks.ts": {
    titles: query({
      args: { from: v.number() },
      handler: async (ctx, { from }) => {
        const tasks = await (ctx.db as unknown as DB)
          .query("tasks")
          .withIndex("by_n", (q) => q.gte("n", from))
          .collect();
        return tasks.map((task) => task.title).join(" ");
      },
    }),
    page: query({
      args: { paginationOpts: paginationOptsValidator },
      handler: (ctx, { paginationOpts }) =>
        (ctx.db as unknown as DB)
          .query("tasks")
          .withIndex("by_n")
          .paginate(paginationOpts as never),
    }),
    add: mutation({
      args: { n: v.number() },
      handler: (ctx, { n }) => (ctx.db as unknown as DB).insert("tasks", { title: `t${n}`, n }),
    }),
  },
};
const { titles, page, add } = modules["convex/tasks.ts"];

/** Every text that a frame showed, once for each change. */
const frames: string[] = [];
const look = () => {
  const text = document.getElementById("root")!.textContent;
  if (frames.at(-1) !== text) frames.push(text);
  requestAnimationFrame(look);
};
requestAnimationFrame(look);

function Rows() {
  const tasks = useQuery(useDatabase<any>().query("tasks").withIndex("by_n"), { take: 3 });
  return h("p", null, tasks === undefined ? "loading" : tasks.map((task: any) => task.title).join(" "));
}

function Titles({ from }: { from: number | "skip" }) {
  const text = useQuery(titles, ...((from === "skip" ? ["skip"] : [{ from }]) as [{ from: number }]));
  return h("p", null, text === undefined ? "loading" : `[${text}]`);
}

function Doubled({ factor }: { factor: number }) {
  const sum = useQuery(
    async (ctx) => {
      let sum = 0;
      for await (const task of ctx.db.query("tasks")) sum += (task as { n: number }).n;
      return sum * factor;
    },
    [factor],
  );
  return h("p", null, sum === undefined ? "loading" : String(sum));
}

/** Pairs of what was shown together. */
const pairs: [number, number, number][] = [];
function Pair({ spin }: { spin: number }) {
  const all = useDatabase<any>().query("tasks");
  const rows = useQuery(all);
  const count = useQuery(useDatabase<any>().query("tasks"), "count");
  const end = performance.now() + spin;
  while (performance.now() < end);
  useLayoutEffect(() => {
    if (rows !== undefined && count !== undefined) pairs.push([rows.length, count, Number(document.title)]);
  });
  return h("p", null, `${rows?.length} of ${count}`);
}

function Waiting() {
  return h("p", null, useSuspenseQuery(titles, { from: 0 }));
}

let more: (n: number) => void = () => undefined;
function Pages() {
  const { results, status, loadMore } = usePaginatedQuery(page as never, {} as never, { initialNumItems: 3 });
  more = loadMore;
  return h("p", null, `${(results as { title: string }[]).map((task) => task.title).join(" ")} ${status}`);
}

let insert: (args: { n: number }) => Promise<unknown>;
const inserts = new Set<unknown>();
function Writer() {
  insert = useMutation(add);
  inserts.add(insert);
  return null;
}

function Failing() {
  const { status, error } = useLive(useDatabase<any>().query("nowhere"));
  return h("p", null, `${status} ${(error as { code?: string } | undefined)?.code}`);
}

function Marked({ id }: { id: string }) {
  const isPending = usePending(id);
  return h("span", null, `${id.length > 0 && isPending ? "*" : "."}`);
}
function Marks() {
  const tasks = useQuery(useDatabase<any>().query("tasks").withIndex("by_n"));
  return h(
    "p",
    null,
    tasks?.map((task: any) => h("span", { key: task._id }, task.title, h(Marked, { id: task._id }))),
  );
}

class Boundary extends Component<{ children?: ReactNode }, { error?: { code?: string } }> {
  override state: { error?: { code?: string } } = {};
  static getDerivedStateFromError(error: { code?: string }) {
    return { error };
  }
  override render() {
    return this.state.error ? `caught ${this.state.error.code}` : this.props.children;
  }
}
function Thrower() {
  return h("p", null, String(useQuery(useDatabase<any>().query("nowhere"))));
}

const shown = { Rows, Titles, Doubled, Pair, Waiting, Pages, Writer, Failing, Thrower, Marks };
export type Shown = keyof typeof shown;

let show: (element: ReactNode) => void;
function App() {
  const [element, set] = useState<ReactNode>(null);
  show = set;
  return h(Boundary, null, element);
}
const root = createRoot(document.getElementById("root")!);
root.render(h(StrictMode, null, h(HoldfastProvider, { database: db }, h(App))));

const react = {
  db,
  frames,
  pairs,
  inserts,
  more: (n: number) => more(n),
  insert: (n: number) => insert({ n }),
  show(names: Shown[], props: object = {}, inTransition = false) {
    const elements = names.map((name) => h(shown[name] as never, { key: name, ...props }));
    const element = h(Suspense, { fallback: h("p", null, "waiting") }, elements);
    if (inTransition) startTransition(() => show(element));
    else show(element);
  },
  text: () => document.getElementById("root")!.textContent,
};
export type ReactPage = typeof react;
Object.assign(globalThis, { react });
document.title = "ready";
