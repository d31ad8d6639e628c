/** Changes of documents, as the page's components make them. */
import { useMutation } from "holdfast/react";
import { useMemo } from "react";
import { measured } from "./costs";
import { fail } from "./database";
import type { Row } from "./fields";
import * as functions from "./functions";
import { useReader } from "./hooks";
import { say } from "./notices";
import { namedBy } from "./references";
import { schema, type TableName } from "./schema";
import { looks, titleOf } from "./tables";

export interface Writes {
  /** Adds a document. A change that fails is rejected. */
  insert: (fields: Record<string, unknown>) => Promise<void>;
  /** Saves other values of some fields, and what follows from them. `undefined` takes a field away. */
  patch: (row: Row, fields: Record<string, unknown>) => Promise<void>;
  /** Deletes, and offers to undo it. What fails is shown. */
  remove: (row: Row) => Promise<void>;
}

export function useWrites(table: TableName): Writes {
  const insert = useMutation(functions.insert);
  const patch = useMutation(functions.patch);
  const remove = useMutation(functions.remove);
  const reader = useReader();
  return useMemo(() => {
    const look = looks[table];
    const { one } = look;
    const isKept = "updatedAt" in schema.tables[table].validator.fields;
    const add = async (fields: Record<string, unknown>): Promise<void> => {
      await measured(`db.insert("${table}", ${one})`, () => insert({ table, fields }));
    };
    return {
      insert: add,
      async patch(row, fields) {
        const now = Date.now();
        const all: Record<string, unknown> = {
          ...(isKept && { updatedAt: now }),
          ...look.follow?.(fields, now),
          ...fields,
        };
        const without = Object.keys(all).filter((name) => all[name] === undefined);
        const text = `db.patch(${one}, { ${Object.keys(fields).join(", ")} })`;
        await measured(text, () => patch({ table, id: row._id, fields: all, without }));
      },
      async remove(row) {
        try {
          await measured(`db.delete(${one})`, () => remove({ table, id: row._id }));
          const { _creationTime, ...fields } = row;
          const name = `“${titleOf(look, row)}”`;
          const others = await namedBy(reader, table, row._id);
          say(`Deleted ${name}.${others && ` By its id it is still named by ${others}.`}`, {
            text: "Undo",
            run: async () => {
              await add(fields);
              say(`${name} is back, under its old id. Its time of creation is new: by it, it is the newest.`);
            },
          });
        } catch (error) {
          fail(error, "change", `“${titleOf(look, row)}” was not deleted.`);
        }
      },
    };
  }, [insert, patch, remove, reader, table]);
}
