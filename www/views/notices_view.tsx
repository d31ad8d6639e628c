/** Short messages over the page, and what is to be said about its versions. */
import type { ReactNode } from "react";
import { fail } from "../database";
import { dismiss, notices, type Notice } from "../notices";
import { version } from "../offline";
import { useStore } from "../store";

export function Notices() {
  return (
    <div id="notices" role="status">
      <VersionNotice />
      {useStore(notices).map((notice) => (
        <NoticeView key={notice.id} notice={notice} />
      ))}
    </div>
  );
}

function NoticeView({ notice: { id, kind, text, code, action } }: { notice: Notice }) {
  return (
    <Frame kind={kind}>
      <p>
        {code && <code>{code}</code>} {text}
      </p>
      {action && (
        <button
          type="button"
          onClick={() => {
            dismiss(id);
            action.run().catch(fail);
          }}
        >
          {action.text}
        </button>
      )}
      <button type="button" className="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
        ×
      </button>
    </Frame>
  );
}

/** A new version never comes in the middle of something: it is offered. */
function VersionNotice() {
  const now = useStore(version);
  if (now.is === "current") return null;
  const isReady = now.is === "ready";
  return (
    <Frame kind="new">
      <p>{isReady ? "A new version of this page is ready." : "Another tab has brought a new version of this page."}</p>
      <button type="button" className="primary" onClick={() => (isReady ? now.take() : location.reload())}>
        Reload
      </button>
      <button type="button" className="quiet" aria-label="Later" onClick={() => version.set({ is: "current" })}>
        ×
      </button>
    </Frame>
  );
}

const Frame = ({ kind, children }: { kind: string; children: ReactNode }) => (
  <div className={`notice ${kind}`} role={kind === "bad" ? "alert" : "status"}>
    {children}
  </div>
);
