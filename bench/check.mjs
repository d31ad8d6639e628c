// node bench/check.mjs: proves that the bench's checks bite. Runs the wrong engines of test/ and the right raw one
// at a small N; every row the wrong ones spoil must be WRONG, and no row of raw may be.
import { ensurePackages, parse } from './run.mjs'

ensurePackages()
const { run } = await import('./driver.mjs')
// engine, groups of rows run, rows that must be WRONG
const EXPECT = [
  ['wrong', '', ['get.first', 'get.seen', 'byProject.first', 'byProject.seen', 'byProjectStatus.first', 'dueRange.first', 'page.cold', 'byProject.cold', 'byProjectStatus.cold', 'dueRange.cold', 'open', 'count', 'insert', 'tabs', 'tabs32']],
  ['wrong-bulk', 'bulk', ['bulk']],
  ['wrong-scan', 'scan', ['scan.first', 'scan.seen']],
  ['wrong-patch', 'writes', ['patch']],
  ['wrong-bulk-patch', 'writes', ['bulkPatch']],
  ['wrong-forgets', 'writes,tabs', ['insert', 'tabs', 'tabs32']],
  ['raw-idb', '', []],
]
const runs = []
const print = console.log
for (const [engine, rows, keys] of EXPECT) {
  const options = parse(['--quick', '--engines', engine, ...(rows ? ['--rows', rows] : [])])
  console.log = () => {}
  const code = await run(options)
  console.log = print
  runs.push([engine, keys, options.result.runs[0], code])
}
let passed = 0, failed = 0
const ok = (good, what) => { good ? passed++ : failed++; if (!good) print('FAILED ' + what) }
for (const [engine, keys, e, code] of runs) {
  for (const k of keys) {
    ok(/WRONG/.test(e.bad[k] ?? ''), `${engine}: ${k} should be WRONG, is ${e.bad[k] ?? 'accepted'}`)
    ok(!(k in e.rows), `${engine}: ${k} still shows a time`)
  }
  ok(code === (keys.length ? 1 : 0), `${engine}: exit code ${code}`)
  if (!keys.length) ok(Object.keys(e.bad).length === 0 && e.rows.open && e.rows.insert && e.rows.tabs && e.rows.disk, `${engine}: ${JSON.stringify(e.bad)}`)
}
print(`${passed} passed, ${failed} failed (bench/check.mjs)`)
process.exitCode = failed ? 1 : 0
