// Dexie 4 with its bulk methods and a compound index.
import Dexie, { liveQuery } from 'dexie'

export default {
  label: 'Dexie 4', packages: ['dexie'], store: 'IndexedDB rows',
  async open({ name }) {
    const db = new Dexie(name)
    db.version(1).stores({ tasks: 'id, projectId, assigneeId, status, dueDate, createdAt, [projectId+status]' })
    await db.open()
    const T = db.tasks
    return {
      async bulkInsert(tasks) { await T.bulkAdd(tasks) },
      insert: t => T.add(t),
      get: id => T.get(id),
      byProject: pid => T.where('projectId').equals(pid).toArray(),
      byProjectStatus: (pid, st) => T.where('[projectId+status]').equals([pid, st]).toArray(),
      dueRange: (lo, hi, n) => T.where('dueDate').between(lo, hi, true, true).limit(n).toArray(),
      async page(n, cursor) {
        const rows = await (cursor == null ? T.orderBy('createdAt') : T.where('createdAt').below(cursor)).reverse().limit(n).toArray()
        return { rows, cursor: rows.at(-1)?.createdAt }
      },
      async countByStatus() {
        const [todo, in_progress, done] = await Promise.all(['todo', 'in_progress', 'done'].map(s => T.where('status').equals(s).count()))
        return { todo, in_progress, done }
      },
      patch: (id, f) => T.update(id, f),
      increment: id => db.transaction('rw', T, async () => { await T.update(id, { dueDate: (await T.get(id)).dueDate + 1 }) }),
      bulkPatch: ps => T.bulkUpdate(ps.map(p => ({ key: p.key, changes: p.fields }))),
      live(pid, cb) {
        return new Promise(resolve => {                               // when the first rows are there, as for the others
          const sub = liveQuery(() => T.where('projectId').equals(pid).toArray()).subscribe(rows => { cb(rows); resolve(() => sub.unsubscribe()) })
        })
      },
      scan: () => T.toArray(),
      async warm() { await T.toArray() },
      async close() { db.close() },
    }
  },
}
