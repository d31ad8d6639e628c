/** The page without a network: a service worker keeps what was built, and hands it out from then on. */
import { Store } from "./store";

/** What is to be said about versions of this page. */
export type Version =
  | { is: "current" }
  /** Another one is there, and takes over when it is told to. */
  | { is: "ready"; take: () => void }
  /** It has taken over, since another tab has told it to: parts that are not loaded yet are gone. */
  | { is: "replaced" };

export const version = new Store<Version>({ is: "current" });

/** So often a page that stays open asks for a new version. */
const askedMs = 60 * 60_000;

export function offline(): void {
  // In development every change has to show: see scripts/serve.mjs for what becomes of a worker that is there.
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // The page comes first.
  if ("requestIdleCallback" in globalThis) requestIdleCallback(() => void register(), { timeout: 5000 });
  else void register();
}

async function register(): Promise<void> {
  const { Workbox } = await import("workbox-window");
  const workbox = new Workbox("./service-worker.js");
  let isWanted = false;
  const take = (): void => {
    isWanted = true;
    workbox.messageSkipWaiting();
  };
  workbox.addEventListener("waiting", () => version.set({ is: "ready", take }));
  workbox.addEventListener("controlling", ({ isUpdate, isExternal }) => {
    if (isWanted) location.reload();
    else if (isUpdate || isExternal) version.set({ is: "replaced" });
  });
  try {
    const registration = await workbox.register();
    setInterval(() => void registration?.update().catch(() => undefined), askedMs);
  } catch {
    // Without one, the page needs the network, and is the same otherwise.
  }
}
