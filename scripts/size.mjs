// npm run size: what the package costs a page, against the budgets in size-budget.json.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "./build.mjs";
import { main, root } from "./run.mjs";

const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** JavaScript as an app's bundler delivers it: minified. */
async function minified(file) {
  const { transform } = await import("esbuild");
  return Buffer.from((await transform(readFileSync(file), { minify: true, format: "esm", loader: "js" })).code);
}

/**
 * The rows of the table: { name, raw, gzip, budget }. A budget names the files in dist/ that a page loads together;
 * "*" in a name stands for the chunks that files share.
 */
export async function sizes() {
  const budgets = JSON.parse(readFileSync(join(root, "size-budget.json"), "utf8"));
  const dist = join(root, "dist");
  const rows = [];
  for (const [name, { files, gzip: budget }] of Object.entries(budgets)) {
    const patterns = files.map((file) => new RegExp(`^${file.replaceAll(".", "\\.").replaceAll("*", ".*")}$`));
    const chosen = readdirSync(dist).filter((file) => patterns.some((pattern) => pattern.test(file)));
    const total = { name, raw: 0, gzip: 0, budget };
    for (const file of chosen) {
      const bytes = file.endsWith(".js") ? await minified(join(dist, file)) : readFileSync(join(dist, file));
      const row = { name: `  ${file}`, raw: bytes.length, gzip: gzipped(bytes) };
      rows.push(row);
      total.raw += row.raw;
      total.gzip += row.gzip;
    }
    rows.push(total);
  }
  return rows;
}

/** The rows as a table for people. */
export function table(rows) {
  const kb = (bytes) => (bytes === undefined ? "" : `${(bytes / 1000).toFixed(1)} KB`);
  const cells = [
    ["", "raw", "gzipped", "budget"],
    ...rows.map((row) => [row.name, kb(row.raw), kb(row.gzip), kb(row.budget)]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column].length)));
  return cells
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i] + 2))).join(""))
    .join("\n");
}

/** The rows over their budgets. */
export const excess = (rows) => rows.filter(({ gzip, budget }) => budget !== undefined && gzip > budget);

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  main(async () => {
    await build();
    const rows = await sizes();
    console.log(`\n${table(rows)}`);
    const over = excess(rows);
    for (const { name } of over) console.log(`\n${name} is over its budget.`);
    process.exit(over.length === 0 ? 0 : 1);
  });
}
