/** Joining by a link, and what is waited for. */
import { type FormEvent, useState } from "react";
import { useStore } from "../store";
import { ActionButton, Labelled } from "../views/parts";
import { fail, useApp } from "./database";
import { join, linkIn } from "./joining";
import { isOffline, server } from "./settings";
import { useSync } from "./syncing";

export function JoinForm() {
  const app = useApp();
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string>();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const link = linkIn(text);
    if (link === undefined) return setProblem("That is no link of a project: it has “automerge:” in it.");
    setText("");
    void join(app, link);
  };
  return (
    <form className="panel" aria-label="Join by link" onSubmit={submit}>
      <h2>Join by link</h2>
      <Labelled text="Link">
        <input
          name="link"
          autoComplete="off"
          spellCheck={false}
          placeholder="…#automerge:…"
          aria-invalid={problem !== undefined}
          aria-describedby="join-problem"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setProblem(undefined);
          }}
        />
      </Labelled>
      <p id="join-problem" className="error" role="alert">
        {problem}
      </p>
      <button type="submit" disabled={text.trim() === ""}>
        Join
      </button>
    </form>
  );
}

/** Projects that are on their way. */
export function Waiting({ openSettings }: { openSettings: () => void }) {
  const { db } = useApp();
  const { awaited, state } = useSync();
  const address = useStore(server);
  const isOff = useStore(isOffline) !== "";
  if (awaited.length === 0) return null;
  return (
    <section className="panel waiting" aria-label="Projects that are waited for">
      <h2>Waiting for {awaited.length === 1 ? "a project" : "projects"}</h2>
      <ul>
        {awaited.map(({ link, isUnavailable }) => (
          <li key={link}>
            <span role="status">
              <code>{short(link)}</code>{" "}
              {address === ""
                ? "It comes from a server, and none is set here."
                : isOff
                  ? "It comes when you are online."
                  : state === "error" || state === "connecting"
                    ? "It comes when the server can be reached."
                    : isUnavailable
                      ? "The server does not have it yet. It comes when somebody who has it is online."
                      : /* A server may say more after that, and still have nothing. */
                        "It is on its way. If it stays so, the server does not have it yet: somebody who has it has to be online once."}
            </span>
            <ActionButton
              name="cancel"
              text="Cancel"
              busyText="Cancelling…"
              action={() => db.sync.leave(link).catch((error: unknown) => fail(error, "It is still waited for."))}
            />
          </li>
        ))}
      </ul>
      {address === "" ? (
        <button type="button" className="primary" onClick={openSettings}>
          Set the server
        </button>
      ) : (
        isOff && (
          <button type="button" className="primary" onClick={() => isOffline.set("")}>
            Go online
          </button>
        )
      )}
    </section>
  );
}

/** Enough to tell two of them apart: the whole is a key. */
const short = (link: string): string => `${link.slice("automerge:".length).slice(0, 6)}…`;
