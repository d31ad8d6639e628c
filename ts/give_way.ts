/**
 * Work behind the scenes that lets others go first.
 */

/**
 * Settles in a task of its own, when what has waited had its turn. A timer would wait four milliseconds when it follows
 * others, and a minute in a page that nobody looks at.
 */
export function giveWay(): Promise<void> {
  return new Promise((resolve) => {
    // Where a browser is played, it may be missing.
    if (typeof MessageChannel === "undefined") return void setTimeout(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close(); // with it open Node would not end
      resolve();
    };
    port2.postMessage(undefined);
  });
}
