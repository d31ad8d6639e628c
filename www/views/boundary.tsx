/** Where rendering has failed: what went wrong is shown in place of the part, and the rest of the page works on. */
import { Component, type ReactNode } from "react";
import { end } from "../database";
import { explain, isEnd } from "../problems";

interface State {
  error?: unknown;
  hasFailed: boolean;
}

export class Boundary extends Component<{ children: ReactNode }, State> {
  override state: State = { hasFailed: false };

  static getDerivedStateFromError(error: unknown): State {
    return { error, hasFailed: true };
  }

  override componentDidCatch(error: unknown): void {
    // The database is gone for the whole page.
    if (isEnd(error)) end(error);
  }

  override render(): ReactNode {
    const { error, hasFailed } = this.state;
    if (!hasFailed) return this.props.children;
    if (isEnd(error)) return null;
    return <Failure error={error} retry={() => this.setState({ error: undefined, hasFailed: false })} />;
  }
}

function Failure({ error, retry }: { error: unknown; retry: () => void }) {
  const { code, message, advice } = explain(error);
  return (
    <div className="nothing" role="alert">
      <p className="error">
        {code && <code>{code}</code>} {message} {advice}
      </p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}
