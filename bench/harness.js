/* ==================================================================================================
   The page's half of the bench. The driver (driver.mjs) opens fresh pages and calls one phase each; a
   phase times, then compares what came back with checksums the driver computed from a plain-JS oracle.
   Nothing timed includes a check. A wrong answer throws "WRONG …", which spoils the row.

   The adapter interface (engines/<name>.js; see engines/raw-idb.js):

   export default {
     label, packages: [npm names], store: 'where the data lives',
     async open({ name, base }) -> db         // open or create; base = URL folder of the bundle
   }
   db; every method may be async and the harness awaits each. A write resolves when it is as durable as
   the engine makes it by default (its storage transaction has completed). A row is a plain object.
     bulkInsert(tasks) -> keys | nothing      // the engine's own key for each task; else `id` is the key
     insert(task)
     get(key) -> row
     byProject(pid), byProjectStatus(pid, status) -> rows in any order
     dueRange(lo, hi, limit) -> rows, ascending by dueDate, lo <= dueDate <= hi
     page(limit, cursor | null) -> { rows, cursor }    // newest first, in order of creation
     countByStatus() -> { todo, in_progress, done }
     patch(key, fields)   bulkPatch([{ key, fields }])  // bulk: one transaction
     increment(key)  optional: one transaction that reads the row and adds 1 to its dueDate
     scan() -> all rows
     live(pid, cb) -> stop   optional: cb(rows) for each result of byProject, from the first one on
     warm()          load all pages into the engine's cache without giving a row to JS (where there is a difference)
     stats()         optional; { logRecords, logBytes, pageCacheBytes, overlayBytes, wasmBytes, … }
     ownPut(i, bytes)  raw IndexedDB alone: one record into a store without indexes
     close()
   ================================================================================================ */
import { BATCH, STATUS, generate, makeWorld, makeTasks, checksum, sumOf, addSums, showSum } from './workload.js'

const now = () => performance.now()
const sleep = ms => new Promise(r => setTimeout(r, ms))
const fail = m => { throw new Error('WRONG ' + m) }
const DB = 'bench'
let engine, db

export async function open(name) {
  const t0 = now()
  engine = (await import(`/${name}/index.js`)).default
  const t1 = now()
  db = await engine.open({ name: DB, base: `${location.origin}/${name}/` })
  return { importMs: t1 - t0, openMs: now() - t1, label: engine.label, packages: engine.packages, store: engine.store }
}
export async function close() { if (db) await Promise.race([db.close(), sleep(5000)]); db = null }
export async function stats() { return db?.stats ? await db.stats() : null }

/** Runs `fn` on each item, one at a time, and notes the clock between them; checks nothing. */
async function timed(items, fn, cap = 20000) {
  const marks = [now()], results = []
  for (const x of items) {
    results.push(await fn(x))
    const t = now()
    marks.push(t)
    if (t - marks[0] > cap) break
  }
  return { marks, results }
}
const calls = {
  get: q => db.get(q[0]), byProject: q => db.byProject(q[0]), byProjectStatus: q => db.byProjectStatus(q[0], q[1]),
  dueRange: q => db.dueRange(q[0], q[1], q[2]), page: q => db.page(q[0], q[1]),
}
const rowsOf = (shape, r) => shape === 'get' ? (r ? [r] : []) : shape === 'page' ? r.rows : r
function check(shape, items, results) {
  results.forEach((r, i) => {
    const got = checksum(rowsOf(shape, r), items[i].want[0] === 'o')
    if (got !== items[i].want) fail(`${shape} ${JSON.stringify(items[i].q).slice(0, 80)}: got ${got}, want ${items[i].want}`)
  })
}

// ---- one bulk insert into an empty database ---------------------------------------------------------
export async function bulk(n, wantAll) {
  const { tasks } = generate(n)
  const t = now()
  const keys = await db.bulkInsert(tasks)
  const ms = now() - t
  await verify(wantAll)
  return { ms, keys: Array.isArray(keys) ? keys : null }
}
/** Every row of the database against the model's sum. */
export async function verify(want) {
  const got = showSum(sumOf(await db.scan()))
  if (got !== want) fail(`all rows: got ${got}, want ${want}`)
  return true
}
export async function warm() { await db.warm() }

/** The same idle wait for every engine; engines with a log say when its tail was empty. */
export async function settle(ms, untilEmpty) {
  const t = now()
  let at = null, last = null
  for (;;) {
    last = await stats()
    if (at === null && (last?.logRecords ?? last?.logBytes) === 0) at = Math.round(now() - t)
    if (now() - t >= ms || (untilEmpty && at !== null)) break
    await sleep(Math.min(1000, ms))
  }
  return { waited: Math.round(now() - t), emptyLogAfter: at, stats: last }
}

/** Walks all pages in order of creation, newest first; the cursors let later pages start anywhere. */
export async function walk(limit, wants) {
  const cursors = [null]
  for (let i = 0; i < wants.length; i++) {
    const p = await db.page(limit, cursors[i])
    const got = checksum(p.rows, true)
    if (got !== wants[i]) fail(`page ${i}: got ${got}, want ${wants[i]}`)
    cursors.push(p.cursor)
  }
  return cursors.slice(0, wants.length)
}

// ---- warm reads: pages in the engine's cache; rows never, then already, returned in this page -------
export async function warmReads({ shape, code, items, rounds = 1, cap }) {
  const before = await stats()
  const fn = x => calls[shape](x.q)
  const w = await timed(code, fn)                     // the code runs, on rows that are not asked again
  const first = await timed(items, fn, cap)
  const used = items.slice(0, first.results.length)
  const seen = []
  for (let i = 0; i < rounds; i++) seen.push(await timed(used, fn, cap))
  check(shape, code, w.results)
  check(shape, used, first.results)
  for (const s of seen) check(shape, used, s.results)
  return { first: first.marks, seen: seen.map(s => s.marks), stats: before }
}
export async function warmScan({ want, rounds, cap }) {
  const once = async () => { const t = now(); const rows = await db.scan(); return [now() - t, rows] }
  const [first, rows] = await once()
  if (showSum(sumOf(rows)) !== want) fail(`scan: got ${showSum(sumOf(rows))}, want ${want}`)
  const seen = []
  let spent = 0
  for (let i = 0; i < rounds && spent < cap; i++) {
    const [ms, again] = await once()
    if (showSum(sumOf(again)) !== want) fail('scan again')
    seen.push(ms); spent += ms
  }
  return { first, seen, stats: await stats() }
}
export async function counts({ reps, want, cap }) {
  const { marks, results } = await timed(Array(reps).fill(0), () => db.countByStatus(), cap)
  for (const r of results) for (const s of STATUS) if (r[s] !== want[s]) fail(`count of ${s}: got ${r[s]}, want ${want[s]}`)
  return { marks }
}

// ---- cold: the first queries of a fresh page ----------------------------------------------------------
export async function cold({ name, shape, items, wantAll }) {
  const t0 = now()
  engine = (await import(`/${name}/index.js`)).default
  const t1 = now()
  db = await engine.open({ name: DB, base: `${location.origin}/${name}/` })
  const t2 = now()
  const { marks, results } = await timed(items, x => calls[shape](x.q))
  let scanMs = null
  if (wantAll) { const t = now(); const rows = await db.scan(); scanMs = now() - t; if (showSum(sumOf(rows)) !== wantAll) fail('cold scan') }
  check(shape, items, results)
  return { importMs: t1 - t0, open: t2 - t1, toFirst: marks[1] - t1, withImport: marks[1] - t0, each: marks.slice(1).map((m, i) => m - marks[i]), scanMs, stats: await stats() }
}

// ---- writes ----------------------------------------------------------------------------------------------
export async function insertSerial(tasks, cap) { return (await timed(tasks, t => db.insert(t), cap)).marks }
export async function patchSerial(ps, cap) { return (await timed(ps, p => db.patch(p.key, p.fields), cap)).marks }
export async function bulkPatch(sets, cap) { return (await timed(sets, s => db.bulkPatch(s), cap)).marks }
/**
 * Follows the projects of `others` and that of each patch; a patch's time ends in the callback that has it. What the
 * others are told is not read.
 */
export async function livePatches({ ps, others, cap }) {
  if (!db.live) return null
  const stops = [], followed = new Map(), waiting = new Map()
  let others_told = 0
  for (const pid of others) stops.push(await db.live(pid, () => { others_told++ }))
  const follow = async pid => {
    let told
    const first = new Promise(r => { told = r })
    followed.set(pid, await db.live(pid, rows => { told(); for (const [id, w] of waiting) { const row = rows.find(r => r.id === id); if (row && row.updatedAt === w.updatedAt) { waiting.delete(id); w.done(now()) } } }))
    await first
  }
  const before = others_told
  const times = [], acked = [], t0 = now()
  for (const p of ps) {
    if (!followed.has(p.pid)) await follow(p.pid)
    let done
    const seen = new Promise(r => { done = r })
    waiting.set(p.id, { updatedAt: p.fields.updatedAt, done })
    const t = now()
    const saved = db.patch(p.key, p.fields)
    times.push(await Promise.race([seen, sleep(5000).then(() => fail(`nobody was told of ${p.id}`))]) - t)
    await saved
    acked.push(now() - t)
    followed.get(p.pid)()
    followed.delete(p.pid)
    if (now() - t0 > cap) break
  }
  for (const stop of stops) stop()
  return { times, acked, othersTold: others_told - before }
}
/** This page follows a project while another one patches it: when each change was seen, by the clock of both. */
export async function liveWatch({ pid, ids, until }) {
  if (!db.live) return null
  const seen = new Map()
  const stop = await db.live(pid, rows => { const at = performance.timeOrigin + now(); for (const r of rows) { const k = `${r.id} ${r.updatedAt}`; if (ids.includes(r.id) && !seen.has(k)) seen.set(k, at) } })
  while (Date.now() < until) await sleep(20)
  stop()
  return [...seen]
}
export async function patchPaced({ ps, pauseMs, startAt }) {
  while (Date.now() < startAt) await sleep(5)
  const began = []
  for (const p of ps) {
    began.push([`${p.id} ${p.fields.updatedAt}`, performance.timeOrigin + now()])
    await db.patch(p.key, p.fields)
    await sleep(pauseMs)
  }
  return began
}
/** So many single writes a second, not awaited, with live queries open: what is lost, and how busy the page is. */
export async function liveStorm({ ps, pids, perSecond, seconds }) {
  if (!db.live) return null
  const last = new Map()
  const stops = []
  for (const pid of pids) stops.push(await db.live(pid, rows => { for (const r of rows) last.set(r.id, r.updatedAt) }))
  await sleep(200)
  const want = new Map(), pending = []
  let busy = 0, n = 0
  const t0 = now(), end = t0 + seconds * 1000
  // What a task of nothing has to wait for is what others took.
  let ticks = true, at = now()
  const channel = new MessageChannel()
  channel.port1.onmessage = () => { const t = now(); if (t - at > 0.5) busy += t - at; at = now(); if (ticks) channel.port2.postMessage(0) }
  channel.port2.postMessage(0)
  while (now() < end) {
    const due = Math.min(ps.length, Math.floor((now() - t0) / 1000 * perSecond))
    while (n < due) { const p = ps[n++]; want.set(p.id, p.fields.updatedAt); pending.push(db.patch(p.key, p.fields)) }
    await sleep(4)
  }
  const lag0 = now()
  await Promise.all(pending)
  const lag = now() - lag0
  ticks = false
  await sleep(100)
  for (const stop of stops) stop()
  let dropped = 0
  for (const [id, updatedAt] of want) if (last.get(id) !== updatedAt) dropped++
  return { written: n, dropped, lag, busy: busy / (seconds * 1000 + lag) }
}
export async function ownPut(reps, bytes) {
  if (!db.ownPut) return null
  const value = new Uint8Array(bytes).map((_, i) => i * 7)
  return (await timed(Array.from({ length: reps }, (_, i) => i), i => db.ownPut(i, value))).marks
}

// ---- two tabs: one row a write, `flight` writes under way at once ------------------------------------------
export async function writeFor({ tab, round, ms, startAt, flight }) {
  const pool = makeTasks(makeWorld(1000), 100000 * (tab + 1), 1000)
  let started = 0
  const make = () => { const k = started++; return { ...pool[k % 1000], id: `w${tab}${round}${flight > 1 ? 'f' : 's'}${String(k).padStart(16, '0')}`, createdAt: 1900000000000 + ((tab * 10 + round) * 1e7 + k) } }
  const acked = [], written = [], lat = []
  while (Date.now() < startAt) await sleep(1)
  const lead = ms / 5, t0 = now() + lead, end = t0 + ms       // a lead-in that is not counted
  const one = async () => {
    while (now() < end) {
      const row = make(), t = now()
      await db.insert(row)
      const u = now()
      written.push(row)
      if (u >= t0) { acked.push(u); lat.push(u - t) }
    }
  }
  await Promise.all(Array.from({ length: flight }, one))
  const inTime = acked.filter(t => t <= end)
  let gap = 0, last = t0
  for (const t of [...inTime, end]) { gap = Math.max(gap, t - last); last = t }
  lat.sort((a, b) => a - b)
  const q = p => lat[Math.min(lat.length - 1, Math.floor(p * lat.length))] ?? null
  return { count: inTime.length, perSecond: inTime.length / ms * 1000, longestGap: gap, med: q(0.5), p95: q(0.95), sum: sumOf(written) }
}

// ---- two tabs that read and change one row ---------------------------------------------------------------
export async function addCounter() {
  if (!db.increment) return null
  const row = { ...makeTasks(makeWorld(1000), 900000, 1)[0], id: 'counter'.padEnd(20, '0'), createdAt: 1950000000000, dueDate: 0 }
  return (await db.insert(row)) ?? row.id
}
export async function incrementFor({ key, ms, startAt }) {
  while (Date.now() < startAt) await sleep(1)
  const t0 = now(), end = t0 + ms
  let count = 0, gap = 0, last = t0
  while (now() < end) {
    await db.increment(key)
    const u = now()
    count++
    gap = Math.max(gap, u - last)
    last = u
  }
  return { count, perSecond: count / ms * 1000, longestGap: Math.max(gap, end - last) }
}
export async function readCounter(key, expected) {
  for (let tries = 0; ; tries++) {
    const value = (await db.get(key)).dueDate
    if (value === expected || expected === undefined || tries === 100) return value
    await sleep(10)
  }
}

// ---- a million rows, in batches of 10,000, read back in pages --------------------------------------------
const mil = { world: null, sum: { rows: 0, sum: 0 }, cursor: null, last: Infinity, got: { rows: 0, sum: 0 } }
export async function millionWrite(n, start) {
  mil.world ??= makeWorld(n)
  const tasks = makeTasks(mil.world, start, Math.min(BATCH, n - start))
  mil.sum = addSums(mil.sum, sumOf(tasks))
  const t = now()
  await db.bulkInsert(tasks)
  return now() - t
}
export async function millionRead(pages, limit) {
  let ms = 0
  for (let i = 0; i < pages; i++) {
    const t = now()
    const p = await db.page(limit, mil.cursor)
    ms += now() - t
    for (const r of p.rows) { if (!(r.createdAt < mil.last)) fail('a page out of order'); mil.last = r.createdAt }
    mil.got = addSums(mil.got, sumOf(p.rows))
    mil.cursor = p.cursor
  }
  return ms
}
export function millionCheck() { if (showSum(mil.got) !== showSum(mil.sum)) fail(`rows read ${showSum(mil.got)}, written ${showSum(mil.sum)}`); return mil.got.rows }

window.bench = { open, close, stats, bulk, verify, warm, settle, walk, warmReads, warmScan, counts, cold, insertSerial, patchSerial, bulkPatch, livePatches, liveWatch, patchPaced, liveStorm, ownPut, writeFor, addCounter, incrementFor, readCounter, millionWrite, millionRead, millionCheck }
