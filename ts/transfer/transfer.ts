/**
 * Data in and out: files to and from a database. Loaded when it is first needed.
 *
 * The command line looks into files itself. What it needs for that is named here, so that it shares this part with pages.
 */
export { checkedCopy } from "../checked.js";
export { readArchive } from "./archive.js";
export { exportFrom } from "./export.js";
export { tableNumberOf } from "./ids.js";
export { clearAway, importInto } from "./import.js";
export { sentenceOf } from "./problems.js";
export { readSource } from "./sources.js";
