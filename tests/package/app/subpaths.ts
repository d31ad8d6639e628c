// What is imported from the package's other entries has its types.
import { defineSchema, queryGeneric } from "holdfast/convex/server";
import { v } from "holdfast/convex/values";
import { openTestDatabase } from "holdfast/testing";

export const open = async () => (await openTestDatabase({ schema: defineSchema({}) })).close();
export const title: string = v.string().kind;
export const list = queryGeneric({ args: { title: v.string() }, handler: (_ctx, { title }) => title.length });
// @ts-expect-error: it is no `any`
export const wrong: number = v.string().kind;
