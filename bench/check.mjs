// node bench/check.mjs: proves that the bench's checks bite. Runs the wrong engines of test/ and the right raw one
// at a small N; every row the wrong ones spoil must be WRONG, and no row of raw may be. Takes about 4 minutes.
import { fileURLToPath } from 'node:url'
import { ensurePackages, parse } from './run.mjs'

ensurePackages()
const { run } = await import('./driver.mjs')
const { table } = await import('./report.mjs')
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
const runs = [], out = fileURLToPath(new URL('out/check', import.meta.url))
const print = console.log
for (const [engine, rows, keys] of EXPECT) {
  const options = parse(['--quick', '--engines', engine, ...(rows ? ['--rows', rows] : [])])
  options.out = out
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
// the Holdfast adapter, its verdicts and budgets, on a stand-in of the same names
console.log = () => {}
const options = parse(['--engines', 'raw-idb,holdfast', '--quick', '--million', '20000', '--rows', 'bulk,disk,warm,scan,count,cold,writes,tabs', '--holdfast', fileURLToPath(new URL('test/fake-holdfast.js', import.meta.url))])
options.out = out
const code = await run(options)
console.log = print
const md = table(options.result, { judgedFrom: 0 })
ok(code === 0, 'the stand-in: exit code ' + code)
for (const e of options.result.runs) ok(Object.keys(e.bad).length === 0 && !e.missing, `the stand-in: ${e.engine} ${JSON.stringify(e.bad)} ${e.missing ?? ''}`)
ok(/\| get by id, warm: row first seen \|.*\*\*MISS\*\*.*\*\*MISS\*\* \|/.test(md), 'the stand-in cannot be 50 times as fast as raw: ' + md.match(/.*get by id, warm: row first seen.*/)?.[0])
ok(/pageCacheBytes: peak .*MISS.*wasmBytes: peak .*PASS/.test(md), 'budgets: ' + md.match(/Budgets:.*/)?.[0])
ok(/Cold open to first query as the database grows/.test(md), 'growth table')
const quick = table(options.result)
ok(/at this N they don't apply/.test(quick) && !/\| row first seen.*(PASS|MISS)/.test(quick) && !/get by id.*MISS/.test(quick), 'no verdicts at 1,000 rows')
print(`${passed} passed, ${failed} failed (bench/check.mjs)`)
process.exitCode = failed ? 1 : 0
