/** The list of tasks: counts, choice, form, rows to edit in place, pages. */
import { ConvexError, HoldfastError, type Id } from "holdfast";
import type { Session, View } from "../database";
import { day, field, h, number, select, setOptions } from "../dom";
import { explain, type Refusal } from "../problems";
import { addSample } from "../sample";
import { priorities, statuses, type Project, type Task, type User } from "../schema";
import { planTasks, type TaskChoice } from "../task-query";
import { Pager } from "./pager";

type Status = Task["status"];
type Priority = Task["priority"];
const statusNames = Object.keys(statuses) as Status[];
const orders = {
  "created desc": "Newest first",
  "created asc": "Oldest first",
  "due asc": "Due soonest",
  "due desc": "Due latest",
} as const;

export function tasksView(session: Session): View {
  const { db } = session;
  let projects: readonly Project[] = [];
  let users: readonly User[] = [];
  const projectName = (id: string): string => projects.find(({ _id }) => _id === id)?.name ?? "a project that is gone";
  const userName = ({ name, email }: User): string => name ?? email;
  const assigneeName = (id: string | undefined): string => {
    if (id === undefined) return "nobody";
    const user = users.find(({ _id }) => _id === id);
    return user ? userName(user) : "somebody who is gone";
  };

  // ---- counts, which are also the choice of a status ----

  let status: Status | undefined;
  const tile = (value: Status | undefined, text: string) => {
    const count = h("strong", {}, "0");
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    const button = h(
      "button",
      { type: "button", class: `tile ${value ?? "all"}`, "data-status": value ?? "all" },
      count,
      h("span", {}, text),
      bar,
    );
    button.onclick = () => {
      status = value;
      chosen();
    };
    return { value, button, count, bar };
  };
  const tiles = [tile(undefined, "All tasks"), ...statusNames.map((name) => tile(name, statuses[name]))];

  // ---- choice ----

  const projectSelect = select("project", "Project", [["", "All projects"]]);
  const assigneeSelect = select("assignee", "Assignee", [["", "Anybody"]]);
  const dueFrom = h("input", { type: "date", name: "dueFrom" });
  const dueTo = h("input", { type: "date", name: "dueTo" });
  const orderSelect = select("order", "Order", Object.entries(orders));
  const clear = h("button", { type: "button", class: "quiet" }, "Clear");
  const controls = [projectSelect, assigneeSelect, dueFrom, dueTo, orderSelect];

  const choice = (): TaskChoice => {
    const [orderBy, order] = orderSelect.value.split(" ") as ["created" | "due", "asc" | "desc"];
    const assignee = assigneeSelect.value;
    return {
      projectId: (projectSelect.value || undefined) as Id<"projects"> | undefined,
      assigneeId: assignee === "nobody" ? null : ((assignee || undefined) as Id<"users"> | undefined),
      status,
      dueFrom: Number.isNaN(dueFrom.valueAsNumber) ? undefined : dueFrom.valueAsNumber,
      dueTo: Number.isNaN(dueTo.valueAsNumber) ? undefined : dueTo.valueAsNumber,
      orderBy,
      order,
    };
  };
  const isChosen = (): boolean => status !== undefined || controls.slice(0, 4).some(({ value }) => value !== "");
  const pager = new Pager("tasks", () => session.refresh());
  const chosen = (): void => {
    pager.reset();
    void session.refresh();
  };
  for (const control of controls) control.onchange = chosen;
  clear.onclick = () => {
    status = undefined;
    for (const control of controls.slice(0, 4)) control.value = "";
    chosen();
  };

  // ---- a new task ----

  const form = {
    title: h("input", { name: "title", autocomplete: "off", placeholder: "What is to be done?" }),
    projectId: select("projectId", "Project", [["", "Choose a project"]]),
    assigneeId: select("assigneeId", "Assignee", [["", "Nobody"]]),
    priority: h("input", { name: "priority", list: "priorities", value: "medium", autocomplete: "off" }),
    dueDate: h("input", { type: "date", name: "dueDate" }),
  };
  const formError = h("p", { class: "error", role: "alert", hidden: true });
  const add = h("button", { type: "submit", class: "primary" }, "Add task");
  const formElement = h(
    "form",
    { class: "new-task", noValidate: true, "aria-label": "New task" },
    field("Title", form.title, "wide"),
    field("Project", form.projectId),
    field("Assignee", form.assigneeId),
    field("Priority", form.priority),
    h("datalist", { id: "priorities" }, ...Object.keys(priorities).map((value) => h("option", { value }))),
    field("Due", form.dueDate),
    add,
    formError,
  );
  formElement.onsubmit = async (event) => {
    event.preventDefault();
    add.disabled = true;
    formError.hidden = true;
    for (const control of Object.values(form)) control.removeAttribute("aria-invalid");
    try {
      const now = Date.now();
      const title = form.title.value.trim();
      // What was typed goes to the library as it is: its answer is what is shown.
      const task = {
        projectId: form.projectId.value as Id<"projects">,
        assigneeId: (form.assigneeId.value || undefined) as Id<"users"> | undefined,
        title,
        status: "todo" as const,
        priority: form.priority.value as Priority,
        dueDate: Number.isNaN(form.dueDate.valueAsNumber) ? undefined : form.dueDate.valueAsNumber,
        createdAt: now,
        updatedAt: now,
      };
      await session.write('db.mutate(…insert("tasks", task))', () =>
        db.mutate(async (ctx) => {
          // A rule of this page. The schema's own are the library's work.
          if (title === "") throw new ConvexError<Refusal>({ field: "title", message: "A task needs a title." });
          return ctx.db.insert("tasks", task);
        }),
      );
      form.title.value = "";
      form.title.focus();
    } catch (error) {
      const { name, text } = blame(error);
      if (name !== undefined && name in form) {
        form[name as keyof typeof form].setAttribute("aria-invalid", "true");
        form[name as keyof typeof form].focus();
      }
      formError.replaceChildren(...text);
      formError.hidden = false;
    }
    add.disabled = false;
  };

  // ---- rows ----

  const saveField = async (task: Task, change: Partial<Task>): Promise<void> => {
    const now = Date.now();
    const done = change.status && { completedAt: change.status === "done" ? now : undefined };
    const names = Object.keys(change).join(", ");
    try {
      await session.write(`db.patch(task, { ${names} })`, () =>
        db.patch("tasks", task._id, { ...change, ...done, updatedAt: now }),
      );
    } catch (error) {
      session.fail(error);
      // The row shows what is stored, not what was typed.
      rows.delete(task._id);
      await session.refresh();
    }
  };

  const remove = async (task: Task): Promise<void> => {
    try {
      await session.write("db.delete(task)", () => db.delete("tasks", task._id));
      const { _creationTime, ...fields } = task;
      session.say(`Deleted “${task.title}”.`, {
        text: "Undo",
        run: async () => void (await session.write('db.insert("tasks", …)', () => db.insert("tasks", fields))),
      });
    } catch (error) {
      session.fail(error);
    }
  };

  /** Rows on the page by id: a task that is the same object as before needs no new one. */
  let rows = new Map<string, { task: Task; names: string; element: HTMLTableRowElement }>();

  const makeRow = (task: Task, names: string): HTMLTableRowElement => {
    const title = h("input", { class: "title", name: "title", value: task.title, "aria-label": "Title" });
    title.onchange = () => void saveField(task, { title: title.value });
    title.onkeydown = ({ key }) => {
      if (key === "Escape") title.value = task.title;
      if (key === "Escape" || key === "Enter") title.blur();
    };
    const state = select("status", "Status", Object.entries(statuses));
    state.value = task.status;
    state.className = `pill ${task.status}`;
    state.onchange = () => void saveField(task, { status: state.value as Status });
    const priority = select("priority", "Priority", Object.entries(priorities));
    priority.value = task.priority;
    priority.className = `pill ${task.priority}`;
    priority.onchange = () => void saveField(task, { priority: priority.value as Priority });
    const due = h("input", { type: "date", name: "dueDate", "aria-label": "Due" });
    if (task.dueDate !== undefined) due.value = day(task.dueDate);
    else due.className = "unset";
    // A date that is half typed is no date yet: it is saved when one leaves the field.
    due.onblur = () => {
      const wanted = due.value === "" ? undefined : due.valueAsNumber;
      if (due.validity.badInput || wanted === (task.dueDate && Date.parse(day(task.dueDate)))) return;
      void saveField(task, { dueDate: wanted });
    };
    due.onkeydown = ({ key }) => {
      if (key === "Enter") due.blur();
    };
    const trash = h(
      "button",
      { type: "button", class: "quiet", "aria-label": `Delete ${task.title}`, title: "Delete" },
      "✕",
    );
    trash.onclick = () => {
      trash.disabled = true;
      void remove(task);
    };
    const cell = (name: string, ...children: (Node | string)[]) => h("td", { class: name, role: "cell" }, ...children);
    return h(
      "tr",
      { role: "row", "data-id": task._id },
      cell("what", title, h("small", {}, names)),
      cell("status", state),
      cell("priority", priority),
      cell("due", due),
      cell("do", trash),
    );
  };

  const body = h("tbody", { role: "rowgroup" });
  const heading = (name: string, text: string) => h("th", { class: name, role: "columnheader", scope: "col" }, text);
  const table = h(
    "table",
    { role: "table", "aria-label": "Tasks", class: "tasks" },
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        heading("what", "Task"),
        heading("status", "Status"),
        heading("priority", "Priority"),
        heading("due", "Due"),
        h("td", { role: "cell" }),
      ),
    ),
    body,
  );

  const showRows = (tasks: readonly Task[]): void => {
    const before = rows;
    const focused = focusIn(body);
    rows = new Map();
    for (const task of tasks) {
      const names = `${projectName(task.projectId)} · ${assigneeName(task.assigneeId)}`;
      const row = before.get(task._id);
      const isSame = row?.task === task && row.names === names;
      rows.set(task._id, isSame ? row : { task, names, element: makeRow(task, names) });
    }
    const elements = [...rows.values()].map(({ element }) => element);
    if (elements.length === body.rows.length && elements.every((element, i) => body.rows[i] === element)) return;
    body.replaceChildren(...elements);
    const again = focused && body.querySelector<HTMLElement>(`[data-id="${focused.id}"] [name="${focused.name}"]`);
    again?.focus({ preventScroll: true });
  };

  const empty = h("div", { class: "empty" });
  const showEmpty = (isFirst: boolean, isNone: boolean): void => {
    empty.hidden = !isNone;
    if (!isNone) return;
    if (!isFirst) {
      const says = h("p", {}, isChosen() ? "No task is like this." : "There is no task here yet. Add one above.");
      const reset = h("button", { type: "button", hidden: !isChosen() }, "Show all");
      reset.onclick = () => clear.click();
      empty.replaceChildren(says, reset);
      return;
    }
    const sample = h("button", { type: "button", class: "primary" }, "Add sample data");
    sample.onclick = async () => {
      sample.disabled = true;
      sample.textContent = "Adding…";
      await addSample(session).catch(session.fail);
    };
    empty.replaceChildren(
      h("h2", {}, "An empty database"),
      h(
        "p",
        {},
        "It lives in this browser and nowhere else. Sample data fills it: six people, four projects, a few tasks. ",
        "Later you can add 100,000 tasks more.",
      ),
      sample,
    );
  };

  // ---- the whole ----

  const choiceElement = h(
    "div",
    { class: "choice", role: "group", "aria-label": "Which tasks" },
    field("Project", projectSelect),
    field("Assignee", assigneeSelect),
    field("Due from", dueFrom),
    field("Due to", dueTo),
    field("Order", orderSelect),
    clear,
  );
  const adding = h("details", { class: "adding" }, h("summary", {}, "New task"), formElement);
  const list = h("div", { class: "list" }, table, pager.element);
  const tilesElement = h(
    "div",
    { class: "tiles", role: "group", "aria-label": "Tasks by status" },
    ...tiles.map(({ button }) => button),
  );
  const loading = h("p", { class: "loading" }, "Reading…");
  const parts = [tilesElement, adding, choiceElement, list];
  for (const part of [...parts, empty]) part.hidden = true;
  const element = h("section", { "aria-label": "Tasks" }, loading, ...parts, empty);

  const refresh = async (): Promise<void> => {
    users = await session.read('db.query("users").collect()', "by_creation_time", () => db.query("users").collect());
    projects = await session.read('db.query("projects").collect()', "by_creation_time", () =>
      db.query("projects").collect(),
    );
    setOptions(projectSelect, [["", "All projects"], ...projects.map(({ _id, name }) => [_id, name] as const)]);
    setOptions(form.projectId, [["", "Choose a project"], ...projects.map(({ _id, name }) => [_id, name] as const)]);
    const named = users.map((user) => [user._id, userName(user)] as const);
    setOptions(assigneeSelect, [["", "Anybody"], ["nobody", "Nobody"], ...named]);
    setOptions(form.assigneeId, [["", "Nobody"], ...named]);

    const total = await session.read('db.query("tasks").count()', "by_creation_time", () => db.query("tasks").count());
    for (const { value, button, count, bar } of tiles) {
      const n =
        value === undefined
          ? total
          : await session.read(`…withIndex("by_status", (q) => q.eq("status", "${value}")).count()`, "by_status", () =>
              db
                .query("tasks")
                .withIndex("by_status", (q) => q.eq("status", value))
                .count(),
            );
      count.textContent = number(n);
      bar.style.setProperty("--share", String(total === 0 ? 0 : n / total));
      button.setAttribute("aria-pressed", String(status === value));
    }

    const plan = planTasks(db, choice());
    const tasks = await session.read(`${plan.text}.paginate({ numItems: ${pager.size} })`, plan.index, () =>
      pager.load(plan.query),
    );
    const isFirst = projects.length === 0 && total === 0;
    // A count that has to read every task is not asked for.
    const ofTotal = plan.isFiltered
      ? undefined
      : await session.read(`${plan.text}.count()`, plan.index, () => plan.query().count());
    showRows(tasks);
    pager.show(ofTotal);
    showEmpty(isFirst, tasks.length === 0);
    clear.hidden = !isChosen();
    loading.hidden = true;
    for (const part of parts) part.hidden = isFirst;
    table.hidden = tasks.length === 0;
  };

  return { element, refresh };
}

/** Which control of which row has the focus. */
function focusIn(body: HTMLElement): { id: string; name: string } | undefined {
  const { activeElement } = document;
  if (!(activeElement instanceof HTMLElement) || !body.contains(activeElement)) return undefined;
  const id = activeElement.closest("tr")?.dataset["id"];
  const name = activeElement.getAttribute("name");
  return id && name ? { id, name } : undefined;
}

/** Which field of the form an error is about, and the error for people. */
function blame(error: unknown): { name?: string | undefined; text: (Node | string)[] } {
  if (error instanceof ConvexError) {
    const { field, message } = error.data as Refusal;
    return { name: field, text: [message] };
  }
  const { code, message, advice } = explain(error);
  const name = error instanceof HoldfastError ? /Path: \.(\w+)/.exec(message)?.[1] : undefined;
  return { name, text: [...(code ? [h("code", {}, code), " "] : []), message, ...(advice ? [` ${advice}`] : [])] };
}
