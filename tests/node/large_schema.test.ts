// A schema of a hundred tables: types stay what they are, and checking them takes the compiler no more than a little.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, test } from "node:test";

const root = process.cwd();
const folder = join(root, ".cache", "large-schema");
const TABLES = 100;
/** What the compiler may make of types. Unlike its time it is the same on every machine. */
const INSTANTIATIONS_MAX = 400_000;

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
after(() => rmSync(folder, { recursive: true, force: true }));

/** Twelve fields and three indexes a table, and an app that reads and writes each. */
function source(): string {
  const numbers = Array.from({ length: TABLES }, (_, n) => n);
  const table = (n: number) => `  table${n}: defineTable({
    name: v.string(), n: v.number(), done: v.boolean(), big: v.int64(), at: v.optional(v.number()),
    status: v.union(v.literal("a"), v.literal("b"), v.literal("c")), tags: v.array(v.string()),
    next: v.id("table${(n + 1) % TABLES}"), settings: v.object({ isPublic: v.boolean(), deep: v.object({ x: v.any() }) }),
    maybe: v.nullable(v.string()), scores: v.record(v.string(), v.number()), data: v.bytes(),
  }).index("by_name", ["name"]).index("by_status", ["status", "n"]).index("by_deep", ["settings.deep.x", "done"]),`;
  const use = (n: number) => `export async function use${n}(ctx: GenericMutationCtx<Model>) {
  const row = await ctx.db.query("table${n}").withIndex("by_status", (q) => q.eq("status", "a").gt("n", 3)).first();
  if (row === null) return;
  const next: Id<"table${(n + 1) % TABLES}"> = row.next;
  await ctx.db.patch(row._id, { n: row.n + 1, status: "b" });
  return (await ctx.db.get(next))?.settings.isPublic;
}`;
  return `import { type DataModelFromSchemaDefinition, defineSchema, defineTable, type GenericMutationCtx, type Id, v } from "../../ts/index.js";
export const schema = defineSchema({
${numbers.map(table).join("\n")}
});
type Model = DataModelFromSchemaDefinition<typeof schema>;
${numbers.map(use).join("\n")}
// @ts-expect-error: no such field
export const wrong = (ctx: GenericMutationCtx<Model>) => ctx.db.query("table7").withIndex("by_name", (q) => q.eq("nam", ""));
`;
}

test("a hundred tables are checked in reasonable time", (t) => {
  writeFileSync(join(folder, "schema.ts"), source());
  const config = { extends: "../../tsconfig.json", compilerOptions: { paths: {} }, include: ["*.ts"], exclude: [] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = spawnSync(
    process.execPath,
    [tsc, "-p", relative(root, folder), "--extendedDiagnostics", "--pretty", "false"],
    { cwd: root, encoding: "utf8", timeout: 120_000 },
  );
  assert.equal(status, 0, stdout);
  const number = (what: string) => Number(new RegExp(`${what}:\\s+([\\d.]+)`).exec(stdout)?.[1]);
  t.diagnostic(`${number("Instantiations")} instantiations, ${number("Total time")} s`);
  assert.ok(number("Instantiations") < INSTANTIATIONS_MAX, stdout);
});
