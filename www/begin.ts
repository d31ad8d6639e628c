/** The first thing that runs: the database is opened while the rest of the page is still being made ready. */
import { start } from "./database";

export const opening = start("indexeddb");
