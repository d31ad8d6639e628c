// Yjs: one Y.Map with a Y.Map a task, in y-indexeddb. It has no indexes: a query goes over the map.
import * as Y from 'yjs'
import { IndexeddbPersistence } from 'y-indexeddb'
import { PROJECT } from '../../documents/workload.js'

export default {
  label: 'Yjs + y-indexeddb', packages: ['yjs', 'y-indexeddb'], store: 'memory; a log of updates in IndexedDB',
  async open({ name }) {
    const doc = new Y.Doc(), tasks = doc.getMap('tasks'), persistence = new IndexeddbPersistence(name, doc)
    await persistence.whenSynced
    // It has no flush: a transaction that reads what it writes to ends after the writes before it.
    const stored = () => new Promise((res, rej) => {
      const tx = persistence.db.transaction('updates')
      tx.objectStore('updates').count()
      tx.oncomplete = () => res()
      tx.onabort = () => rej(tx.error)
    })
    const change = (key, fields) => doc.transact(() => { const m = tasks.get(key); for (const f in fields) m.set(f, fields[f]) })
    return {
      prepare() {},
      insertMany(rows) {
        doc.transact(() => { for (const { key, row } of rows) tasks.set(key, new Y.Map(Object.entries({ projectId: PROJECT, ...row }))) })
        return stored()
      },
      patch(key, fields) { change(key, fields); return stored() },
      edit(edits) { for (const { key, fields } of edits) change(key, fields); return stored() },
      byDue: n => [...tasks.values()].map(m => [m.get('dueDate'), m]).sort((a, b) => a[0] - b[0]).slice(0, n).map(x => x[1].toJSON()),
      all: () => [...tasks.values()].map(m => m.toJSON()),
      connect(wire) {
        let isGiven = false, isTaken = false, meet
        const met = new Promise(r => { meet = r })
        wire.receive(async ({ vector, update }) => {
          if (vector) { wire.send({ update: Y.encodeStateAsUpdate(doc, vector) }); isGiven = true } else { Y.applyUpdate(doc, update); isTaken = true }
          if (isGiven && isTaken) { await stored(); meet() }
        })
        wire.send({ vector: Y.encodeStateVector(doc) })
        return { met, end() {} }
      },
      close: () => persistence.destroy(),
    }
  },
}
