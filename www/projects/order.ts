/** Where tasks stand in their columns: by numbers that leave room for others between them. */
import type { Id, Status, Task } from "./schema";

/** The tasks of a column, in their order. Two devices may have given two tasks one number. */
export const column = (tasks: readonly Task[], status: Status): Task[] =>
  tasks
    .filter((task) => task.status === status)
    .sort((a, b) => a.order - b.order || a._creationTime - b._creationTime || (a._id < b._id ? -1 : 1));

export interface Place {
  readonly order: number;
  /** New numbers of others, where there was no room. */
  readonly others: readonly (readonly [id: Id<"tasks">, order: number])[];
}

/** The place at an index among others. */
export function placeAt(others: readonly Task[], index: number): Place {
  const before = others[index - 1]?.order;
  const after = others[index]?.order;
  const order =
    before === undefined ? (after ?? 1) - 1 : after === undefined ? before + 1 : before + (after - before) / 2;
  const hasRoom = (before === undefined || before < order) && (after === undefined || order < after);
  if (hasRoom) return { order, others: [] };
  return { order: index, others: others.map(({ _id }, at) => [_id, at < index ? at : at + 1]) };
}
