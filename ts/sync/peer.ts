/**
 * Somebody the docs worker talks with, as the page holds the connection.
 */
import type { Frame, HubCall, PeerOutput } from "./frames.js";

/** A connection. */
export interface Peer {
  /** A name of the other end: what is refused of it once is refused as long as this page lives. */
  readonly device: string;
  /** What a docs worker is told when it begins to talk with it. */
  introduction(number: number): HubCall[];
  /** The docs worker has something for it. */
  hear(output: PeerOutput): void;
  /** All that was said is void: the connection has to be made anew. */
  restart(): void;
  /** Nobody is there any more to talk with: the worker fails of whatever it is told, or can't be had; or all is over. */
  lose(): void;
  /** Something of what it sends can't be taken in. */
  setAside(id: Uint8Array, reason: string): void;
  /** The docs worker has done what it was told of it. */
  done?(call: HubCall): void;
  /** All that was to be done is done. */
  idle(): void;
}

/** A connection to another database of this page. */
export interface DevicePeer extends Omit<Peer, "introduction" | "hear"> {
  /** Passes something on. */
  send(frame: Frame): void;
  /** How documents stand has changed. */
  status(id: Uint8Array, isSynced: boolean): void;
}

/** As the docs worker knows it. */
export function deviceAsPeer(device: DevicePeer): Peer {
  return {
    device: device.device,
    introduction: (number) => [["connected", number, device.device]],
    hear: (output) => {
      if (output[0] === "documents") device.send({ type: "documents", ids: output[2] });
      else if (output[0] === "sync") device.send({ type: "sync", id: output[2], message: output[3] });
      else if (output[0] === "status") device.status(output[2], output[3]);
    },
    restart: () => device.restart(),
    lose: () => device.lose(),
    setAside: (id, reason) => device.setAside(id, reason),
    idle: () => device.idle(),
  };
}
