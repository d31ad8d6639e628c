// A document that each of many actors has changed once: how long the docs worker takes to load it, and to take in their
// changes. Its binary runs in Node here, and stock automerge beside it.  node bench/documents/actors.mjs [actors] [rows]
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as A from '@automerge/automerge'
import { makeRows } from './workload.js'

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..')
const from = file => import(pathToFileURL(path.join(root, file)))
const now = () => performance.now()
const hex = bytes => Buffer.from(bytes).toString('hex')
const actorOf = i => (0xa0000000 + i).toString(16).padStart(32, '0')

/** So many changes the hub has the page save at once. */
const AT_ONCE = 250

/** A project with rows as a synced table makes it, taken over by stock automerge as a peer would. */
async function makeBase(rows) {
  const { openDatabase, defineSchema, defineTable, v } = await from('dist/index.js')
  const { root: ownDocument, within } = await from('dist/sync.js')
  const schema = defineSchema({ projects: defineTable({ name: v.string() }), tasks: defineTable({ projectId: v.id('projects'), title: v.string(), status: v.string(), priority: v.string(), assigneeId: v.string(), dueDate: v.number(), createdAt: v.number(), updatedAt: v.number() }) })
  const db = await openDatabase({ name: 'actors', storage: 'memory', schema, sync: { projects: ownDocument(), tasks: within('projectId') } })
  const projectId = await db.insert('projects', { name: 'p' })
  await db.insertMany('tasks', makeRows(rows).map(({ row }) => ({ projectId, ...row })))
  let doc = A.init(), state = A.initSyncState(), id, end
  await new Promise(resolve => {
    end = db.sync.attach({
      device: 'automerge',
      send(frame) {
        if (frame.type === 'documents') return
        id = frame.id
        ;[doc, state] = A.receiveSyncMessage(doc, state, frame.message)
        let message
        ;[state, message] = A.generateSyncMessage(doc, state)
        if (message) setTimeout(() => end.receive({ type: 'sync', id, message }))
      },
      restart() {}, lose() {}, status: (_, isSynced) => { if (isSynced && A.getHeads(doc).length) resolve() }, idle() {},
    })
  })
  end.end()
  await db.close()
  return { doc, id }
}

/** One change by each actor, each after the one before: it writes the title of a row. */
function makeChanges(doc, count) {
  const rowIds = Object.keys(doc.tasks).sort(), objects = new Map(rowIds.map(row => [A.getObjectId(doc.tasks[row]), row])), title = new Map()
  const actors = []
  let maxOp = 0
  for (const bytes of A.getAllChanges(doc)) {
    const change = A.decodeChange(bytes)
    if (!actors.includes(change.actor)) actors.push(change.actor)
    change.ops.forEach((op, i) => { if (op.key === 'title' && objects.has(op.obj)) title.set(objects.get(op.obj), `${change.startOp + i}@${change.actor}`) })
    maxOp = Math.max(maxOp, change.startOp + change.ops.length - 1)
  }
  let deps = A.getHeads(doc)
  const changes = []
  for (let i = 0; i < count; i++) {
    const row = rowIds[i % rowIds.length], actor = actorOf(i), startOp = ++maxOp
    const bytes = A.encodeChange({ actor, seq: 1, startOp, time: 1790000000 + i, message: null, deps, ops: [{ action: 'set', obj: A.getObjectId(doc.tasks[row]), key: 'title', value: `by actor ${i}`, pred: [title.get(row)] }] })
    title.set(row, `${startOp}@${actor}`)
    deps = [A.decodeChange(bytes).hash]
    actors.push(actor)
    changes.push(bytes)
  }
  return { changes, actors }
}

const concat = list => new Uint8Array(Buffer.concat(list))
const bytesOf = text => new Uint8Array(Buffer.from(text, 'hex'))

export async function measureActors({ actors: count = 5000, rows = 1000 } = {}) {
  const { doc, id } = await makeBase(rows)
  const base = A.getAllChanges(doc), { changes, actors } = makeChanges(doc, count)
  const baseActors = actors.slice(0, actors.length - count).map(bytesOf)
  const { Docs, initSync } = await from('pkg/holdfast_docs.js')
  const { memory } = initSync({ module: new WebAssembly.Module(fs.readFileSync(path.join(root, 'dist', 'holdfast_docs_bg.wasm'))) })
  const out = { actors: count, rows, calls: {} }
  const hub = new Docs()
  /** Tells a hub something; answers what it wants, and adds up how long that took. */
  const tell = (hub, key, method, ...args) => {
    const t = now(), outputs = []
    hub[method](...args)
    for (let o; (o = hub.nextOutput()) !== undefined;) outputs.push(o)
    if (key) out.calls[key] = (out.calls[key] ?? 0) + now() - t
    return outputs
  }
  const begin = (hub, key, chunks, actors, heads) => {
    tell(hub, null, 'connected', 1, 'automerge')
    tell(hub, null, 'known', id, '', true)
    return tell(hub, key, 'loaded', id, chunks, actors, heads.map(bytesOf).sort(Buffer.compare))
  }
  // All of it from storage.
  const loaded = begin(hub, 'load', concat([...base, ...changes]), actors.map(bytesOf), A.getHeads(A.applyChanges(A.clone(doc), changes)[0]))
  if (!loaded.some(([what]) => what === 'sync')) throw new Error(`WRONG: the hub says ${loaded.map(String).join('; ').slice(0, 200)}`)
  hub.free()

  // The changes from a peer that has them all.
  const other = new Docs()
  let [peer] = A.applyChanges(A.clone(doc), changes), state = A.initSyncState(), merge
  let waiting = begin(other, null, concat(base), baseActors, A.getHeads(doc))
  for (let i = 0; i < 50 && !merge; i++) {
    for (const o of waiting.filter(([what]) => what === 'sync')) [peer, state] = A.receiveSyncMessage(peer, state, o[3])
    let message
    ;[state, message] = A.generateSyncMessage(peer, state)
    if (!message) break
    waiting = tell(other, 'receive', 'receivedSync', 1, id, message)
    merge = waiting.find(([what]) => what === 'merge')
    const refused = waiting.find(([what]) => what === 'setAside')
    if (refused) throw new Error(`WRONG: the hub refuses it: ${refused[3]}`)
  }
  if (!merge) throw new Error('WRONG: the hub has nothing to merge')
  // They are merged some at a time.
  let after
  out.mergeBytes = out.merges = 0
  for (let done = 0; merge; out.merges++) {
    out.mergeBytes += merge[2].length
    const piece = changes.slice(done, done + AT_ONCE)
    tell(other, 'saved', 'saved', id, concat(piece), actors.slice(-count).slice(done, done + AT_ONCE).map(bytesOf))
    done += piece.length
    after = tell(other, 'saved', 'merged', id, 0, '')
    merge = after.find(([what]) => what === 'merge')
  }
  const last = after.find(([what]) => what === 'sync')
  if (last) [peer, state] = A.receiveSyncMessage(peer, state, last[3])
  if (hex(bytesOf(state.theirHeads?.join('') ?? '')) !== A.getHeads(peer).join('')) throw new Error('WRONG: the heads are others')
  out.wasmBytes = memory.buffer.byteLength
  const t = now()
  A.loadIncremental(A.init(), concat([...base, ...changes]))
  out.calls.stockLoad = now() - t
  const t1 = now()
  A.applyChanges(A.clone(doc), changes)
  out.calls.stockApply = now() - t1
  return out
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await measureActors({ actors: Number(process.argv[2] ?? 5000), rows: Number(process.argv[3] ?? 1000) }))
