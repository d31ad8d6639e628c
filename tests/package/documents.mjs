// Files as the documents show them. A block whose first line is a comment with a file's name is that file.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/run.mjs";

/** A file's text in a document. */
export function shownFile(document, name) {
  const blocks = readFileSync(join(root, document), "utf8").matchAll(/^```\w+\n\/\/ (\S+)\n(.*?)^```$/gms);
  const found = [...blocks].filter(([, shown]) => shown === name);
  if (found.length !== 1) throw new Error(`${document} shows ${name} ${found.length} times.`);
  return found[0][2];
}
