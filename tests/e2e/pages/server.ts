/** A device that syncs with a server. */
import { defineSchema, defineTable, openDatabase, v } from "holdfast";
import { root, text, within } from "holdfast/sync";
import { abortAfter } from "./abort_after.js";

const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({ projectId: v.id("projects"), title: v.string(), notes: v.string() }).index("by_project", [
    "projectId",
  ]),
});

const device = await openDatabase({
  name: "device",
  schema,
  sync: { projects: root(), tasks: within("projectId", { notes: text() }) },
});

/** What is in the page. */
export interface ServerPage {
  device: typeof device;
  abortAfter: typeof abortAfter;
}

Object.assign(globalThis, { device, abortAfter });
document.title = "ready";
