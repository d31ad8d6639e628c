/** A new task: its title is enough. */
import { type FormEvent, useState } from "react";
import { change, useApp } from "./database";
import { column, placeAt } from "./order";
import type { Project, Task } from "./schema";

export function AddTask({ project, tasks }: { project: Project; tasks: readonly Task[] }) {
  const app = useApp();
  const [title, setTitle] = useState("");
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const given = title.trim();
    if (given === "") return;
    setTitle("");
    const todo = column(tasks, "todo");
    const { order } = placeAt(todo, todo.length);
    const isAdded = await change(app, [project._id], `“${given}” was not added.`, (db) =>
      db.insert("tasks", {
        projectId: project._id,
        title: given,
        notes: "",
        status: "todo",
        priority: "medium",
        order,
      }),
    );
    // What was typed is not lost.
    if (!isAdded) setTitle((now) => (now === "" ? given : now));
  };
  return (
    <form className="add" aria-label="New task" onSubmit={(event) => void add(event)}>
      <input
        name="title"
        aria-label="Title of a new task"
        placeholder="A new task"
        autoComplete="off"
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
      <button type="submit" className="primary" disabled={title.trim() === ""}>
        Add
      </button>
    </form>
  );
}
