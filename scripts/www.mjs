// What becomes of www beside what Vite makes of it: the service worker that keeps it for days without a network.

import { join } from "node:path";

const name = "service-worker.js";

/** Writes the worker of what was built in a folder. It keeps all of it, so that nothing is missing without a network. */
export async function writeWorker(folder) {
  const { generateSW } = await import("workbox-build");
  const { warnings } = await generateSW({
    globDirectory: folder,
    globPatterns: ["**/*"],
    // A browser that has the binaries needs none of them as a script.
    globIgnores: [name, "**/*_inlined*"],
    swDest: join(folder, name),
    maximumFileSizeToCacheInBytes: 32 << 20,
    // What is built is named by its content.
    dontCacheBustURLsMatching: /^assets\//,
    navigateFallback: "index.html",
    cleanupOutdatedCaches: true,
    // A new version waits until the page asks for it.
    skipWaiting: false,
    clientsClaim: false,
    inlineWorkboxRuntime: true,
    sourcemap: false,
    mode: "production",
  });
  if (warnings.length > 0) throw new Error(warnings.join("\n"));
}

/** A worker that ends itself, and shows its pages anew as they are served. */
const farewell = `
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", async () => {
  await self.registration.unregister();
  for (const client of await self.clients.matchAll({ type: "window" })) client.navigate(client.url);
});
`;

/**
 * A plugin of Vite's development server, which has no worker: one that a built page has left at the same address would go
 * on showing that page. The browser asks for it with each visit, and gets one that ends it.
 */
export const endWorker = () => ({
  name: "end-worker",
  configureServer(server) {
    server.middlewares.use((request, response, next) => {
      if (request.url?.split("?")[0] !== `/${name}`) return next();
      response.setHeader("content-type", "text/javascript");
      response.setHeader("cache-control", "no-store");
      response.end(farewell);
    });
  },
});
