/**
 * Validators for functions that answer a page of a query.
 */
import type { Value } from "../data_model.js";
import { v } from "../v.js";
import type { Validator } from "../validators.js";

/** The validator of an argument `paginationOpts`, as `usePaginatedQuery` gives it. */
export const paginationOptsValidator = /* @__PURE__ */ v.object({
  numItems: /* @__PURE__ */ v.number(),
  cursor: /* @__PURE__ */ v.nullable(/* @__PURE__ */ v.string()),
  endCursor: /* @__PURE__ */ v.optional(/* @__PURE__ */ v.nullable(/* @__PURE__ */ v.string())),
  id: /* @__PURE__ */ v.optional(/* @__PURE__ */ v.number()),
  maximumRowsRead: /* @__PURE__ */ v.optional(/* @__PURE__ */ v.number()),
  maximumBytesRead: /* @__PURE__ */ v.optional(/* @__PURE__ */ v.number()),
});

/** The validator of a page of these. */
export function paginationResultValidator<Item extends Validator<Value, "required", string>>(item: Item) {
  return v.object({
    page: v.array(item),
    continueCursor: v.string(),
    isDone: v.boolean(),
    splitCursor: v.optional(v.nullable(v.string())),
    pageStatus: v.optional(v.union(v.literal("SplitRecommended"), v.literal("SplitRequired"), v.null())),
  });
}
