// The Node half of the rows about documents: browser processes, the order of the phases, memory.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from '../build.mjs'
import { Browser, call, clean, findBrowser, machine, serve, stat, statOfMarks, versionsOf } from '../driver.mjs'
import { measureActors } from './actors.mjs'
import { table } from './report.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
/** The local table runs before and after the synced one, so that drift of the machine shows. */
const ORDER = [['holdfast-local', 'before'], ['holdfast', ''], ['holdfast-local', 'after'], ['automerge', ''], ['yjs', ''], ['loro', '']]
const EDITS = 1000, CAP = 30000
export const PHASES = ['bulk', 'patch', 'cold', 'stored', 'meet', 'blocked', 'memory', 'actors', 'size']

export async function run(o) {
  const exe = findBrowser(), n = o.n[0]
  const asked = o.engines
  const order = ORDER.filter(([name]) => asked === undefined || asked.includes(name))
  const phases = new Set(o.phases ?? PHASES)
  const unbuilt = await build([...new Set(order.map(([name]) => `documents/${name}`))], { holdfast: o.holdfast, harness: 'documents/page.js' })
  const dir = path.join(here, '..', 'out')
  fs.mkdirSync(dir, { recursive: true })
  const ctx = { o, exe, ...(await serve()) }
  const result = { date: new Date().toISOString().slice(0, 10), machine: machine(), n, edits: Math.min(EDITS, n), runs: [] }
  const save = () => fs.writeFileSync(path.join(dir, 'documents.json'), JSON.stringify(result, null, 1) + '\n')
  try {
    for (const [name, role] of order) {
      const out = { engine: name, role, rows: {}, bad: {} }
      result.runs.push(out)
      if (unbuilt[`documents/${name}`]) { out.bad.engine = clean(unbuilt[`documents/${name}`]); continue }
      const t0 = Date.now()
      console.error(`bench: documents of ${name}${role ? ` (${role})` : ''}, ${n} rows`)
      await runEngine(ctx, out, n, phases)
      result.machine.browser = out.browser
      console.error(`   ${Math.round((Date.now() - t0) / 1000)} s` + Object.entries(out.bad).map(([k, m]) => `\n   ${k}: ${m}`).join(''))
      save()
    }
    if (phases.has('actors') && order.some(([name]) => name === 'holdfast')) {
      console.error('bench: a document that many actors have changed')
      result.actors = await measureActors({ actors: n < 1000 ? 200 : 5000 }).catch(e => ({ failed: clean(e.message ?? e) }))
    }
    if (phases.has('size')) {
      const { sizeOf } = await import('../../scripts/size.mjs')
      const sizes = {}
      for (const [key, files] of [['core', ['index.js', 'sync.js', 'holdfast_sync_bg.wasm']], ['docs', ['docs_worker.js', 'holdfast_docs_bg.wasm']]]) sizes[key] = await sizeOf(files)
      result.sizes = sizes
    }
  } finally { ctx.server.close() }
  save()
  const md = table(result)
  fs.writeFileSync(path.join(dir, 'DOCUMENTS.md'), md)
  if (o.save) {
    fs.writeFileSync(path.join(here, '..', 'DOCUMENTS.md'), md)
    fs.writeFileSync(path.join(here, '..', 'results', `${result.date}-documents.json`), JSON.stringify(result, null, 1) + '\n')
  }
  console.log(md)
  return result.runs.some(e => Object.values(e.bad).some(m => /WRONG/.test(m))) ? 1 : 0
}

/** Holdfast deletes replaced pages after a minute. */
const GRACE = 100_000

async function runEngine(ctx, out, n, phases) {
  const { o } = ctx, { rows, engine: name } = out, reps = o.reps ?? 5, isSynced = name !== 'holdfast-local'
  const step = async (key, fn) => { if (phases.has(key)) try { await fn() } catch (e) { delete rows[key]; out.bad[key] = clean(e.message ?? e) } }
  const fresh = async fn => {
    const b = new Browser(ctx, out)
    try { await b.start(); return await fn(b) } finally { await b.remove() }
  }
  const small = Math.max(10, n / 10)
  // The first page of a browser is not measured: it fetches and compiles for all later ones.
  const insert = (b, m) => b.with(async (page, meta) => {
    Object.assign(out, { label: meta.label, store: meta.store, versions: versionsOf(meta.packages) })
    return call(page, 'bulk', m)
  })
  await step('bulk', async () => {
    const times = []
    for (let i = 0; i < reps; i++) times.push((await fresh(b => insert(b, n))).ms)
    rows.bulk = stat(times)
  })
  await step('patch', async () => {
    for (const m of [small, n]) {
      // A browser's first second can be twice as fast as another one's: one of them says little.
      const all = []
      for (let i = 0; i < Math.min(reps, 3); i++) await fresh(async b => {
        const { keys } = await insert(b, m)
        all.push(await b.with(page => call(page, 'patches', m, keys, Math.min(300, m), CAP)))
      })
      rows[m === n ? 'patch' : 'patchSmall'] = statOfMarks(all, Math.min(300, m))
    }
  })
  await step('cold', () => fresh(async b => {
    await insert(b, n)
    const want = await b.with(async page => { await call(page, 'query'); await call(page, 'stored', 20000); return call(page, 'firstRows', n) })
    const times = []
    for (let i = 0; i < (o.coldpages ?? 15); i++) await b.with(async page => { times.push(await call(page, 'cold', name, want)) }, false)
    rows.cold = stat(times.slice(1))
  }))
  await step('stored', () => fresh(async b => {
    await insert(b, n)
    rows.stored = await b.with(page => call(page, 'stored', (o.settle ?? 20) * 1000, GRACE))
  }))
  if (!isSynced) {
    await step('memory', () => fresh(async b => {
      await insert(b, n)
      rows.memory = { alone: await b.with(async page => { await call(page, 'query'); return memory(page) }) }
    }))
    return
  }
  await step('meet', () => fresh(b => b.with(async page => {
    await call(page, 'load', name)
    const { first, again } = await call(page, 'meet', n, Math.min(EDITS, n), 3)
    rows.meet = { first, stalls: [first, ...again].filter(x => x.isStalled).length, ms: stat(again.map(x => x.ms)), bytes: stat(again.map(x => x.bytes)) }
  }, false)))
  if (phases.has('blocked') || phases.has('memory')) try {
    await fresh(b => twoPages(b, out, n, phases))
  } catch (e) { out.bad.blocked = clean(e.message ?? e) }
}

/** Two pages with a database each: how much memory one takes, and how long it can't answer while it takes in n changes. */
async function twoPages(b, out, n, phases) {
  const { engine: name, rows } = out
  const page = async database => {
    const p = await b.page(), meta = await call(p, 'open', name, database)
    Object.assign(out, { label: meta.label, store: meta.store, versions: versionsOf(meta.packages) })
    return p
  }
  /** When one of them knows that it has all, the other one has 5 s to find out, too: if it does not, that is told. */
  const meet = async (one, two, isMeasured) => {
    const ends = [call(one, 'connect', isMeasured), call(two, 'connect', false)]
    for (const end of ends) end.catch(() => {})
    await (isMeasured ? ends[0] : Promise.any(ends))
    if (await Promise.race([Promise.all(ends), new Promise(r => setTimeout(() => r('late'), 5000))]) === 'late') out.stalls = (out.stalls ?? 0) + 1
    return isMeasured ? ends[0] : undefined
  }
  const part = (one, two) => Promise.all([call(one, 'disconnect'), call(two, 'disconnect')])
  const remote = await page('remote')
  const before = await page('local')
  const { keys } = await call(before, 'bulk', n)
  await meet(before, remote)
  await part(before, remote)
  await call(before, 'close')
  await before.close()
  if (phases.has('memory')) {
    // Pages of their own: whoever looks into their workers is not to be in the way of what is timed.
    const held = await page('local')
    await call(held, 'query')
    const alone = await memory(held)
    await held.close()
    const open = await page('local')
    await call(open, 'query')
    await meet(open, remote)
    await new Promise(r => setTimeout(r, 1000))
    rows.memory = { alone, connected: await memory(open) }
    await part(open, remote)
    await open.close()
  }
  if (!phases.has('blocked')) return
  const local = await page('local')
  await call(local, 'query')
  await meet(local, remote)
  await part(local, remote)
  const madeIn = await call(remote, 'editAll', n, keys, n, 1)
  await new Promise(r => setTimeout(r, 1000))
  await local.bringToFront()
  const profiled = process.env.BENCH_PROFILE ? await profile(local) : null
  rows.blocked = { madeIn, ...(await meet(local, remote, true)) }
  if (profiled) fs.writeFileSync(path.join(process.env.BENCH_PROFILE, `${name}.cpuprofile`), JSON.stringify(await profiled()))
  if (phases.has('memory')) rows.memory.merged = await memory(local)
  await call(local, 'verifyEdits', n, [[n, 1]])
}

/** A CPU profile of a page; answers what ends it. */
async function profile(page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Profiler.enable')
  await cdp.send('Profiler.setSamplingInterval', { interval: 200 })
  await cdp.send('Profiler.start')
  return async () => (await cdp.send('Profiler.stop')).profile
}

/**
 * What a page and its workers hold: their JavaScript after a garbage collection, and all memories of WebAssembly that there
 * are, which measureUserAgentSpecificMemory leaves out.
 */
export async function memory(page) {
  const cdp = await page.context().newCDPSession(page)
  const workers = []
  try {
    const waiting = new Map()
    let number = 0
    cdp.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => { if (targetInfo.type === 'worker') workers.push(sessionId) })
    cdp.on('Target.receivedMessageFromTarget', ({ message }) => { const m = JSON.parse(message); waiting.get(m.id)?.(m.result); waiting.delete(m.id) })
    await cdp.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false })
    await new Promise(r => setTimeout(r, 200))
    const ask = (session, method, params = {}) => session === null ? cdp.send(method, params) : new Promise(resolve => {
      const id = ++number
      waiting.set(id, resolve)
      void cdp.send('Target.sendMessageToTarget', { sessionId: session, message: JSON.stringify({ id, method, params }) })
    })
    const sizes = []
    for (const session of [null, ...workers]) {
      await ask(session, 'HeapProfiler.collectGarbage')
      const { usedSize, backingStorageSize = 0 } = await ask(session, 'Runtime.getHeapUsage')
      const prototype = await ask(session, 'Runtime.evaluate', { expression: 'WebAssembly.Memory.prototype', objectGroup: 'bench' })
      const { objects } = await ask(session, 'Runtime.queryObjects', { prototypeObjectId: prototype.result.objectId, objectGroup: 'bench' })
      const wasm = await ask(session, 'Runtime.callFunctionOn', { objectId: objects.objectId, functionDeclaration: 'function () { return this.reduce((s, m) => s + m.buffer.byteLength, 0) }', returnByValue: true })
      await ask(session, 'Runtime.releaseObjectGroup', { objectGroup: 'bench' })
      sizes.push({ js: usedSize, buffers: backingStorageSize, wasm: wasm.result.value })
    }
    return { total: sizes.reduce((s, x) => s + x.js + x.wasm, 0), parts: sizes }
  } finally { await cdp.detach().catch(() => {}) }
}
