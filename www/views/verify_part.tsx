/** A check of everything that is stored. */
import { useRef, useState } from "react";
import { fail } from "../database";
import { clock, duration, plural } from "../format";
import { useDb } from "../hooks";
import { during, isAny, useUnderWay } from "../under_way";
import { ActionButton } from "./parts";

interface Report {
  read: string;
  problems: readonly string[];
  moreProblems: number;
}

/** The progress is told so often. */
const toldMs = 100;

export function VerifyPart() {
  const db = useDb();
  const isReopening = isAny(useUnderWay(), "reopening");
  const [progress, setProgress] = useState<string>();
  const [report, setReport] = useState<Report>();
  const told = useRef(0);

  const check = async (): Promise<void> => {
    setReport(undefined);
    setProgress("");
    const started = performance.now();
    const onProgress = ({ pages, rows }: { pages: number; rows: number }): void => {
      if (performance.now() - told.current < toldMs) return;
      told.current = performance.now();
      const read = `${plural(pages, "page")} read`;
      setProgress(rows > 0 ? `${read}, ${plural(rows, "row")} checked…` : `${read}…`);
    };
    try {
      const { pages, rows, entries, problems, moreProblems } = await db.verify({ onProgress });
      const ms = duration(performance.now() - started);
      const what = `${plural(rows, "row")}, ${plural(entries, "index entry", "index entries")} and ${plural(pages, "page")}`;
      const read = `${what} read in ${ms}, at ${clock(Date.now())}. What has changed since was not looked at.`;
      setReport({ read, problems, moreProblems });
    } catch (error) {
      fail(error);
    }
    setProgress(undefined);
  };
  return (
    <>
      <div className="buttons">
        <ActionButton
          text="Verify"
          busyText="Verifying…"
          action={() => during("verifying", check)}
          disabled={isReopening}
        />
      </div>
      {progress !== undefined && <progress aria-label="Verifying" />}
      <div className="said report" role="status">
        {progress && <p>{progress}</p>}
        {report && <ReportView report={report} />}
      </div>
    </>
  );
}

function ReportView({ report: { read, problems, moreProblems } }: { report: Report }) {
  if (problems.length === 0)
    return (
      <p className="good">
        <strong>All is well. </strong>
        {read}
      </p>
    );
  return (
    <>
      <p className="bad">
        <strong>{`${plural(problems.length + moreProblems, "problem")}. `}</strong>
        {read}
      </p>
      <ul>
        {problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
      {moreProblems > 0 && <p>{`and ${plural(moreProblems, "problem")} more`}</p>}
    </>
  );
}
