/** Two devices in a page, as different as two databases are. */
import { defineSchema, defineTable, openDatabase, v } from "holdfast";
import { linkInMemory, root, text, within } from "holdfast/sync";

const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({ projectId: v.id("projects"), title: v.string(), notes: v.string() }).index("by_project", [
    "projectId",
  ]),
});

const open = (name: string) =>
  openDatabase({ name, schema, sync: { projects: root(), tasks: within("projectId", { notes: text() }) } });

async function openDevices() {
  const [laptop, phone] = [await open("laptop"), await open("phone")];
  return { laptop, phone, link: () => linkInMemory(laptop, phone) };
}

/** What is in the page. */
export interface SyncPage {
  openDevices: typeof openDevices;
}

Object.assign(globalThis, { openDevices });
document.title = "ready";
