// What an engine can't have, by the name of the check that finds it missing. docs/browsers.md has the same sentences, and
// a check that works after all fails until it is taken off this list.

/** The test of tests/engines/restart.test.mjs. */
export const RESTART = "what is saved is there when the browser is started again";

/** For each engine: the check, and why it fails there. */
export const differences = {
  chromium: {},
  firefox: {
    "the browser answers at once whether it will keep what is stored":
      "Firefox asks the person before it promises to keep what is stored, and `requestPersistence()` waits for the answer.",
  },
  "firefox, private": {},
  webkit: {
    [RESTART]:
      "WebKitGTK keeps what a test has stored for one session only, so what it finds when it is started again was not tried.",
  },
};
