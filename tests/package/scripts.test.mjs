// The commands when something is wrong, and when several are given at once: sentences, and turns.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/run.mjs";

/** Runs Node in the repository. Answers its exit code and everything it said. */
function node(...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
    child.on("close", (code) => resolve({ code, said }));
  });
}

const stackTrace = /^\s+at .*:\d+:\d+\)?$/m;

for (const [script, args, sentence] of [
  ["start", ["--prot", "5"], "Unknown option '--prot'."],
  ["start", ["--port", "many"], "--port many is no port number."],
  ["start", ["--port", "99999"], "--port 99999 is no port number."],
  ["test", ["--onyl", "node"], "--onyl is no option here."],
  ["test", ["--only", "nothing"], "There is no layer nothing."],
  ["test", ["--", "a pattern"], "What follows -- is for the runner of one layer"],
  ["bench", ["--nope"], "unknown option --nope"],
]) {
  test(`${script} ${args.join(" ")} is answered by a sentence`, async () => {
    const { code, said } = await node(join("scripts", `${script}.mjs`), ...args);
    assert.equal(code, 1);
    assert.ok(said.includes(sentence), said);
    assert.doesNotMatch(said, stackTrace);
    assert.doesNotMatch(said, /built dist/);
  });
}

for (const [ensure, sentence] of [
  ["ensureFirefox", "There is no Firefox here, so its tests are left out. On Debian: apt-get install firefox-esr."],
  [
    "ensureWebKit",
    "There is no WebKitGTK here, so its tests are left out. On Debian: apt-get install webkit2gtk-driver",
  ],
]) {
  test(`${ensure} without a browser and without apt-get tells what to install`, async () => {
    const { code, said } = await node(
      "--input-type=module",
      "--eval",
      `import { main } from "./scripts/run.mjs";
       import { ${ensure}, Unavailable } from "./scripts/setup.mjs";
       process.env.PATH = "";
       main(async () => {
         const error = await ${ensure}().catch((error) => error);
         if (!(error instanceof Unavailable)) throw new Error("It is another error.", { cause: error });
         throw error;
       });`,
    );
    assert.equal(code, 1);
    assert.ok(said.includes(sentence), said);
    assert.doesNotMatch(said, stackTrace);
  });
}

for (const [version, isEnough] of [
  ["v18.20.8", false],
  ["v20.0.0", false],
  ["v20.18.3", false],
  ["v20.19.0", true],
  ["v22.1.0", true],
]) {
  test(`Node ${version} is ${isEnough ? "enough" : "told that a newer one is needed"}`, async () => {
    const { code, said } = await node(
      "--input-type=module",
      "--eval",
      `import { main } from "./scripts/run.mjs";
       import { ensureNode } from "./scripts/setup.mjs";
       main(async () => ensureNode("${version}"));`,
    );
    assert.equal(code, isEnough ? 0 : 1, said);
    if (!isEnough) assert.ok(said.includes(`Node 20.19 or newer is needed, and this is ${version}`), said);
    assert.doesNotMatch(said, stackTrace);
  });
}

for (const [script, word] of [
  ["start", "--port"],
  ["test", "native"],
  ["bench", "--engines"],
]) {
  test(`${script} --help tells the options, and builds nothing`, async () => {
    const { code, said } = await node(join("scripts", `${script}.mjs`), "--help");
    assert.equal(code, 0);
    assert.ok(said.includes(word), said);
    assert.doesNotMatch(said, /built dist/);
  });
}

test("npm start says when its port is in use", async () => {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const { code, said } = await node("scripts/start.mjs", "--port", String(port));
  server.close();
  assert.equal(code, 1);
  assert.match(said, new RegExp(`Port ${port} is in use`));
  assert.doesNotMatch(said, stackTrace);
});

test("what takes long gives a sign of life from time to time, and none when it is over", async () => {
  const { code, said } = await node(
    "--input-type=module",
    "--eval",
    `import { patiently } from "./scripts/run.mjs";
     const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
     console.log(await patiently("sleeping", () => sleep(500).then(() => "slept"), 100));
     await patiently("failing", () => Promise.reject(new Error("failed")), 100).catch(({ message }) => console.log(message));
     await sleep(300);`,
  );
  assert.equal(code, 0, said);
  assert.match(said, /^(· still sleeping \(\d\.\d s\)\n)+slept\nfailed\n$/);
});

const lock = join(root, ".cache", "scripts-test.lock");
const hold = (name) =>
  node(
    "--input-type=module",
    "--eval",
    `import { alone } from "./scripts/lock.mjs";
     await alone("scripts-test", "a test", async () => {
       console.log("begin ${name}", Date.now());
       await new Promise((resolve) => setTimeout(resolve, 300));
       console.log("end ${name}", Date.now());
     });`,
  );

test("what is done alone is done by one process after the other, and who waits says so", async () => {
  const ends = await Promise.all([hold("one"), hold("two"), hold("three")]);
  const times = ends.map(({ said }) =>
    [...said.matchAll(/^(?:begin|end) \w+ (\d+)$/gm)].map(([, time]) => Number(time)),
  );
  times.sort(([a], [b]) => a - b);
  for (const [i, [begun]] of times.slice(1).entries()) assert.ok(begun >= times[i][1], JSON.stringify(times));
  assert.ok(ends.some(({ said }) => /waiting for a test by process \d+/.test(said)));
  assert.equal(existsSync(lock), false);
});

test("a process that was killed keeps nobody waiting", async () => {
  const { said: gone } = await node("--print", "process.pid");
  // The second is what remains of a lock that never reached the disk.
  for (const left of [gone.trim(), ""]) {
    writeFileSync(lock, left);
    const { code, said } = await hold("after it");
    assert.equal(code, 0);
    assert.match(said, /end after it/);
    rmSync(lock, { force: true });
  }
});
