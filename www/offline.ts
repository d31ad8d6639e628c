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

/** Begins that. The worker lies beside the first page. */
export function offline(worker = "./service-worker.js"): void {
  // In development every change has to show: see scripts/serve.mjs for what becomes of a worker that is there.
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // The page comes first.
  if ("requestIdleCallback" in globalThis) requestIdleCallback(() => void register(worker), { timeout: 5000 });
  else void register(worker);
}

async function register(worker: string): Promise<void> {
  const { Workbox } = await import("workbox-window");
  const workbox = new Workbox(worker);
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
