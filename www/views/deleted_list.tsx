/** What was deleted and can come back. */
import { ActionButton } from "./parts";

interface Props<Task> {
  tasks: readonly Task[];
  showHistory: (task: Task) => void;
  restore: (task: Task) => Promise<void>;
}

export function DeletedList<Task extends { _id: string; title: string }>({ tasks, showHistory, restore }: Props<Task>) {
  if (tasks.length === 0) return null;
  return (
    <details className="bin">
      <summary>Deleted tasks ({tasks.length})</summary>
      <ul>
        {tasks.map((task) => (
          <li key={task._id}>
            <span>{task.title}</span>
            <button
              type="button"
              name="history"
              aria-label={`History of ${task.title}`}
              onClick={() => showHistory(task)}
            >
              History
            </button>
            <ActionButton name="restore" text="Restore" busyText="Restoring…" action={() => restore(task)} />
          </li>
        ))}
      </ul>
    </details>
  );
}
