import { openDatabase } from "holdfast";
import { api } from "./convex/_generated/api.js";
import schema from "./convex/schema.js";

async function run(): Promise<string> {
  const db = await openDatabase({
    name: "convex-app",
    schema,
    functions: import.meta.glob(["./convex/**/*.{ts,js}", "!./convex/server/**"]),
    identity: { tokenIdentifier: "test|ada", subject: "ada", issuer: "test" },
  });
  const projectId = await db.run(api.projects.create, { name: "Engine" });
  await db.run(api.tasks.createSome, { projectId, titles: ["one", "", "two"] });
  const titles = await db.run(api.tasks.titles);
  const refused = await db.run(api.tasks.create, { projectId: "no id" as typeof projectId, title: "t" }).then(
    () => "taken",
    (error: { code?: string }) => error.code,
  );
  await db.destroy();
  return `${titles.join(", ")}; ${refused}`;
}

const result = document.querySelector("#result")!;
run().then(
  (text) => (result.textContent = text),
  (error: unknown) => (result.textContent = `failed: ${String(error)}`),
);
