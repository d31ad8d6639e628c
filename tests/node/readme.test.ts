// The samples in README.md and docs/: they compile, run in Node, and print what their comments say.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { transform } from "esbuild";

interface Program {
  /** The document that it is in. */
  document: string;
  /** Where it begins there. */
  line: number;
  /** Its blocks one after the other, each on the line where the document has it. */
  text: string;
}

const root = process.cwd();
const folder = join(root, ".cache", "readme");

/**
 * The ts blocks of a document. One that imports something begins a new program; the others go on with it. One that begins
 * with a file's name is for the apps of tests/package.
 */
function programsOf(document: string): Program[] {
  const found: Program[] = [];
  let block: string[] | undefined;
  for (const [index, line] of readFileSync(join(root, document), "utf8").split("\n").entries()) {
    if (block === undefined) {
      if (line === "```ts") block = [];
    } else if (line !== "```") {
      block.push(line);
    } else if (/^\/\/ \S+\.ts$/.test(block[0] ?? "")) {
      block = undefined;
    } else {
      const start = index - block.length;
      if (/^import\b/m.test(block[0] ?? "")) found.push({ document, line: start + 1, text: "" });
      const program = found.at(-1);
      assert.ok(program, `The block in line ${start} of ${document} belongs to no program.`);
      const gap = start - (program.text.split("\n").length - 1);
      program.text += `${"\n".repeat(gap)}${block.join("\n")}\n`;
      block = undefined;
    }
  }
  assert.equal(block, undefined, `a block of ${document} has no end`);
  return found;
}

/** What a program says that it prints: the comments behind console.log. */
function promised({ text }: Program): string {
  const lines = text.split("\n").filter((line) => line.includes("console.log("));
  return lines.map((line) => `${/; \/\/ → (.*)$/.exec(line)?.[1] ?? `no comment: ${line}`}\n`).join("");
}

function node(...args: string[]) {
  // A program that uses node:test is not part of this one.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  return spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", env, timeout: 60_000 });
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
after(() => rmSync(folder, { recursive: true, force: true }));

const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].sort();
const all = documents.filter((name) => name.endsWith(".md")).flatMap(programsOf);
const fileOf = ({ document, line }: Program) => join(folder, `${document.replace(/\W/g, "-")}-${line}`);

test("there are programs", () => {
  for (const document of [
    "README.md",
    ...["api", "convex", "data", "dexie", "live", "sync", "testing"].map((name) => `docs/${name}.md`),
  ])
    assert.ok(
      all.some((program) => program.document === document),
      document,
    );
});

test("the programs compile", () => {
  for (const program of all) writeFileSync(`${fileOf(program)}.ts`, program.text);
  const config = { extends: "../../tsconfig.json", compilerOptions: { paths: {} }, include: ["*.ts"], exclude: [] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = node(tsc, "-p", relative(root, folder), "--pretty", "false");
  assert.equal(status, 0, stdout);
});

for (const program of all) {
  test(`the program in line ${program.line} of ${program.document} runs`, async () => {
    const { code } = await transform(program.text, { loader: "ts", format: "esm", target: "node20" });
    const file = `${fileOf(program)}.mjs`;
    writeFileSync(file, code);
    const { status, stdout, stderr } = node(file);
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    const expected = promised(program);
    if (expected !== "") assert.equal(stdout, expected);
  });
}
