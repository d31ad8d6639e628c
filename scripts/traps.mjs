// Lets the package notice that its engine has trapped. A panic, or an exception out of a function that the engine calls,
// leaves it in the middle of something: nothing that it holds can be relied on any more. wasm-bindgen's script would call
// it again all the same; here it calls nobody until `restart()` has made another instance, and says so at once.

import { readFileSync, writeFileSync } from "node:fs";
import { Problem } from "./run.mjs";

const state = `
let trap;
let hearTrap = (error) => error;
/** \`hear\` is told what has ended the engine, and answers what its caller gets to see. */
export function onTrap(hear) {
    hearTrap = hear;
}
function trapped(error) {
    return (trap ??= hearTrap(error));
}
/** Makes another instance, with a memory of its own. */
export function restart() {
    trap = undefined;
    __wbg_reset_state();
    return wasm.memory;
}
`;

const types = `
/** \`hear\` is told what has ended the engine, and answers what its caller gets to see. */
export function onTrap(hear: (error: unknown) => unknown): void;
/** Makes another instance, with a memory of its own. */
export function restart(): WebAssembly.Memory;
`;

/** Every way into the engine is a call of the guard and, in the next line, that of the export. */
const ENTRY = /^( *)__wbg_call_guard\(\);\n *((?:ret = )?wasm\.\w+\(.*\);)$/gm;
const GUARD = "function __wbg_call_guard() {\n";
/** Whatever the browser still calls for an instance that is gone. */
const STALE =
  /if \(state\.instance !== __wbg_instance_id\) \{\s*throw new Error\('Cannot invoke closure from previous WASM instance'\);\s*\}/g;
/** Closures that are used up give themselves back. */
const GIVE_BACK = /if \(--state\.cnt === 0\)/g;

/** Changes wasm-bindgen's script and its types. A binary that is never called back has no closures. */
export function noticeTraps(glue, declarations, { hasClosures }) {
  const script = readFileSync(glue, "utf8");
  const entries = script.split("__wbg_call_guard();").length - 1;
  let found = 0;
  const change = (text, pattern, replacement, least) => {
    const times = text.match(pattern)?.length ?? 0;
    if (times < least) throw new Problem(`wasm-bindgen's script is another one than before: see scripts/traps.mjs.`);
    return text.replace(pattern, replacement);
  };
  let changed = script.replace(ENTRY, (_, indent, call) => {
    found += 1;
    return `${indent}__wbg_call_guard();\n${indent}try { ${call} } catch (error) { throw trapped(error); }`;
  });
  if (found !== entries || found === 0 || !script.includes(GUARD))
    throw new Problem("wasm-bindgen's script enters the engine in another way than before: see scripts/traps.mjs.");
  changed = changed.replace(GUARD, `${GUARD}    if (trap !== undefined) throw trap;\n`);
  changed = change(
    changed,
    STALE,
    "if (trap !== undefined || state.instance !== __wbg_instance_id) return;",
    hasClosures ? 1 : 0,
  );
  changed = change(
    changed,
    GIVE_BACK,
    "if (--state.cnt === 0 && trap === undefined && state.instance === __wbg_instance_id)",
    hasClosures ? 1 : 0,
  );
  writeFileSync(glue, changed + state);
  writeFileSync(declarations, readFileSync(declarations, "utf8") + types);
}
