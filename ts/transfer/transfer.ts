/**
 * Data in and out: files to and from a database. Loaded when it is first needed.
 */
export { exportFrom } from "./export.js";
export { clearAway, importInto } from "./import.js";
