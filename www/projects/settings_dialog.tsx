/** What a person can set for this device: their name, the server, and backups. */
import { useState } from "react";
import { say } from "../notices";
import { Dialog, Labelled } from "../views/parts";
import { BackupPart } from "./backup_part";
import { me, server } from "./settings";
import { problemOf } from "./syncing";

export function SettingsDialog({ close }: { close: () => void }) {
  const [name, setName] = useState(me.value);
  const [address, setAddress] = useState(server.value);
  const [problem, setProblem] = useState<string>();
  const save = (): void => {
    const given = address.trim();
    const wrong = problemOf(given);
    if (wrong !== undefined) return setProblem(wrong);
    me.set(name.trim());
    if (given !== server.value) server.set(given);
    close();
    say("The settings are saved on this device.");
  };
  return (
    <Dialog labelledBy="settings-title" onClose={close}>
      <h2 id="settings-title">Settings</h2>
      <form
        className="part"
        aria-label="Settings"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <Labelled text="Your name, as others see it">
          <input name="name" autoComplete="name" value={name} onChange={(event) => setName(event.target.value)} />
        </Labelled>
        <Labelled text="Server address">
          <input
            name="server"
            inputMode="url"
            autoComplete="off"
            spellCheck={false}
            placeholder="wss://sync.example"
            aria-invalid={problem !== undefined}
            aria-describedby="server-hint"
            value={address}
            onChange={(event) => {
              setAddress(event.target.value);
              setProblem(undefined);
            }}
          />
        </Labelled>
        <p id="server-hint" className={problem === undefined ? "hint" : "error"} role="status">
          {problem ??
            "One of automerge-repo. It can read what it is given: use one that you trust. Empty: nothing leaves this device."}
        </p>
        <div className="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="primary">
            Save
          </button>
        </div>
      </form>
      <hr />
      <BackupPart />
    </Dialog>
  );
}
