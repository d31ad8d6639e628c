"use node";
import { createHmac } from "node:crypto";
import { v } from "convex/values";
import { internalAction } from "./_generated/server.js";

export const send = internalAction({
  args: { to: v.string() },
  handler: async (_ctx, { to }) => {
    const signature = createHmac("sha256", "the key of the mail server").update(to).digest("hex");
    await fetch("https://mail.example.test", { method: "POST", body: signature });
  },
});
