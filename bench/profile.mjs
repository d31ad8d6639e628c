// node bench/profile.mjs: where the time of an operation goes, for hand-written IndexedDB and for Holdfast alike. It
// times each call into IndexedDB, JSON.parse and the like from outside, so it slows both down a little: for shares, not
// for ratios. From the root: npm run bench -- --profile
import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build, holdfastEntry, www } from './build.mjs'
import { FLAGS, findBrowser } from './driver.mjs'

const N = 10000, PAGES = 15
const ENGINES = ['raw-idb', 'holdfast']
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }

/** Runs in every page before anything else: notes when, and for how long, the platform was at work. */
function instrument() {
  const now = () => performance.now()
  const fresh = () => ({ calls: 0, callMs: 0, results: 0, resultMs: 0, decodeMs: 0, parseMs: 0, postMs: 0, first: null, last: null })
  let log = fresh()
  const wrap = (proto, name, note) => {
    const own = Object.getOwnPropertyDescriptor(proto, name)
    const key = own.get ? 'get' : 'value'
    const inner = own[key]
    Object.defineProperty(proto, name, { ...own, [key]: function (...a) { const t = now(); try { return inner.apply(this, a) } finally { note(now() - t, t) } } })
  }
  const call = (ms, t) => { log.calls++; log.callMs += ms; log.first ??= t }
  for (const [proto, names] of [[IDBDatabase.prototype, ['transaction']], [IDBTransaction.prototype, ['commit']], [IDBObjectStore.prototype, ['get', 'getAll', 'getAllKeys', 'getKey', 'add', 'put', 'openCursor', 'openKeyCursor', 'count']], [IDBIndex.prototype, ['get', 'getAll', 'openCursor', 'count']]]) for (const n of names) wrap(proto, n, call)
  wrap(IDBRequest.prototype, 'result', ms => { log.results++; log.resultMs += ms })
  wrap(TextDecoder.prototype, 'decode', ms => { log.decodeMs += ms })
  wrap(JSON, 'parse', ms => { log.parseMs += ms })
  wrap(BroadcastChannel.prototype, 'postMessage', ms => { log.postMs += ms })
  // The last answer: listeners of the window's capture phase don't see these, so the handlers are wrapped.
  for (const [proto, name] of [[IDBRequest.prototype, 'onsuccess'], [IDBTransaction.prototype, 'oncomplete']]) {
    const own = Object.getOwnPropertyDescriptor(proto, name)
    Object.defineProperty(proto, name, { ...own, set(f) { own.set.call(this, f && function (e) { log.last = now(); return f.call(this, e) }) } })
  }
  window.profile = async fn => {
    log = fresh()
    const begin = now()
    const result = await fn()
    const end = now(), l = log
    return { result, total: end - begin, before: l.first === null ? end - begin : l.first - begin, after: l.last === null || l.first === null ? 0 : end - l.last, ...l }
  }
}

const serve = () => new Promise((res, rej) => {
  const server = http.createServer((q, s) => {
    const p = new URL(q.url, 'http://x').pathname, f = path.join(www, p === '/' ? 'index.html' : p)
    if (!f.startsWith(www) || !fs.existsSync(f) || !fs.statSync(f).isFile()) { s.writeHead(404).end(); return }
    // Isolated, so that the page's clock has steps of 5 µs.
    s.writeHead(200, { 'content-type': TYPES[path.extname(f)] ?? 'application/octet-stream', 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cache-control': 'max-age=3600' })
    fs.createReadStream(f).pipe(s)
  })
  server.once('error', rej).listen(0, '127.0.0.1', () => res(server))
})

/** Both engines go through the same operations; each page is fresh. */
async function profile(engine, url, exe) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-profile-'))
  const browser = await chromium.launchPersistentContext(folder, { executablePath: exe, headless: false, args: FLAGS, viewport: null })
  const rows = {}
  const note = (name, ...samples) => { (rows[name] ??= []).push(...samples.map(({ result, ...x }) => x)) }
  const withPage = async (fn, arg) => {
    const page = await browser.newPage()
    try {
      await page.addInitScript(instrument)
      await page.goto(url)
      await page.waitForFunction('window.bench')
      await page.evaluate(async engine => {
        const { generate } = await import('/workload.js')
        window.load = async () => { window.engine = (await import(`/${engine}/index.js`)).default }
        window.openDb = async () => { window.db = await window.engine.open({ name: 'profile', base: `${location.origin}/${engine}/` }) }
        window.generate = generate
      }, engine)
      return await page.evaluate(fn, arg)
    } finally { await page.close() }
  }
  try {
    const keys = await withPage(async n => {
      await load(); await openDb()
      const { tasks } = generate(n)
      const bulk = await profile(() => db.bulkInsert(tasks))
      window.keys = Array.isArray(bulk.result) ? bulk.result : tasks.map(t => t.id)
      await new Promise(r => setTimeout(r, 4000))
      await db.close()
      return { bulk: { ...bulk, result: null }, keys: window.keys }
    }, N).then(({ bulk, keys }) => { note(`insert ${N} at once`, bulk); return keys })
    for (let k = 0; k < PAGES; k++) for (const shape of ['project', 'page']) {
      const { open, first } = await withPage(async ({ shape, n, k }) => {
        await load()
        const { world } = generate(n)
        const open = await profile(() => openDb())
        const first = await profile(() => shape === 'page' ? db.page(50, null) : db.byProject(world.projects[k * 3]))
        return { open: { ...open, result: null }, first: { ...first, result: null } }
      }, { shape, n: N, k })
      note('open', open)
      note(shape === 'page' ? 'first query: newest 50' : 'first query: by_project, 100 rows', first)
    }
    for (let k = 0; k < 3; k++) note('scan all, warm, rows first seen', await withPage(async () => {
      await load(); await openDb(); await db.warm()
      const scan = await profile(() => db.scan())
      await db.close()
      return { ...scan, result: null }
    }))
    const later = await withPage(async ({ n, keys }) => {
      await load(); await openDb(); await db.warm()
      const { world, tasks } = generate(n)
      const out = []
      const run = async (name, fn) => { const p = await profile(fn); out.push([name, { ...p, result: null }]) }
      for (const p of world.projects.slice(0, 20)) await db.byProject(p)
      for (const p of world.projects.slice(20, 80)) await run('by_project, warm, rows first seen', () => db.byProject(p))
      for (let i = 0; i < 100; i++) await db.insert({ ...tasks[i], id: 'x' + i })
      for (let i = 0; i < 300; i++) await run('insert one', () => db.insert({ ...tasks[i], id: 'y' + i }))
      for (let i = 0; i < 300; i++) await run('patch one', () => db.patch(keys[(i * 37) % n], { status: ['todo', 'done', 'in_progress'][i % 3], updatedAt: 1.8e12 + i }))
      for (let j = 0; j < 12; j++) {
        await new Promise(r => setTimeout(r, 300))
        const patches = Array.from({ length: 1000 }, (_, i) => ({ key: keys[(i * 7 + j * 131) % n], fields: { status: ['todo', 'done', 'in_progress'][(i + j) % 3], updatedAt: 1.9e12 + i + j * 1000 } }))
        await run('patch 1,000', () => db.bulkPatch(patches))
      }
      await db.close()
      return out
    }, { n: N, keys })
    for (const [name, sample] of later) note(name, sample)
  } finally {
    await browser.close()
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
  return rows
}

const COLUMNS = [
  ['total', x => x.total], ['before', x => x.before], ['in IndexedDB\'s calls', x => x.callMs], ['(calls)', x => x.calls], ['taking results', x => x.resultMs],
  ['after the last answer', x => x.after], ['decode text', x => x.decodeMs], ['JSON.parse', x => x.parseMs], ['postMessage', x => x.postMs],
]
const middle = values => { const s = [...values].sort((a, b) => a - b); return s[s.length >> 1] }
const shown = x => x === 0 ? '' : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toFixed(3)

export async function run() {
  const exe = findBrowser()
  const failed = await build(ENGINES, { holdfast: holdfastEntry() })
  if (Object.keys(failed).length) throw new Error(Object.values(failed).join('\n'))
  fs.copyFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), 'workload.js'), path.join(www, 'workload.js'))
  const server = await serve()
  try {
    const all = {}
    for (const engine of ENGINES) {
      console.error(`profile: ${engine}`)
      all[engine] = await profile(engine, `http://127.0.0.1:${server.address().port}/`, exe)
    }
    console.log(`Where the time goes, N = ${N}: medians in ms (of calls: their number). What is left of the total is waiting, and the browser's own work.\n`)
    console.log(`| operation | engine | ${COLUMNS.map(([n]) => n).join(' | ')} |\n| --- | --- | ${COLUMNS.map(() => '---:').join(' | ')} |`)
    for (const name of Object.keys(all.holdfast)) for (const engine of ENGINES) {
      console.log(`| ${name} | ${engine} | ${COLUMNS.map(([, f]) => shown(middle(all[engine][name].map(f)))).join(' | ')} |`)
    }
  } finally { server.close() }
  return 0
}
