import { expect, test } from "vitest";
import { helper } from "./lib/numbers";

test("a helper helps", () => expect(helper(1)).toBe(2));
