/** A worker of its own or a shared one, which opens the database that it is told, writes into it and tells what it finds. */
import { openDatabase } from "holdfast";
import { schema } from "./schema.js";

export type WorkerReport = { titles: string[]; problems: unknown[] } | { error: string };

export interface WorkerOrder {
  /** The database. */
  name: string;
  /** Whether the server gives a page where the engine's binary should be. */
  isWithoutBinary?: boolean;
}

async function work({ name, isWithoutBinary }: WorkerOrder): Promise<WorkerReport> {
  if (isWithoutBinary) {
    const headers = { "content-type": "text/html" };
    globalThis.fetch = async () => new Response("<!doctype html>", { headers });
  }
  const db = await openDatabase({ name, schema });
  await db.insert("tasks", { title: "worker", n: 2 });
  const titles = (await db.query("tasks").withIndex("by_n").collect()).map(({ title }) => title);
  const { problems } = await db.verify();
  await db.close();
  return { titles, problems: [...problems] };
}

function serve(port: { onmessage: unknown; postMessage(message: WorkerReport): void }): void {
  port.onmessage = ({ data }: MessageEvent<WorkerOrder>) => {
    void work(data)
      .catch((error: unknown) => ({ error: String(error) }))
      .then((answer) => port.postMessage(answer));
  };
}

const scope = globalThis as unknown as { onconnect?: unknown; onmessage: unknown; postMessage(message: unknown): void };
if ("onconnect" in scope) scope.onconnect = ({ ports }: MessageEvent) => serve(ports[0]!);
else serve(scope);
