// Hand-written IndexedDB, as an expert would write it: one object store, native indexes, one transaction a call,
// explicit commit(), relaxed durability (Chromium's default).
const req = q => new Promise((res, rej) => { q.onsuccess = () => res(q.result); q.onerror = () => rej(q.error) })
const done = tx => new Promise((res, rej) => { tx.oncomplete = () => res(); tx.onerror = tx.onabort = () => rej(tx.error) })

export const rawEngine = {
  label: 'raw IndexedDB', packages: [], store: 'IndexedDB rows',
  async open({ name }) {
    const q = indexedDB.open(name, 1)
    q.onupgradeneeded = () => {
      const s = q.result.createObjectStore('tasks', { keyPath: 'id' })
      s.createIndex('by_project', 'projectId')
      s.createIndex('by_assignee', 'assigneeId')
      s.createIndex('by_status', 'status')
      s.createIndex('by_due', 'dueDate')
      s.createIndex('by_created', 'createdAt')
      s.createIndex('by_project_status', ['projectId', 'status'])
      q.result.createObjectStore('one')                       // for ownPut: the floor of any IndexedDB layer
    }
    const db = await req(q)
    const ro = () => db.transaction('tasks', 'readonly').objectStore('tasks')
    const rw = (store = 'tasks') => { const tx = db.transaction(store, 'readwrite', { durability: 'relaxed' }); return [tx.objectStore(store), done(tx), tx] }
    const all = (ix, range, n) => req(ro().index(ix).getAll(range, n))
    return {
      async bulkInsert(tasks) { const [s, fin, tx] = rw(); for (const t of tasks) s.add(t); tx.commit(); await fin },
      async insert(t) { const [s, fin, tx] = rw(); s.add(t); tx.commit(); await fin },
      get: id => req(ro().get(id)),
      byProject: pid => all('by_project', pid),
      byProjectStatus: (pid, st) => all('by_project_status', IDBKeyRange.only([pid, st])),
      dueRange: (lo, hi, n) => all('by_due', IDBKeyRange.bound(lo, hi), n),
      async page(n, cursor) {
        const ix = ro().index('by_created'), range = cursor == null ? null : IDBKeyRange.upperBound(cursor, true)
        const rows = IDBIndex.prototype.getAllRecords                          // getAll knows a direction where getAllRecords exists
          ? await req(ix.getAll({ query: range, count: n, direction: 'prev' }))
          : await new Promise((res, rej) => {
            const out = [], c = ix.openCursor(range, 'prev')
            c.onerror = () => rej(c.error)
            c.onsuccess = () => { const k = c.result; if (!k) return res(out); out.push(k.value); out.length < n ? k.continue() : res(out) }
          })
        return { rows, cursor: rows.at(-1)?.createdAt }
      },
      async countByStatus() {
        const ix = ro().index('by_status')
        const [todo, in_progress, done_] = await Promise.all(['todo', 'in_progress', 'done'].map(s => req(ix.count(s))))
        return { todo, in_progress, done: done_ }
      },
      async patch(id, fields) {
        const [s, fin, tx] = rw(), g = s.get(id)
        g.onsuccess = () => { s.put(Object.assign(g.result, fields)); tx.commit() }
        await fin
      },
      async increment(id) {
        const [s, fin, tx] = rw(), g = s.get(id)
        g.onsuccess = () => { s.put({ ...g.result, dueDate: g.result.dueDate + 1 }); tx.commit() }
        await fin
      },
      async bulkPatch(ps) {
        const [s, fin, tx] = rw()
        let left = ps.length
        for (const p of ps) { const g = s.get(p.key); g.onsuccess = () => { s.put(Object.assign(g.result, p.fields)); if (!--left) tx.commit() } }
        await fin
      },
      scan: () => req(ro().getAll()),
      async warm() { await req(ro().getAll()) },
      async ownPut(i, bytes) { const [s, fin, tx] = rw('one'); s.put(bytes, i); tx.commit(); await fin },
      async close() { db.close() },
    }
  },
}
export default rawEngine
