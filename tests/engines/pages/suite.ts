/** The checks, for whoever drives this page: see tests/engines/store.test.mjs. */
import { checks, run } from "./check.js";
import "./documents.js";
import "./engine.js";
import "./failures.js";
import "./files.js";
import "./live.js";
import "./storage.js";

const suite = { names: () => [...checks.keys()], run };
Object.assign(globalThis, { suite });
document.title = "ready";
