import { api } from "../convex/_generated/api.js";
import { db } from "./database.ts";

async function run(): Promise<string> {
  const projectId = await db.run(api.projects.create, { name: "Engine" });
  await db.run(api.tasks.createSome, { projectId, titles: ["one", "", "two"] });
  const titles = await db.run(api.tasks.titles);
  const doubled = await db.run(api.lib.numbers.double, { value: 21n });
  const refused = await db.run(api.tasks.create, { projectId: "no id" as typeof projectId, title: "t" }).then(
    () => "taken",
    (error: { code?: string }) => error.code,
  );
  await db.destroy();
  return `${titles.join(", ")}; ${doubled}; ${refused}`;
}

const result = document.querySelector("#result")!;
run().then(
  (text) => (result.textContent = text),
  (error: unknown) => (result.textContent = `failed: ${String(error)}`),
);
