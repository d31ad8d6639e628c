/** How this device stands to its server: connected as the settings say, and told in words. */
import { HoldfastError } from "holdfast";
import type { SyncFailure, SyncSnapshot } from "holdfast/sync";
import { useEffect, useState } from "react";
import { plural } from "../format";
import { useStore } from "../store";
import { type Opened, phase, useApp } from "./database";
import { isOffline, server } from "./settings";

/** Connects, or not, as the settings say. */
export function obey(): void {
  if (phase.value.is !== "open") return;
  const { sync } = phase.value.db;
  const address = server.value;
  if (address === "" || isOffline.value !== "") return sync.disconnect();
  try {
    sync.connect(address);
  } catch (error) {
    // Another tab, or another version of this page, may have left an address that is none: the header says so.
    if (!(error instanceof HoldfastError)) throw error;
    sync.disconnect();
  }
}

/** Begins to follow settings and database. */
export function followSettings(): void {
  for (const store of [server, isOffline]) store.subscribe(obey);
  let opened: Opened | undefined;
  phase.subscribe(() => {
    const { value } = phase;
    if (value.is !== "open" || value === opened) return;
    opened = value;
    obey();
  });
}

/** What is wrong with an address of a server, if anything. */
export function problemOf(address: string): string | undefined {
  if (address === "") return undefined;
  if (!URL.canParse(address) || !/^wss?:$/.test(new URL(address).protocol))
    return "An address looks like wss://sync.example.";
  if (location.protocol === "https:" && new URL(address).protocol === "ws:" && !isLocal(new URL(address).hostname))
    return "This page came by https, so the browser allows wss:// alone.";
  return undefined;
}

const isLocal = (host: string): boolean => ["localhost", "127.0.0.1", "[::1]"].includes(host);

export const useSync = (): SyncSnapshot => useStore(useApp().status);

/** Why there is no connection, also while it is tried again: else it would come and go. */
export function useFailure(): SyncFailure | undefined {
  const { state, url, failure } = useSync();
  const [last, setLast] = useState({ url, failure });
  const isKept = failure === undefined && state === "connecting" && url === last.url;
  if (!isKept && (failure !== last.failure || url !== last.url)) setLast({ url, failure });
  return isKept ? last.failure : failure;
}

/** The time, every second as long as it is asked for. */
export function useSeconds(isAsked: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isAsked) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isAsked]);
  return now;
}

export interface Told {
  readonly text: string;
  readonly kind: "saved" | "busy" | "warning" | "bad" | "";
}

/** The state in a few words. */
export function told({ state, unsynced }: SyncSnapshot, address: string): Told {
  const waiting = unsynced > 0 ? `: ${plural(unsynced, "project waits", "projects wait")}` : "";
  if (address === "") return { text: "No server: on this device alone", kind: "" };
  switch (state) {
    case "offline":
      return { text: `Offline${waiting || ": changes are kept here"}`, kind: "warning" };
    case "connecting":
      return { text: "Connecting…", kind: "busy" };
    case "syncing":
      return { text: unsynced > 0 ? `Syncing ${plural(unsynced, "project")}…` : "Syncing…", kind: "busy" };
    case "synced":
      return { text: "Synced", kind: "saved" };
    case "error":
      return { text: `Not connected${waiting}`, kind: "bad" };
  }
}

/** When a connection is tried again. */
export function retryText(retryAt: number | undefined, now: number): string {
  if (retryAt === undefined) return "It is not tried again by itself.";
  const seconds = Math.ceil((retryAt - now) / 1000);
  return seconds <= 0 ? "Trying again now." : `Trying again in ${seconds} s.`;
}
