/** Links of projects: in the address of this page, and joined. */
import { say } from "../notices";
import { fail, type Opened, phase } from "./database";
import { goTo } from "./route";

/** A link wherever it stands in a text. */
export const linkIn = (text: string): string | undefined => /automerge:[1-9A-HJ-NP-Za-km-z]+/.exec(text)?.[0];

/** Where a project's link leads: what stands behind the `#` no server is sent. */
export const addressOf = (link: string): string => `${location.origin}${location.pathname}#${link}`;

/** Joins a project, and shows it when it is here, if nobody has gone elsewhere meanwhile. */
export async function join({ db }: Opened, link: string): Promise<void> {
  const from = location.hash;
  const begun = performance.now();
  try {
    const id = await db.sync.join(link);
    // Who has waited long is told, and not led away.
    if (location.hash === from && performance.now() - begun < ledMs) goTo(id);
    else say("A project that you have joined is here.", { text: "Open it", run: async () => goTo(id) });
  } catch (error) {
    fail(error, "The project could not be joined.");
  }
}

const ledMs = 30_000;

/** Joins the project of a link in the address, which goes: a key should not stay in sight. */
export function joinByAddress(): void {
  const link = linkIn(location.hash);
  if (link === undefined || phase.value.is !== "open") return;
  goTo("", true);
  void join(phase.value, link);
}

/** Begins to look for links in the address, now and whenever it changes. */
export function followAddress(): void {
  phase.subscribe(joinByAddress);
  addEventListener("hashchange", joinByAddress);
}
