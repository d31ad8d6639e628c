// npm run size: what the package costs a page, against the budgets in size-budget.json.

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "./build.mjs";
import { main, root } from "./run.mjs";

const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

/**
 * What an app's bundler makes of scripts of dist/: minified files, without the binary as a script. What is imported later,
 * when it is needed, is none of what the page loads at first.
 */
async function bundled(entries) {
  const { build: bundle } = await import("esbuild");
  const { outputFiles, metafile } = await bundle({
    absWorkingDir: root,
    entryPoints: entries.map((entry) => join("dist", entry)),
    outdir: "dist",
    write: false,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["node:*", ...["", "_sync"].map((name) => `./holdfast${name}_inlined-*`), "./holdfast_docs_inlined_*"],
    metafile: true,
    logLevel: "error",
  });
  const first = new Set(entries.map((entry) => join("dist", entry).replaceAll("\\", "/")));
  for (const file of first) {
    for (const { path, kind } of metafile.outputs[file]?.imports ?? [])
      if (kind === "import-statement") first.add(path);
  }
  const files = outputFiles.map(({ path, contents }) => ({ name: basename(path), bytes: contents }));
  const isFirst = ({ name }) => first.has(`dist/${name}`);
  return { first: files.filter(isFirst), later: files.filter((file) => !isFirst(file)) };
}

/** What scripts of dist/ with all that they import, and other files of it, are together: { gzip, wasm }, zipped bytes. */
export async function sizeOf(files) {
  const isScript = (file) => file.endsWith(".js");
  const { first } = await bundled(files.filter(isScript));
  const sum = (list) => list.reduce((total, bytes) => total + gzipped(bytes), 0);
  const wasm = sum(files.filter((file) => !isScript(file)).map((file) => readFileSync(join(root, "dist", file))));
  return { gzip: wasm + sum(first.map(({ bytes }) => bytes)), wasm };
}

/**
 * The rows of the table: { name, raw, gzip, budget }. A budget names what a page loads together: scripts of dist/ with what
 * they import, and other files.
 */
export async function sizes() {
  const budgets = JSON.parse(readFileSync(join(root, "size-budget.json"), "utf8"));
  const rows = [];
  for (const [name, { scripts, files, gzip: budget }] of Object.entries(budgets)) {
    const total = { name, raw: 0, gzip: 0, budget };
    const others = files.map((file) => ({ name: file, bytes: readFileSync(join(root, "dist", file)) }));
    const { first, later } = await bundled(scripts);
    const rowOf = ({ name, bytes }) => ({ name: `  ${name}`, raw: bytes.length, gzip: gzipped(bytes) });
    for (const row of [...first, ...others].map(rowOf)) {
      rows.push(row);
      total.raw += row.raw;
      total.gzip += row.gzip;
    }
    rows.push(total, ...later.map((file) => rowOf({ ...file, name: `later: ${file.name}` })));
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
