// Licenses of what others have written and dist/ contains: npm packages in its scripts, crates in its binary.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { attempt, Problem, root } from "./run.mjs";
import { wasmTarget } from "./setup.mjs";

/** The text of all licenses, given the files that the scripts were made of. */
export async function licenses(inputs) {
  const all = [...npmPackages(inputs), ...(await crates())];
  return all.map(({ name, folder, license }) => `${name}\n\n${textOf(name, folder, license)}\n`).join(`\n${LINE}\n\n`);
}

const LINE = "-".repeat(80);

/** Of several licenses to choose from, the one that asks for least comes first. */
const FILES = [/^licen[cs]e[-_.]?mit/i, /^licen[cs]e/i, /^(copying|unlicense)/i];

function textOf(name, folder, license) {
  const files = readdirSync(folder);
  const file = FILES.map((pattern) => files.find((entry) => pattern.test(entry))).find(Boolean);
  if (file) return readFileSync(join(folder, file), "utf8").trim();
  if (!license) throw new Problem(`${name} has no license that dist/ could contain.`);
  return license;
}

function npmPackages(inputs) {
  const names = inputs.map((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]).filter(Boolean);
  return [...new Set(names)].sort().map((name) => {
    const folder = join(root, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return { name: `${name} ${version}`, folder, license };
  });
}

/** What the crate depends on in a browser, not for its tests, and what that depends on. */
async function crates() {
  const args = ["metadata", "--format-version", "1", "--filter-platform", wasmTarget, "--locked"];
  const { ok, output } = await attempt("cargo", args, { cwd: root });
  const json = output.split("\n").find((line) => line.startsWith("{"));
  if (!ok || !json) throw new Problem(`cargo does not tell what the binary is made of.\n\n${output.slice(-1000)}`);
  const { packages, resolve } = JSON.parse(json);
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const found = new Set([resolve.root]);
  for (const id of found) {
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps)
      if (kinds.some(({ kind }) => kind === null)) found.add(pkg);
  }
  found.delete(resolve.root);
  return packages
    .filter(({ id }) => found.has(id))
    .map(({ name, version, manifest_path: manifest, license }) => ({
      name: `${name} ${version}`,
      folder: dirname(manifest),
      license,
    }))
    .filter(({ folder }) => existsSync(folder))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
