/** What is here and can't be shown, with what to do. */
import type { Problem } from "holdfast/sync";
import { plural } from "../format";
import { useApp, useLiveValue } from "./database";

export function Problems() {
  const { db } = useApp();
  const { value = [] } = useLiveValue(db.problems());
  if (value.length === 0) return null;
  return (
    <details className="trouble problems">
      <summary role="status">
        <strong>{plural(value.length, "problem")}</strong>
      </summary>
      <ul>
        {value.map((problem) => (
          <li key={`${problem.kind} ${problem.id} ${problem.root}`}>{wordsFor(problem)}</li>
        ))}
      </ul>
    </details>
  );
}

const titleIn = ({ fields: { title, name } }: Problem): string =>
  [title, name].find((text) => typeof text === "string") ?? "Something";

function wordsFor(problem: Problem): string {
  const { kind, message } = problem;
  switch (kind) {
    case "misfit":
      return `“${titleIn(problem)}” is kept, but can't be shown: ${message} Reload this page, which may be an old version.`;
    case "duplicate":
      return `“${titleIn(problem)}” is in two projects at once, and shown in one of them. Its “conflict” lets you choose.`;
    case "refused":
      return `Something that came from others can't be taken in: ${message} What is here is safe. Ask whoever shares the project to make a new one.`;
  }
}
