/** Who works on a project. A name is no account: who has the link has all of it. */
import { type FormEvent, useState } from "react";
import { TitleField } from "../devices/title_field";
import { show } from "../notices";
import { useStore } from "../store";
import { Dialog, Select } from "../views/parts";
import { change, useApp } from "./database";
import { colorOf, colors, Initial } from "./members";
import type { Member, Project } from "./schema";
import { me } from "./settings";

export function MembersDialog({
  project,
  members,
  close,
}: {
  project: Project;
  members: readonly Member[];
  close: () => void;
}) {
  const app = useApp();
  const [name, setName] = useState("");
  const own = useStore(me);
  const add = async (given: string): Promise<void> => {
    if (given === "") return;
    setName("");
    const isAdded = await change(app, [project._id], `“${given}” was not added.`, (db) =>
      db.insert("members", { projectId: project._id, name: given, color: colorOf(members.length) }),
    );
    if (!isAdded) setName((now) => (now === "" ? given : now));
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void add(name.trim());
  };
  const canAddMe = own !== "" && !members.some(({ name }) => name === own);
  return (
    <Dialog labelledBy="members-title" onClose={close}>
      <h2 id="members-title">Members of “{project.name}”</h2>
      <div className="part">
        <p className="hint">Tasks can be assigned to them. A name gives nobody access: the link does.</p>
        <ul className="members" aria-label="Members" tabIndex={-1}>
          {members.map((member) => (
            <MemberRow key={member._id} member={member} />
          ))}
          {members.length === 0 && <li className="hint">Nobody yet.</li>}
        </ul>
        <form className="add" aria-label="New member" onSubmit={submit}>
          <input
            name="member"
            aria-label="Name of a new member"
            placeholder="A name"
            autoComplete="off"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <button type="submit" disabled={name.trim() === ""}>
            Add
          </button>
        </form>
        <div className="buttons">
          {canAddMe && (
            <button type="button" onClick={() => void add(own)}>
              Add me ({own})
            </button>
          )}
          <button type="button" className="primary" onClick={close}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function MemberRow({ member }: { member: Member }) {
  const app = useApp();
  const { _id, projectId, name, color } = member;
  const write = (action: Parameters<typeof change>[3]) =>
    void change(app, [projectId], `“${name}” was not changed.`, action);
  const rename = (given: string): void => {
    if (given === "") show({ kind: "bad", text: "A member needs a name.", of: "change" });
    else if (given !== name) write((db) => db.patch(_id, { name: given }));
  };
  return (
    <li className="line" data-id={_id}>
      <Initial member={member} />
      <TitleField title={name} isDone={false} save={rename} />
      <Select
        name="color"
        label={`Colour of ${name}`}
        value={color}
        options={colors}
        onChange={(value) => write((db) => db.patch(_id, { color: value }))}
      />
      <button
        type="button"
        name="remove"
        className="danger"
        aria-label={`Remove ${name}`}
        onClick={() => write((db) => db.delete(_id))}
      >
        Remove
      </button>
    </li>
  );
}
