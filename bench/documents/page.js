/* ==================================================================================================
   The page's half of the rows about documents. The driver opens fresh pages and calls one phase each; nothing timed
   includes a check, and a wrong answer throws "WRONG …".

   The adapter interface (engines/documents/<name>.js):

   export default {
     label, packages: [npm names], store: 'where the data lives',
     async open({ name, base }) -> db
     pair(a, b, send)  optional: joins two databases of this page, calls `send` with all that crosses;
                       { connect(), disconnect(), met() -> promise }. Without it both ends get plain messages.
   }
   db; every method may be async. A write resolves when it is as durable as the engine makes it by default.
     prepare()               what has to be there before the rows
     insertMany([{ key, row }]) -> keys | nothing     one transaction; else the keys are those of the workload
     patch(key, fields)
     edit([{ key, fields }]) each a change of its own; resolves when all are stored
     byDue(count) -> rows    the first by dueDate
     all() -> rows in any order
     connect(wire) -> { met: promise, end() }         absent where nothing is synced. wire: { send(message), receive(fn) };
                             met: this end has all that the other one had, and has stored it
     stats()                 optional; { logRecords }
     close()
   ================================================================================================ */
import { applyEdits, firstDue, makeEdits, makeRows, orderedSum, plainRows, sum } from './workload.js'

const now = () => performance.now()
const sleep = ms => new Promise(r => setTimeout(r, ms))
const fail = m => { throw new Error('WRONG ' + m) }
const COUNT = 50                      // rows of a query
let engine, db, name, connection

const load = async n => { name = n; engine = (await import(`/documents/${n}/index.js`)).default }
const openAs = database => engine.open({ name: database, base: `${location.origin}/documents/${name}/` })
const keyed = (keys, edits) => edits.map(({ at, fields }) => ({ key: keys[at], fields }))

export async function open(n, database = 'bench') {
  await load(n)
  db = await openAs(database)
  return { label: engine.label, packages: engine.packages, store: engine.store }
}
export async function close() { if (db) await Promise.race([db.close(), sleep(5000)]); db = null }
export async function verify(want) { const got = sum(await db.all()); if (got !== want) fail(`rows: got ${got}, want ${want}`) }

export async function bulk(n) {
  const rows = makeRows(n)
  await db.prepare()
  const t = now(), keys = await db.insertMany(rows), ms = now() - t
  await verify(sum(plainRows(n)))
  return { ms, keys: keys ?? rows.map(x => x.key) }
}

export async function patches(n, keys, count, cap) {
  const edits = makeEdits(n, count, 0), all = keyed(keys, edits), marks = [], t0 = now()
  await db.all()
  // The code runs; with other values, as a patch that changes nothing costs less.
  for (const { key, fields } of keyed(keys, makeEdits(n, 20, 0, 1))) await db.patch(key, fields)
  for (const { key, fields } of all) {
    marks.push(now())
    await db.patch(key, fields)
    if (now() - t0 > cap) break
  }
  marks.push(now())
  const rows = plainRows(n)
  applyEdits(rows, makeEdits(n, 20, 0, 1))
  applyEdits(rows, edits.slice(0, marks.length - 1))
  await verify(sum(rows))
  return marks
}

/** From `open()`, the JavaScript loaded, to the first rows. */
export async function cold(n, want) {
  await load(n)
  const t = now()
  db = await openAs('bench')
  const rows = await db.byDue(COUNT), ms = now() - t
  if (orderedSum(rows) !== want) fail(`the first query: got ${orderedSum(rows)}, want ${want}`)
  return ms
}
export async function query() { return (await db.byDue(COUNT)).length }

/**
 * Bytes of keys and values of all that IndexedDB holds here. Engines with a log are waited for until it is empty, and then so
 * long as what others may still be reading is kept: `graceMs`.
 */
export async function stored(ms, graceMs = 0) {
  const end = now() + ms
  while (now() < end && (await db.stats?.())?.logRecords !== 0) await sleep(200)
  if (db.stats) await sleep(graceMs)
  const logRecords = (await db.stats?.())?.logRecords ?? null
  let bytes = 0
  const stores = {}
  for (const { name: database } of await indexedDB.databases()) {
    const idb = await new Promise((res, rej) => { const q = indexedDB.open(database); q.onsuccess = () => res(q.result); q.onerror = () => rej(q.error) })
    for (const store of idb.objectStoreNames) await new Promise((res, rej) => {
      const q = idb.transaction(store).objectStore(store).openCursor()
      q.onerror = () => rej(q.error)
      q.onsuccess = () => {
        if (!q.result) return res()
        const size = weigh(q.result.key) + weigh(q.result.value)
        stores[store] = (stores[store] ?? 0) + size
        bytes += size
        q.result.continue()
      }
    })
    idb.close()
  }
  return { bytes, stores, logRecords, usage: (await navigator.storage.estimate()).usage }
}
/** Bytes of a value: those of its buffers and texts, and 8 of a number. */
function weigh(x) {
  if (typeof x === 'string') return x.length
  if (typeof x === 'number') return 8
  if (typeof x !== 'object' || x === null) return 1
  if (x instanceof ArrayBuffer || ArrayBuffer.isView(x)) return x.byteLength
  return Object.entries(x).reduce((s, [k, v]) => s + (Array.isArray(x) ? 0 : k.length) + weigh(v), 0)
}

// ---- two replicas of one page ------------------------------------------------------------------------------
function pairByMessages(a, b, send) {
  let ends = []
  return {
    connect() {
      const { port1, port2 } = new MessageChannel()
      const wire = port => ({ send(m) { send(m); port.postMessage(m) }, receive(fn) { port.onmessage = e => fn(e.data) } })
      ends = [a.connect(wire(port1)), b.connect(wire(port2))]
    },
    disconnect() { for (const x of ends) x.end() },
    met: () => Promise.all(ends.map(x => x.met)),
  }
}
export async function meet(n, count, rounds) {
  const a = await openAs('one'), b = await openAs('two'), rows = makeRows(n), plain = rows.map(x => x.row)
  await a.prepare()
  const keys = (await a.insertMany(rows)) ?? rows.map(x => x.key)
  let bytes = 0
  const link = (engine.pair ?? pairByMessages)(a, b, m => { bytes += weigh(m) })
  const timed = async () => {
    bytes = 0
    const t = now()
    link.connect()
    const isStalled = await Promise.race([link.met(), sleep(5000 + 10 * n).then(() => true)])
    if (isStalled !== true) return { ms: now() - t, bytes }
    // They don't find out that they have met: that is told, and they begin anew.
    link.disconnect()
    link.connect()
    await Promise.race([link.met(), sleep(300000).then(() => fail('they never had the same'))])
    return { ms: now() - t, bytes, isStalled }
  }
  const check = async what => { for (const x of [a, b]) { const got = sum(await x.all()); if (got !== sum(plain)) fail(`${what}: got ${got}, want ${sum(plain)}`) } }
  const first = await timed(), again = []
  await check('after the first meeting')
  for (let round = 0; round < rounds; round++) {
    link.disconnect()
    for (const [x, side] of [[a, 0], [b, 1]]) {
      const edits = makeEdits(n, count, side, round)
      await x.edit(keyed(keys, edits))
      applyEdits(plain, edits)
    }
    await sleep(500)
    again.push(await timed())
    await check('after changes on both sides')
  }
  await Promise.race([Promise.all([a.close(), b.close()]), sleep(5000)])
  return { first, again }
}

// ---- two pages -------------------------------------------------------------------------------------------------
/** What connects two pages; both say that they are there first. */
function tabWire() {
  const channel = new BroadcastChannel('wire')
  return new Promise(resolve => {
    let handler, isThere = false
    const waiting = [], wire = {
      send: m => channel.postMessage({ m }), receive(fn) { handler = fn; for (const m of waiting.splice(0)) fn(m) }, close: () => channel.close(),
    }
    channel.onmessage = ({ data }) => {
      if (data.hello) {
        if (data.hello === 1) channel.postMessage({ hello: 2 })
        if (!isThere) { isThere = true; resolve(wire) }
      } else if (handler) handler(data.m)
      else waiting.push(data.m)
    }
    channel.postMessage({ hello: 1 })
  })
}
export async function connect(isMeasured) {
  const wire = await tabWire(), meter = isMeasured ? startMeter() : null, t = now()
  connection = { ...db.connect(wire), wire }
  await connection.met
  const ms = now() - t
  return { ms, ...(await meter?.()) }
}
export function disconnect() { connection.end(); connection.wire.close() }
export async function editAll(n, keys, count, side) {
  const t = now()
  await db.edit(keyed(keys, makeEdits(n, count, side)))
  return now() - t
}
export async function verifyEdits(n, edits) {
  const rows = plainRows(n)
  for (const [count, side] of edits) applyEdits(rows, makeEdits(n, count, side))
  await verify(sum(rows))
}
export const firstRows = n => firstDue(plainRows(n), COUNT)

/**
 * How long the main thread was not to be had: long tasks as the browser tells of them, how long a task of the most urgent kind
 * had to wait, and the gaps between frames. Answers what ends it.
 */
function startMeter() {
  const tasks = [], longest = { wait: 0, frame: 0 }
  let isOver = false, last = now(), frame = now()
  const observer = new PerformanceObserver(list => { for (const e of list.getEntries()) tasks.push(e.duration) })
  observer.observe({ type: 'longtask' })
  const waits = []
  const tick = () => {
    const t = now(), wait = t - last - 1
    if (wait > 4) waits.push(wait)
    longest.wait = Math.max(longest.wait, wait)
    last = t
    if (!isOver) scheduler.postTask(tick, { priority: 'user-blocking', delay: 1 })
  }
  scheduler.postTask(tick, { priority: 'user-blocking', delay: 1 })
  const onFrame = t => { longest.frame = Math.max(longest.frame, t - frame); frame = t; if (!isOver) requestAnimationFrame(onFrame) }
  requestAnimationFrame(onFrame)
  return async () => {
    await sleep(200)                      // long tasks are told of late
    isOver = true
    observer.disconnect()
    return { longestTask: Math.max(0, ...tasks), longTasks: tasks.length, longestWait: longest.wait, waits: waits.sort((a, b) => b - a).slice(0, 20), blocked: waits.reduce((a, b) => a + b, 0), longestFrame: longest.frame }
  }
}

window.bench = { load, open, close, verify, bulk, patches, cold, query, stored, meet, connect, disconnect, editAll, verifyEdits, firstRows }
