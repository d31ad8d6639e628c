/** Which project is shown: the one whose id stands behind the `#` of the address, or the list of all. */
import { useSyncExternalStore } from "react";

const changed = new EventTarget();

const subscribe = (callback: () => void): (() => void) => {
  addEventListener("hashchange", callback);
  addEventListener("popstate", callback);
  changed.addEventListener("change", callback);
  return () => {
    removeEventListener("hashchange", callback);
    removeEventListener("popstate", callback);
    changed.removeEventListener("change", callback);
  };
};

export const useRoute = (): string => useSyncExternalStore(subscribe, () => location.hash.slice(1));

/** Shows a project, or the list. `isInPlace` leaves no way back to what was shown. */
export function goTo(id: string, isInPlace = false): void {
  const address = location.pathname + location.search + (id && `#${id}`);
  if (isInPlace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  changed.dispatchEvent(new Event("change"));
}
