/** Tasks of a project that were deleted, by whomever. */
import { useState } from "react";
import { say } from "../notices";
import { DeletedList } from "../views/deleted_list";
import { change, useApp, useLiveValue } from "./database";
import { HistoryDialog } from "./history_dialog";
import type { Id, Member, Project } from "./schema";

export function Bin({ project, members }: { project: Project; members: readonly Member[] }) {
  const app = useApp();
  const [shown, show] = useState<{ _id: Id<"tasks">; title: string }>();
  const { value = [] } = useLiveValue(app.db.deleted("tasks"));
  const deleted = value
    .filter(({ root }) => root === project._id)
    .map(({ id, fields }) => ({ _id: id, title: fields.title }));
  const restore = async ({ _id, title }: { _id: Id<"tasks">; title: string }): Promise<void> => {
    const isBack = await change(
      app,
      [project._id],
      `“${title}” was not restored.`,
      async () => undefined,
      () => app.db.restore(_id),
    );
    if (isBack) say(`“${title}” is back.`);
  };
  return (
    <>
      <DeletedList tasks={deleted} showHistory={show} restore={restore} />
      {/* Outside of the list, which a task leaves when it is restored. */}
      {shown && (
        <HistoryDialog task={{ ...shown, projectId: project._id }} members={members} close={() => show(undefined)} />
      )}
    </>
  );
}
