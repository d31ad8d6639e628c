/** The link of a project, to be copied or scanned, and what it means to give it away. */
import { useEffect, useRef, useState } from "react";
import { encode } from "uqr";
import { useStore } from "../store";
import { Dialog, Labelled } from "../views/parts";
import { explained, useApp } from "./database";
import { addressOf } from "./joining";
import type { Project } from "./schema";
import { isOffline, server } from "./settings";

export function ShareDialog({ project: { _id, name }, close }: { project: Project; close: () => void }) {
  const { db } = useApp();
  const [address, setAddress] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [copied, setCopied] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const serverAddress = useStore(server);
  const isOff = useStore(isOffline) !== "";
  useEffect(() => {
    let isAsked = true;
    db.sync.share(_id).then(
      (link) => isAsked && setAddress(addressOf(link)),
      (error: unknown) => isAsked && setError(error),
    );
    return () => {
      isAsked = false;
    };
  }, [db, _id]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(address!);
      setCopied("Copied.");
    } catch {
      // A page that is not secure, or may not: the person can.
      field.current?.select();
      setCopied("Press Ctrl+C, or copy it by the menu.");
    }
  };
  return (
    <Dialog labelledBy="share-title" onClose={close}>
      <h2 id="share-title">Share “{name}”</h2>
      <div className="part share">
        <p className="warning">
          <strong>Who has this link can read and change all of the project, for ever.</strong> It can’t be taken back.
          Give it only to people whom you trust, by a way that you trust.
        </p>
        {serverAddress === "" ? (
          <p className="bad">No server is set, so nobody can get it yet: set one in “Settings”.</p>
        ) : (
          <p className="hint">
            {isOff ? "You are offline: others get it when you are online again." : "Others need the same server:"}{" "}
            <code>{serverAddress}</code>
          </p>
        )}
        {error !== undefined ? (
          <p className="error" role="alert">
            {explained(error).message} {explained(error).advice}
          </p>
        ) : address === undefined ? (
          <p className="loading" role="status">
            Making the link…
          </p>
        ) : (
          <>
            <Labelled text="Link">
              <input ref={field} name="link" readOnly value={address} onFocus={(event) => event.target.select()} />
            </Labelled>
            <Code text={address} />
          </>
        )}
        <div className="buttons">
          <span role="status" className="hint">
            {copied}
          </span>
          <button type="button" className="primary" disabled={address === undefined} onClick={() => void copy()}>
            Copy the link
          </button>
          <button type="button" onClick={close}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

/** A text as a QR code: dark on light in dark mode, too, as not all cameras read the other. */
function Code({ text }: { text: string }) {
  const { size, data } = encode(text, { ecc: "M", border: 4 });
  const path = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
  return (
    <svg className="code" role="img" aria-label="The link as a QR code" viewBox={`0 0 ${size} ${size}`}>
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" shapeRendering="crispEdges" />
    </svg>
  );
}
