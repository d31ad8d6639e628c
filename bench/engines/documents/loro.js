// Loro: one LoroMap with a LoroMap a task. It has no storage of its own: each write appends its update to IndexedDB, and a
// snapshot takes the place of 500 of them.
// asset: loro-crdt/web/loro_wasm_bg.wasm
import init, { LoroDoc, LoroMap, VersionVector } from 'loro-crdt/web'
import { PROJECT } from '../../documents/workload.js'

const answer = q => new Promise((res, rej) => { q.onsuccess = () => res(q.result); q.onerror = () => rej(q.error) })
let ready

export default {
  label: 'Loro', packages: ['loro-crdt'], store: 'memory (WASM); a snapshot and updates in IndexedDB',
  async open({ name, base }) {
    await (ready ??= init({ module_or_path: base + 'loro_wasm_bg.wasm' }))
    const q = indexedDB.open(name, 1)
    q.onupgradeneeded = () => q.result.createObjectStore('log', { autoIncrement: true })
    const idb = await answer(q), doc = new LoroDoc()
    const chunks = await answer(idb.transaction('log').objectStore('log').getAll())
    if (chunks.length) doc.importBatch(chunks)
    const tasks = doc.getMap('tasks')
    let version = doc.version(), pending = chunks.length
    async function save() {
      doc.commit()
      const tx = idb.transaction('log', 'readwrite', { durability: 'relaxed' }), log = tx.objectStore('log')
      const done = new Promise((res, rej) => { tx.oncomplete = res; tx.onabort = () => rej(tx.error) })
      if (++pending > 500) { log.clear(); log.add(doc.export({ mode: 'snapshot' })); pending = 1 } else log.add(doc.export({ mode: 'update', from: version }))
      version = doc.version()
      tx.commit()
      await done
    }
    const change = (key, fields) => { const m = tasks.get(key); for (const f in fields) m.set(f, fields[f]) }
    return {
      prepare() {},
      insertMany(rows) {
        for (const { key, row } of rows) { const m = tasks.setContainer(key, new LoroMap()); m.set('projectId', PROJECT); for (const f in row) m.set(f, row[f]) }
        return save()
      },
      patch(key, fields) { change(key, fields); return save() },
      edit(edits) { for (const { key, fields } of edits) { change(key, fields); doc.commit() } return save() },
      byDue: n => tasks.values().map(m => [m.get('dueDate'), m]).sort((a, b) => a[0] - b[0]).slice(0, n).map(x => x[1].toJSON()),
      all: () => Object.values(tasks.toJSON()),
      connect(wire) {
        let isGiven = false, isTaken = false, meet
        const met = new Promise(r => { meet = r })
        wire.receive(async ({ vector, update }) => {
          if (vector) { wire.send({ update: doc.export({ mode: 'update', from: VersionVector.decode(vector) }) }); isGiven = true } else { doc.import(update); isTaken = true }
          if (isGiven && isTaken) { await save(); meet() }
        })
        wire.send({ vector: doc.version().encode() })
        return { met, end() {} }
      },
      close() { idb.close() },
    }
  },
}
