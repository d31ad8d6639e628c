/** What each query and change cost: its text, index, rows and time. The last change stays in view above the queries. */
import { costs, type Cost } from "../costs";
import { duration, plural } from "../format";
import { useStore } from "../store";

export function CostsPanel() {
  const { queries, change } = useStore(costs);
  return (
    <section className="panel" aria-label="What it costs">
      <h2>What it costs</h2>
      <h3>Last change</h3>
      <div className="change" role="status" aria-label="The last change">
        {change ? <CostView cost={change} /> : <p className="hint">No change yet.</p>}
      </div>
      <h3>Live queries, to their first answer</h3>
      <ol className="costs" aria-label="Queries, the newest first" tabIndex={0}>
        {queries.map((cost, i) => (
          <li key={queries.length - i}>
            <CostView cost={cost} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function CostView({ cost: { text, index, result, ms, changes } }: { cost: Cost }) {
  return (
    <>
      <code>{text}</code>
      <span className="facts">
        <strong>{duration(ms)}</strong>
        <span>{result}</span>
        {changes > 0 && <span className="hint">{`followed ${plural(changes, "change")}`}</span>}
        {index && <span className="badge">{index}</span>}
      </span>
    </>
  );
}
