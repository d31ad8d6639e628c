// The Node half of the bench: the oracle, the browser processes, the order of the phases.
import http from 'node:http'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import zlib from 'node:zlib'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build, www } from './build.mjs'
import { table } from './report.mjs'
import { BATCH, STATUS, Model, addSums, checksum, generate, groupBy, makeTasks, makeWorld, rng, showSum, shuffled, sumOf } from './workload.js'

const here = path.dirname(fileURLToPath(import.meta.url))
const PAGE = 50                         // rows of a page and limit of a range
const SHAPES = ['get', 'byProject', 'byProjectStatus', 'dueRange', 'page']
export const FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-precise-memory-info']

export function findBrowser() {
  const own = () => { try { return chromium.executablePath() } catch { return '' } }
  const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', own()]
  const found = places.find(f => f && fs.existsSync(f))
  if (!found) throw new Error('no Chromium found: install it (Debian: apt-get install chromium), or set CHROMIUM to its path')
  return found
}

// ---- numbers ---------------------------------------------------------------------------------------
const quantile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]
export function stat(samples) {
  const s = samples.slice().sort((a, b) => a - b)
  return { med: s.length % 2 ? s[s.length >> 1] : (s[s.length / 2 - 1] + s[s.length / 2]) / 2, p95: quantile(s, 0.95), min: s[0], n: s.length, ...(s.length <= 30 && { samples: samples.map(x => +x.toPrecision(4)) }) }
}
/** From clock marks between operations. Below 0.1 ms the clock's step (5 µs) shows: then means of 20 in a row. */
export function statOfMarks(lists, planned) {
  const times = lists.flatMap(m => m.slice(1).map((t, i) => t - m[i]))
  let out = stat(times)
  if (out.med < 0.1) {
    const blocks = lists.flatMap(m => { const b = []; for (let i = 0; i + 20 < m.length; i += 20) b.push((m[i + 20] - m[i]) / 20); return b })
    if (blocks.length) out = { ...stat(blocks), n: times.length, blocksOf: 20 }
  }
  if (planned && times.length < planned) out.cut = true
  return out
}

// ---- what is asked, and the answers --------------------------------------------------------------
function makePlan(n) {
  const { world, tasks } = generate(n)
  const r = rng(7), items = {}
  const byP = groupBy(tasks, t => t.projectId), byPS = groupBy(tasks, t => t.projectId + '|' + t.status)
  items.get = shuffled(r, tasks).slice(0, 2200).map(t => ({ id: t.id, want: checksum([t]) }))
  items.byProject = world.projects.filter(p => byP.has(p)).map(p => ({ q: [p], want: checksum(byP.get(p)) }))
  items.byProjectStatus = [...byPS].map(([k, rows]) => ({ q: k.split('|'), want: checksum(rows) }))
  const due = tasks.filter(t => t.dueDate).sort((a, b) => a.dueDate - b.dueDate)
  items.dueRange = []
  for (let i = 0; i + 2 * PAGE <= due.length; i += PAGE) items.dueRange.push({ q: [due[i].dueDate, due[i + 2 * PAGE - 1].dueDate, PAGE], want: checksum(due.slice(i, i + PAGE), true) })
  const newest = tasks.slice().sort((a, b) => b.createdAt - a.createdAt)
  items.page = []
  for (let i = 0; i + PAGE <= Math.min(n, 20000); i += PAGE) items.page.push({ q: [PAGE, undefined], want: checksum(newest.slice(i, i + PAGE), true) })
  const count = Object.fromEntries(STATUS.map(s => [s, tasks.filter(t => t.status === s).length]))
  return { n, world, tasks, items, count, all: showSum(sumOf(tasks)), extra: makeTasks(world, n, 300) }
}

// ---- the run -------------------------------------------------------------------------------------------
export async function run(o) {
  const exe = findBrowser()
  const unbuilt = await build([...new Set(o.engines)], { holdfast: o.holdfast })
  for (const [k, m] of Object.entries(unbuilt)) console.error(`bench: ${k} is left out: ${m}`)
  const dir = o.out ?? path.join(here, 'out')
  fs.mkdirSync(dir, { recursive: true })
  const ctx = { o, exe, ...(await serve()) }
  const result = { date: new Date().toISOString().slice(0, 10), machine: machine(), runs: [] }
  const save = () => fs.writeFileSync(path.join(dir, 'results.json'), JSON.stringify(result, null, 1))
  const note = (out, t0) => {
    result.machine.browser = out.browser || result.machine.browser
    console.error(`   ${Math.round((Date.now() - t0) / 1000)} s` + Object.entries(out.bad).map(([k, m]) => `\n   ${k}: ${m}`).join(''))
    save()
  }
  try {
    for (const n of o.n) {
      const plan = makePlan(n)
      for (const [name, role] of order(o.engines)) {
        const out = { engine: name, role, n, rows: {}, bad: {} }
        result.runs.push(out)
        if (unbuilt[name]) { out.missing = clean(unbuilt[name]); continue }
        const t0 = Date.now()
        console.error(`bench: ${name}${role ? ` (${role} Holdfast)` : ''}, ${n} rows`)
        await runEngine(ctx, out, plan)
        note(out, t0)
      }
    }
    if (o.million) {
      const names = o.engines.filter(e => e === 'raw-idb' || e === 'holdfast')
      const plan = makeMillionPlan(o.million)
      for (const name of names) {
        const out = { engine: name, role: 'million', n: o.million, rows: {}, bad: {} }
        result.runs.push(out)
        if (unbuilt[name]) { out.missing = clean(unbuilt[name]); continue }
        const t0 = Date.now()
        console.error(`bench: ${name}, ${o.million} rows in batches`)
        await runMillion(ctx, out, plan)
        note(out, t0)
      }
    }
    if (o.rows.includes('app') && o.engines.includes('holdfast') && !o.quick && !o.holdfast) {
      console.error('bench: the app of www, 100,000 tasks')
      const { measureApp } = await import('./app.mjs')
      result.app = await measureApp().catch(e => ({ failed: clean(e.message ?? e) }))
      save()
    }
  } finally { ctx.server.close() }
  save()
  const md = table(result)
  fs.writeFileSync(path.join(dir, 'RESULTS.md'), md)
  if (o.save) {
    fs.mkdirSync(path.join(here, 'results'), { recursive: true })
    fs.writeFileSync(path.join(here, 'results', `${result.date}.json`), JSON.stringify(result, null, 1) + '\n')
    fs.writeFileSync(path.join(here, 'RESULTS.md'), md)
  }
  console.log(md)
  o.result = result
  return result.runs.some(e => Object.values(e.bad).some(m => /WRONG/.test(m))) || /WRONG/.test(result.app?.failed) ? 1 : 0
}
/** Raw runs before and after Holdfast, so that drift of the machine shows. */
function order(names) {
  const rest = names.filter(x => x !== 'raw-idb' && x !== 'holdfast'), raw = names.includes('raw-idb'), hf = names.includes('holdfast')
  return [...(raw ? [['raw-idb', hf ? 'before' : '']] : []), ...(hf ? [['holdfast', '']] : []), ...(raw && hf ? [['raw-idb', 'after']] : []), ...rest.map(x => [x, ''])]
}
export function machine() {
  const model = (os.cpus()[0]?.model ?? '').replace(/\s+/g, ' ').trim()
  return { cores: os.cpus().length, cpu: model, memGiB: Math.round(os.totalmem() / 2 ** 30), system: `${os.type()} ${os.arch()}`, node: process.version }
}
export const clean = m => String(m).split('\n')[0].replace(/https?:\/\/\S+/g, '').replace(/(^|[\s"'`(])\/[^\s"'`)]+/g, '$1…').replace(/^page\.evaluate: (Error: )?/, '').slice(0, 200)

export async function serve() {
  const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' }
  const fetched = new Set()
  const server = http.createServer((q, s) => {
    const p = decodeURIComponent(new URL(q.url, 'http://x').pathname), f = path.join(www, p === '/' ? 'index.html' : p)
    if (!f.startsWith(www) || !fs.existsSync(f) || !fs.statSync(f).isFile()) { s.writeHead(404).end(); return }
    fetched.add(p)
    s.writeHead(200, { 'content-type': TYPES[path.extname(f)] || 'application/octet-stream', 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-resource-policy': 'same-origin', 'cache-control': 'max-age=3600' })
    fs.createReadStream(f).pipe(s)
  })
  await new Promise((res, rej) => server.once('error', rej).listen(0, '127.0.0.1', res))
  return { server, fetched, url: `http://127.0.0.1:${server.address().port}/` }
}

// ---- browser processes ---------------------------------------------------------------------------------
const profiles = new Set()
const removeProfile = p => { try { fs.rmSync(p, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }) } catch {} }
process.on('exit', () => profiles.forEach(removeProfile))
process.once('SIGTERM', () => process.exit(143))
export class Browser {
  constructor(ctx, out) { this.ctx = ctx; this.out = out; this.profile = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-bench-')); profiles.add(this.profile) }
  async start() {
    this.b = await chromium.launchPersistentContext(this.profile, { executablePath: this.ctx.exe, headless: false, args: FLAGS, viewport: null })
    this.dead = false
    this.b.once('close', () => { this.dead = true })
    this.out.browser ||= 'Chromium ' + (this.b.browser()?.version() ?? '')
  }
  async stop() { await this.b?.close().catch(() => {}); this.b = null }
  async remove() { await this.stop(); removeProfile(this.profile); profiles.delete(this.profile) }
  async page() {
    if (this.dead) { await this.stop(); await this.start() }            // one that died takes only its row along
    const page = await this.b.newPage()
    page.on('crash', () => { page.crashed = true })
    await page.goto(this.ctx.url)
    await page.waitForFunction('window.bench')
    return page
  }
  /** A fresh page, closed afterwards whatever happens. With `open`, the engine is open in it. */
  async with(fn, open = true) {
    const page = await this.page()
    try {
      const meta = open ? await call(page, 'open', this.out.engine) : null
      return await fn(page, meta)
    } finally {
      await Promise.race([call(page, 'close').catch(() => {}), new Promise(r => setTimeout(r, 6000))])
      await page.close().catch(() => {})
    }
  }
  /** Bytes of the origin's storage on disk; the browser must be stopped. */
  disk() {
    const sum = dir => { let blocks = 0, size = 0; try { for (const e of fs.readdirSync(dir, { withFileTypes: true })) { const p = path.join(dir, e.name); if (e.isDirectory()) { const x = sum(p); blocks += x.blocks; size += x.size } else { const s = fs.statSync(p); blocks += s.blocks !== undefined ? s.blocks * 512 : s.size; size += s.size } } } catch {} return { blocks, size } }
    const parts = ['IndexedDB', 'File System', 'WebStorage'].map(k => sum(path.join(this.profile, 'Default', k)))
    return { bytes: parts.reduce((s, x) => s + x.blocks, 0), apparent: parts.reduce((s, x) => s + x.size, 0) }
  }
}
export async function call(page, fn, ...args) {
  let timer
  const limit = new Promise((_, rej) => { timer = setTimeout(() => rej(new Error(`${fn}: no answer in 10 minutes`)), 600000) })
  const crash = new Promise((_, rej) => page.once('crash', () => rej(new Error(`${fn}: the page crashed`))))
  crash.catch(() => {}); limit.catch(() => {})
  try { return await Promise.race([page.evaluate(([f, a]) => window.bench[f](...a), [fn, args]), limit, crash]) } finally { clearTimeout(timer) }
}
export async function heap(page) {
  const cdp = await page.context().newCDPSession(page)
  try {
    await cdp.send('HeapProfiler.collectGarbage')
    await cdp.send('Performance.enable')
    return (await cdp.send('Performance.getMetrics')).metrics.find(m => m.name === 'JSHeapUsedSize').value
  } finally { await cdp.detach().catch(() => {}) }
}
/** Loads the engine's cache, then collects garbage, so that neither falls into the timed part. */
const warm = async page => { await call(page, 'warm'); await heap(page) }

// ---- one engine, one N ------------------------------------------------------------------------------------
async function runEngine(ctx, out, plan) {
  const { o } = ctx, { n } = plan, name = out.engine, rows = out.rows
  const want = new Set(o.rows), reps = o.reps ?? (n >= 50000 ? 3 : 5), settle = (o.settle ?? 20) * 1000, cap = (o.cap ?? 20) * 1000
  const step = async (keys, fn) => { try { await fn() } catch (e) { for (const k of keys) { delete rows[k]; out.bad[k] = clean(e.message ?? e) } } }
  const browser = new Browser(ctx, out)
  let keys = null
  const keyOf = i => keys ? keys[i] : plan.tasks[i].id
  const index = new Map(plan.tasks.map((t, i) => [t.id, i]))
  const cursors = []
  const item = (shape, x, i) => shape === 'get' ? { q: [keyOf(index.get(x.id))], want: x.want } : shape === 'page' ? { q: [PAGE, cursors[i]], want: x.want } : x
  const pool = shape => plan.items[shape].map((x, i) => item(shape, x, i))
  try {
    await browser.start()
    ctx.fetched.clear()
    const bulk = [], create = []
    // the database all later phases read
    await step(['bulk'], () => browser.with(async (page, meta) => {
      Object.assign(out, { label: meta.label, store: meta.store, versions: versionsOf(meta.packages) })
      create.push(meta.openMs)
      const r = await call(page, 'bulk', n, plan.all)
      bulk.push(r.ms); keys = r.keys
      rows.bulk = stat(bulk)
      out.settled = await call(page, 'settle', settle, !want.has('disk'))
    }))
    out.bundle = bundle(ctx, name)
    if (out.bad.bulk) return
    if (want.has('disk')) {
      await browser.stop()
      rows.disk = browser.disk()
      await browser.start()
    }
    // cursors anywhere in the order of creation, and each page's rows checked on the way
    if (want.has('warm') || want.has('cold')) await step(['page.first', 'page.seen', 'page.cold'], () => browser.with(async page => { cursors.push(...await call(page, 'walk', PAGE, plan.items.page.map(x => x.want))) }))
    const usable = SHAPES.filter(s => s !== 'page' || cursors.length)

    if (want.has('warm')) for (const shape of usable) await step([shape + '.first', shape + '.seen'], async () => {
      const all = pool(shape), first = [], seen = []
      const code = Math.min(shape === 'get' ? 200 : 10, Math.floor(all.length / 10)), timed = Math.min(shape === 'get' ? 1000 : 200, all.length - code)
      const passes = o.quick ? 1 : Math.max(2, Math.ceil(200 / timed))
      for (let p = 0; p < passes; p++) await browser.with(async page => {
        const mix = shuffled(rng(100 + p), all)
        await warm(page)
        const r = await call(page, 'warmReads', { shape, code: mix.slice(0, code), items: mix.slice(code, code + timed), cap })
        first.push(r.first); seen.push(...r.seen)
        out.warmStats = r.stats
      })
      rows[shape + '.first'] = statOfMarks(first, passes * timed)
      rows[shape + '.seen'] = statOfMarks(seen, passes * timed)
    })
    if (want.has('scan')) await step(['scan.first', 'scan.seen'], async () => {
      const first = [], seen = []
      for (let p = 0; p < reps; p++) await browser.with(async page => {
        await warm(page)
        const r = await call(page, 'warmScan', { want: plan.all, rounds: o.quick ? 2 : 4, cap: cap / 4 })
        first.push(r.first); seen.push(...r.seen)
        if (p === 0) out.memory = { jsHeap: await heap(page), stats: r.stats }
      })
      rows['scan.first'] = stat(first)
      rows['scan.seen'] = stat(seen)
    })
    if (want.has('count')) await step(['count'], () => browser.with(async page => {
      const times = o.quick ? 40 : 200
      await warm(page)
      rows.count = statOfMarks([(await call(page, 'counts', { reps: times, want: plan.count, cap })).marks], times)
    }))
    if (want.has('cold')) {
      const r = rng(31), pages = o.coldpages ?? 25
      for (const shape of ['byProject', 'byProjectStatus', 'dueRange', 'page'].filter(s => usable.includes(s))) await step([shape + '.cold', ...(shape === 'byProject' ? ['open'] : [])], async () => {
        const got = []
        const all = shuffled(r, pool(shape))
        for (let p = 0; p < pages; p++) await browser.with(async page => {
          got.push(await call(page, 'cold', { name, shape, items: Array.from({ length: 4 }, (_, k) => all[(p * 4 + k) % all.length]) }))
        }, false)
        rows[shape + '.cold'] = stat(got.map(g => g.each[0]))
        rows[shape + '.cold2'] = stat(got.flatMap(g => g.each.slice(1)))
        if (shape === 'byProject') {
          rows.open = stat(got.map(g => g.toFirst))
          rows.openImport = stat(got.map(g => g.withImport))
        }
      })
      await step(['coldScan'], async () => {
        const got = []
        for (let p = 0; p < Math.min(pages, 3); p++) await browser.with(async page => { got.push((await call(page, 'cold', { name, shape: 'byProject', items: pool('byProject').slice(0, 1), wantAll: plan.all })).scanMs) }, false)
        rows.coldScan = stat(got)
      })
      await step(['restart'], async () => {
        const got = []
        for (let p = 0; p < (o.quick ? 1 : 3); p++) {
          await browser.stop()
          await browser.start()
          await browser.with(async page => { got.push((await call(page, 'cold', { name, shape: 'byProject', items: pool('byProject').slice(p, p + 1) })).toFirst) }, false)
        }
        rows.restart = stat(got)
      })
    }

    const model = new Model(plan.tasks)
    if (want.has('writes')) {
      await step(['insert', 'patch', 'bulkPatch'], () => browser.with(async page => {
        const r = rng(53)
        await warm(page)
        await step(['insert'], async () => {
          const marks = await call(page, 'insertSerial', plan.extra, cap)
          plan.extra.slice(0, marks.length - 1).forEach(t => model.insert(t))
          rows.insert = statOfMarks([marks], plan.extra.length)
          await call(page, 'verify', showSum(model.sum()))
        })
        await step(['patch'], async () => {
          const ps = shuffled(r, plan.tasks).slice(0, 300).map((t, i) => ({ id: t.id, key: keyOf(index.get(t.id)), fields: { status: STATUS[i % 3], updatedAt: 1900000000000 + i } }))
          const marks = await call(page, 'patchSerial', ps, cap)
          ps.slice(0, marks.length - 1).forEach(p => model.patch(p.id, p.fields))
          rows.patch = statOfMarks([marks], ps.length)
          await call(page, 'verify', showSum(model.sum()))
        })
        await step(['bulkPatch'], async () => {
          const sets = Array.from({ length: o.quick ? 2 : 9 }, (_, k) => shuffled(r, plan.tasks).slice(0, 1000).map((t, i) => ({ id: t.id, key: keyOf(index.get(t.id)), fields: { priority: ['high', 'low'][k % 2], updatedAt: 1910000000000 + k * 1e6 + i } })))
          const marks = await call(page, 'bulkPatch', sets, cap)
          sets.slice(0, marks.length - 1).forEach(s => s.forEach(p => model.patch(p.id, p.fields)))
          const times = marks.slice(1).map((t, i) => t - marks[i])
          rows.bulkPatch = { ...stat(times), ...(times.length < sets.length && { cut: true }) }
          await call(page, 'verify', showSum(model.sum()))
        })
        await step(['ownPut'], async () => {
          const marks = await call(page, 'ownPut', 300, 600)
          if (marks) rows.ownPut = statOfMarks([marks], 300)
        })
      }))
      // a fresh page must find every acknowledged write
      await step(['insert', 'patch', 'bulkPatch'].filter(k => !out.bad[k]), () => browser.with(page => call(page, 'verify', showSum(model.sum()))))
      if (want.has('disk')) {
        await browser.with(page => call(page, 'settle', settle, false))
        await browser.stop()
        rows.diskAfterWrites = browser.disk()
        await browser.start()
      }
    }
    if (want.has('live') && n === Math.min(...o.n)) await live(ctx, out, browser, { model, tasks: plan.tasks, keyOf: id => keyOf(index.get(id)) })
    if (want.has('tabs') && n === Math.min(...o.n)) {
      for (const [key, flight, rounds] of [['tabs', 1, o.quick ? 1 : 3], ['tabs32', 32, 1]]) await step([key], () => tabs(ctx, out, browser, model, key, flight, rounds))
      await step(['tabsOne'], () => oneRow(ctx, out, browser))
    }
    // further bulk inserts, each on a fresh profile
    if (want.has('bulk')) await step(['bulk'], async () => {
      for (let i = 1; i < reps; i++) {
        const b = new Browser(ctx, out)
        try {
          await b.start()
          await b.with(async (page, meta) => { create.push(meta.openMs); bulk.push((await call(page, 'bulk', n, plan.all)).ms) })
        } finally { await b.remove() }
      }
      rows.bulk = stat(bulk)
      rows.create = stat(create)
    })
  } catch (e) {
    out.bad.engine = clean(e.message ?? e)
  } finally { await browser.remove() }
}

/** Live queries by project: the time to the callback, alone and beside others; in another tab; and while much is written. */
async function live(ctx, out, browser, { model, tasks, keyOf }) {
  const { o } = ctx, { rows } = out, r = rng(71), cap = 20000
  const step = async (key, fn) => { try { await fn() } catch (e) { out.bad[key] = clean(e.message ?? e) } }
  let tick = 1920000000000
  const byProject = new Map()
  for (const t of tasks) byProject.set(t.projectId, [...(byProject.get(t.projectId) ?? []), t])
  const pids = shuffled(r, [...byProject.keys()])
  const affected = pids.slice(0, 20)
  const patches = (list, count) => Array.from({ length: count }, (_, i) => {
    const t = list[Math.floor(r() * list.length)]
    return { id: t.id, pid: t.projectId, key: keyOf(t.id), fields: { priority: ['low', 'high'][i % 2], updatedAt: tick++ } }
  })
  const note = ps => ps.forEach(p => model.patch(p.id, p.fields))
  const some = affected.flatMap(pid => byProject.get(pid))
  for (const [key, others] of [['live', 0], ['live100', 99], ['live1000', 999], ['liveAgain', 0]]) await step(key, () => browser.with(async page => {
    await warm(page)
    // Where there are not so many projects, queries that find nothing are queries, too.
    const list = [...pids.slice(20), ...Array.from({ length: 1000 }, (_, i) => `none${i}`)].slice(0, others)
    const ps = patches(some, o.quick ? 30 : 200)
    const got = await call(page, 'livePatches', { ps, others: list, cap })
    if (got === null) return
    note(ps.slice(0, got.times.length))
    if (got.othersTold > 0) throw new Error(`WRONG: queries of other projects were told ${got.othersTold} times`)
    rows[key] = { ...stat(got.times), ...(got.times.length < ps.length && { cut: true }) }
    rows[`${key}.acked`] = stat(got.acked)
    await call(page, 'verify', showSum(model.sum()))
  }))
  await step('liveTab', () => browser.with(async a => {
    await warm(a)
    await browser.with(async b => {
      await warm(b)
      const pid = affected[0], ps = patches(byProject.get(pid), o.quick ? 30 : 100), pauseMs = 40
      const startAt = Date.now() + 1000, until = startAt + ps.length * (pauseMs + 20) + 2000
      const [began, seen] = await Promise.all([call(a, 'patchPaced', { ps, pauseMs, startAt }), call(b, 'liveWatch', { pid, ids: [...new Set(ps.map(p => p.id))], until })])
      note(ps)
      if (seen === null) return
      const at = new Map(seen)
      // A row that was patched again at once may be seen with the later patch only.
      const times = began.filter(([key]) => at.has(key)).map(([key, from]) => at.get(key) - from)
      if (times.length < ps.length * 0.8) throw new Error(`WRONG: the other tab was told of ${times.length} of ${ps.length} patches`)
      rows.liveTab = stat(times)
    })
  }))
  await step('liveStorm', () => browser.with(async page => {
    await warm(page)
    const seconds = o.quick ? 2 : 10, ps = patches(some, seconds * 1000)
    const got = await call(page, 'liveStorm', { ps, pids: affected, perSecond: 1000, seconds })
    if (got === null) return
    note(ps.slice(0, got.written))
    rows.liveStorm = got
    await call(page, 'verify', showSum(model.sum()))
  }))
}

async function tabs(ctx, out, browser, model, key, flight, rounds) {
  const ms = (ctx.o.tabsecs ?? 5) * 1000, alone = [], both = []
  let sum = addSums(model.sum(), ...(out.tabSums ?? []))
  const add = r => { sum = addSums(sum, r.sum); (out.tabSums ??= []).push(r.sum); delete r.sum; return r }
  for (let k = 0; k < rounds; k++) {
    await browser.with(async a => {
      await warm(a)
      alone.push(add(await call(a, 'writeFor', { tab: 0, round: k, ms, startAt: Date.now() + 50, flight })))
      await browser.with(async b => {
        await warm(b)
        const startAt = Date.now() + 300
        both.push((await Promise.all([a, b].map((p, i) => call(p, 'writeFor', { tab: i + 1, round: k, ms, startAt, flight })))).map(add))
      })
    })
  }
  await browser.with(page => call(page, 'verify', showSum(sum)))       // every acknowledged row is there, and no other
  const alonePerSec = stat(alone.map(x => x.perSecond)).med, together = both.map(([x, y]) => x.perSecond + y.perSecond)
  out.rows[key] = {
    alone: alonePerSec, together: stat(together).med, ratio: stat(together).med / alonePerSec,
    share: Math.min(...both.map(([x, y]) => Math.min(x.count, y.count) / Math.max(1, x.count + y.count))), longestGap: Math.max(...both.flat().map(x => x.longestGap)),
    aloneGap: Math.max(...alone.map(x => x.longestGap)), rounds: both.map((pair, i) => ({ alone: alone[i], tabs: pair })),
  }
}

/** Both tabs add to one number, each increment a transaction of its own; none may be lost. */
async function oneRow(ctx, out, browser) {
  const ms = (ctx.o.tabsecs ?? 5) * 1000
  await browser.with(async a => {
    const key = await call(a, 'addCounter')
    if (key === null) return
    const alone = await call(a, 'incrementFor', { key, ms, startAt: Date.now() + 50 })
    await browser.with(async b => {
      await call(b, 'readCounter', key)
      const startAt = Date.now() + 300
      const pair = await Promise.all([a, b].map(p => call(p, 'incrementFor', { key, ms, startAt })))
      const total = alone.count + pair[0].count + pair[1].count
      // A tab that follows the other's commits may do so a moment later.
      const stored = await call(a, 'readCounter', key, total)
      if (stored !== total) throw new Error(`WRONG: ${total} increments were acknowledged, ${stored} are stored`)
      const together = pair[0].perSecond + pair[1].perSecond
      out.rows.tabsOne = {
        alone: alone.perSecond, together, ratio: together / alone.perSecond, share: Math.min(pair[0].count, pair[1].count) / Math.max(1, pair[0].count + pair[1].count),
        longestGap: Math.max(...pair.map(x => x.longestGap)), aloneGap: alone.longestGap, rounds: [{ alone, tabs: pair }],
      }
    })
  })
}

export function versionsOf(packages) {
  return Object.fromEntries(packages.map(p => {
    for (const f of [path.join(here, 'node_modules', p, 'package.json'), path.join(here, '..', 'package.json')]) try { const j = JSON.parse(fs.readFileSync(f, 'utf8')); if (j.name === p) return [p, j.version] } catch {}
    return [p, '?']
  }))
}
/** What the page really fetched for the engine, minified, gzip -9; the adapter's own lines included. */
function bundle(ctx, name) {
  const out = { js: 0, wasm: 0, files: [] }
  for (const f of ctx.fetched) if (f.startsWith(`/${name}/`)) {
    const gz = zlib.gzipSync(fs.readFileSync(path.join(www, f)), { level: 9 }).length
    out[/\.m?js$/.test(f) ? 'js' : 'wasm'] += gz
    out.files.push([path.basename(f), gz])
  }
  return { ...out, gz: out.js + out.wasm }
}

// ---- a million rows -----------------------------------------------------------------------------------------
function makeMillionPlan(n) {
  const world = makeWorld(n), chosen = new Map(shuffled(rng(3), world.projects).slice(0, 30).map(p => [p, []]))
  for (let i = 0; i < n; i += BATCH) for (const t of makeTasks(world, i, Math.min(BATCH, n - i))) chosen.get(t.projectId)?.push(t)
  return { n, items: [...chosen].map(([p, rows]) => ({ q: [p], want: checksum(rows) })) }
}
async function runMillion(ctx, out, { n, items }) {
  const { o } = ctx, name = out.engine, browser = new Browser(ctx, out)
  const step = async (keys, fn) => { try { await fn() } catch (e) { for (const k of keys) out.bad[k] = clean(e.message ?? e) } }
  try {
    await browser.start()
    await step(['million'], () => browser.with(async (page, meta) => {
      Object.assign(out, { label: meta.label, store: meta.store, versions: versionsOf(meta.packages) })
      const base = await heap(page), samples = [], batches = []
      const sample = async at => samples.push({ at, jsHeap: await heap(page) - base, stats: await call(page, 'stats') })
      await sample('opened')
      for (let i = 0; i < n; i += BATCH) {
        batches.push(await call(page, 'millionWrite', n, i))
        if ((i / BATCH) % 10 === 9) await sample(`${i + BATCH} written`)
      }
      out.rows.million = { write: batches.reduce((a, b) => a + b, 0), batch: stat(batches), firstTen: stat(batches.slice(0, 10)).med, lastTen: stat(batches.slice(-10)).med, samples }
      out.settled = await call(page, 'settle', (o.settle ?? 20) * 1000, true)
      let read = 0
      for (let i = 0; i < n; i += 100000) { read += await call(page, 'millionRead', Math.min(100000, n - i) / 1000, 1000); await sample(`${Math.min(n, i + 100000)} read`) }
      await call(page, 'millionCheck')
      out.rows.million.read = read
    }))
    if (out.bad.million) return
    await browser.stop()
    out.rows.disk = browser.disk()
    await browser.start()
    await step(['open'], async () => {
      const got = []
      await browser.with(page => call(page, 'cold', { name, shape: 'byProject', items: items.slice(-1) }), false)      // the browser's own first opening
      for (const x of items.slice(0, o.quick ? 3 : 25)) await browser.with(async page => { got.push(await call(page, 'cold', { name, shape: 'byProject', items: [x] })) }, false)
      out.rows.open = stat(got.map(g => g.toFirst))
      out.rows['byProject.cold'] = stat(got.map(g => g.each[0]))
    })
  } catch (e) {
    out.bad.engine = clean(e.message ?? e)
  } finally { await browser.remove() }
}
