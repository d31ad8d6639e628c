// node bench/run.mjs [--n 10000,100000] [--engines raw-idb,holdfast,…] [--rows bulk,warm,…] [--million [rows]] [--quick] [--save]
// See README.md. Installs its own npm packages when they are missing.
import fs from 'node:fs'
import path from 'node:path'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const HELP = `node bench/run.mjs [options]
  --n LIST        rows, default 10000,100000
  --engines LIST  default raw-idb,holdfast,dexie,sqlite-opfs,tanstack-db; raw-idb runs before and after holdfast
  --rows LIST     groups of rows: bulk, disk, warm, scan, count, cold, writes, live, tabs, app; default all. Or documents
                  alone: one CRDT document of n rows (10000), about 10 minutes; its engines are holdfast, holdfast-local,
                  automerge, yjs, loro, and --phases chooses from bulk, patch, cold, stored, meet, blocked, memory, actors, size
  --profile       where the time of an operation goes, instead of all else, about 2 minutes
  --million [N]   memory and growth at N rows (1000000) too, holdfast and raw-idb; about 10 minutes more
  --quick         a smoke run: n 1000, few repetitions
  --save          write RESULTS.md and results/*.json beside out/
  --reps N        bulk inserts, each on a fresh profile (5; 3 from 50,000 rows)
  --coldpages N   fresh pages a shape of query (25)
  --settle S      idle seconds before bytes on disk are read (20)
  --tabsecs S     seconds of writing in the tabs row (5)
  --cap S         seconds after which one loop stops early, marked † (20)
  --holdfast PATH a built package's folder or its browser entry (default: the repository's root)`

export function parse(argv) {
  const isDocuments = argv[argv.indexOf('--rows') + 1] === 'documents', least = isDocuments ? 100 : 1000
  const o = { n: isDocuments ? [10000] : [10000, 100000], engines: ['raw-idb', 'holdfast', 'dexie', 'sqlite-opfs', 'tanstack-db'], rows: ['bulk', 'disk', 'warm', 'scan', 'count', 'cold', 'writes', 'live', 'tabs', 'app'] }
  const list = s => s.split(',').filter(Boolean)
  for (let i = 0; i < argv.length; i++) {
    const k = argv[i], value = () => { const v = argv[++i]; if (v === undefined) throw new Error(`${k} needs a value`); return v }
    const number = () => { const v = Number(value()); if (!(v >= 0)) throw new Error(`${k} needs a number`); return v }
    if (k === '--n') { o.n = list(value()).map(Number); if (!o.n.length || o.n.some(x => !(x >= least && Number.isInteger(x)))) throw new Error(`--n needs whole numbers, ${least} at least`) }
    else if (k === '--engines') o.engines = list(value())
    else if (k === '--rows') {
      const known = isDocuments ? ['documents'] : o.rows
      o.rows = list(value())
      for (const r of o.rows) if (!known.includes(r)) throw new Error(`unknown group ${r}; there are ${known.join(', ')}`)
    } else if (k === '--million') o.million = /^\d+$/.test(argv[i + 1] ?? '') ? Number(argv[++i]) : 1000000
    else if (k === '--profile') o.profile = true
    else if (k === '--quick') o.quick = true
    else if (k === '--save') o.save = true
    else if (['--reps', '--coldpages', '--settle', '--tabsecs', '--cap'].includes(k)) o[k.slice(2)] = number()
    else if (k === '--phases') o.phases = list(value())
    else if (k === '--holdfast') o.holdfast = path.resolve(value())
    else if (k === '--help' || k === '-h') { console.log(HELP); process.exit(0) }
    else throw new Error(`unknown option ${k}\n${HELP}`)
  }
  if (isDocuments && !argv.includes('--engines')) o.engines = undefined
  if (o.quick) {
    if (!argv.includes('--n')) o.n = [1000]
    for (const [k, v] of Object.entries({ reps: 2, coldpages: 3, settle: 1, tabsecs: 1, cap: 3 })) o[k] ??= v
  }
  return o
}
/** npm packages of the bench's own package.json, installed when one is missing or of another version. */
export function ensurePackages() {
  const want = JSON.parse(fs.readFileSync(path.join(here, 'package.json'), 'utf8')).dependencies
  const has = (p, v) => { try { return JSON.parse(fs.readFileSync(path.join(here, 'node_modules', p, 'package.json'), 'utf8')).version === v } catch { return false } }
  if (Object.entries(want).every(([p, v]) => has(p, v))) return
  console.error('bench: installing npm packages …')
  execFileSync('npm', ['ci', '--no-fund', '--no-audit'], { cwd: here, stdio: ['ignore', 2, 2], shell: process.platform === 'win32', env: { ...process.env, PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1' } })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const options = parse(process.argv.slice(2))
    ensurePackages()
    const { run } = await import(options.profile ? './profile.mjs' : options.rows[0] === 'documents' ? './documents/driver.mjs' : './driver.mjs')
    process.exitCode = await run(options)
  } catch (e) {
    console.error('bench: ' + (e?.message ?? e))
    process.exitCode = 2
  }
}
