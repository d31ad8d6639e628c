/** The engine itself: where its binary comes from, and where it runs. */
import { check, equal } from "./check.js";
import type { WorkerOrder, WorkerReport } from "./worker.js";

/** Starts it in a thread of its own or in one that pages share, and hears what it has done. */
function report(port: Worker | MessagePort, order: WorkerOrder): Promise<WorkerReport> {
  return new Promise((resolve) => {
    port.onmessage = ({ data }: MessageEvent<WorkerReport>) => resolve(data);
    port.postMessage(order);
  });
}

check("a worker opens the same database as the page", async ({ name, open }) => {
  const db = await open();
  await db.insert("tasks", { title: "page", n: 1 });
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  equal(await report(worker, { name }), { titles: ["page", "worker"], problems: [] });
  worker.terminate();
  await db.insert("tasks", { title: "page again", n: 3 });
  equal(await db.query("tasks").count(), 3);
});

check("a shared worker opens the same database as the page", async ({ name, open }) => {
  const db = await open();
  await db.insert("tasks", { title: "page", n: 1 });
  const { port } = new SharedWorker(new URL("./worker.ts", import.meta.url), { type: "module", name });
  equal(await report(port, { name }), { titles: ["page", "worker"], problems: [] });
  port.close();
});

check("an engine whose binary the server does not have comes as a script", async ({ name, open }) => {
  const db = await open();
  await db.insert("tasks", { title: "page", n: 1 });
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  equal(await report(worker, { name, isWithoutBinary: true }), { titles: ["page", "worker"], problems: [] });
  worker.terminate();
});
