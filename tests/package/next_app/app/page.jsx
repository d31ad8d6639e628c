"use client";

import { useEffect, useState } from "react";
import { defineSchema, defineTable, openDatabase, v } from "holdfast";

const schema = defineSchema({ tasks: defineTable({ title: v.string() }) });

async function run() {
  const db = await openDatabase({ name: "fresh-next", schema });
  await db.insert("tasks", { title: "Pack" });
  const blob = await db.export();
  await db.import(blob, { mode: "replace" });
  const [task] = await db.query("tasks").collect();
  await db.destroy();
  return `${task.title}, ${blob.type}`;
}

export default function Page() {
  const [text, setText] = useState("waiting");
  useEffect(() => {
    run().then(setText, (error) => setText(`failed: ${error}`));
  }, []);
  return <p id="result">{text}</p>;
}
