// The samples in README.md: they compile, run in Node, and print what their comments say.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { transform } from "esbuild";

interface Program {
  /** Where it begins in README.md. */
  line: number;
  /** Its blocks one after the other, each on the line where README.md has it. */
  text: string;
}

const root = process.cwd();
const folder = join(root, ".cache", "readme");

/** The ts blocks of README.md. One that imports something begins a new program; the others go on with it. */
function programs(): Program[] {
  const found: Program[] = [];
  let block: string[] | undefined;
  for (const [index, line] of readFileSync(join(root, "README.md"), "utf8").split("\n").entries()) {
    if (block === undefined) {
      if (line === "```ts") block = [];
    } else if (line !== "```") {
      block.push(line);
    } else {
      const start = index - block.length;
      if (/^import\b/m.test(block[0] ?? "")) found.push({ line: start + 1, text: "" });
      const program = found.at(-1);
      assert.ok(program, `The block in line ${start} belongs to no program.`);
      const gap = start - (program.text.split("\n").length - 1);
      program.text += `${"\n".repeat(gap)}${block.join("\n")}\n`;
      block = undefined;
    }
  }
  assert.equal(block, undefined, "a block has no end");
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

const all = programs();
const fileOf = (program: Program) => join(folder, `line-${program.line}`);

test("README.md has programs", () => assert.ok(all.length >= 2));

test("the programs of README.md compile", () => {
  for (const program of all) writeFileSync(`${fileOf(program)}.ts`, program.text);
  const config = { extends: "../../tsconfig.json", compilerOptions: { paths: {} }, include: ["*.ts"], exclude: [] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = node(tsc, "-p", relative(root, folder), "--pretty", "false");
  assert.equal(status, 0, stdout);
});

for (const program of all) {
  test(`the program in line ${program.line} of README.md runs`, async () => {
    const { code } = await transform(program.text, { loader: "ts", format: "esm", target: "node20" });
    const file = `${fileOf(program)}.mjs`;
    writeFileSync(file, code);
    const { status, stdout, stderr } = node(file);
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    const expected = promised(program);
    if (expected !== "") assert.equal(stdout, expected);
  });
}
