// TanStack DB with its IndexedDB collection: everything in memory, rows written through; B-tree indexes in memory, rebuilt at open.
// Its rows are its own live objects, by reference; tabs don't follow each other.
import { createCollection, createLiveQueryCollection, createIndexedDB, indexedDBCollectionOptions, queryOnce, BTreeIndex, eq, and, gte, lte, lt, count } from '@tanstack/db'

export default {
  label: 'TanStack DB (IndexedDB)', packages: ['@tanstack/db'], store: 'all rows in memory; written through to IndexedDB',
  async open({ name }) {
    const idb = await createIndexedDB({ name, version: 1, stores: ['tasks'] })
    const C = createCollection(indexedDBCollectionOptions({ id: 'tasks-' + Math.random(), db: idb, name: 'tasks', getKey: t => t.id, autoIndex: 'off', defaultIndexType: BTreeIndex }))
    for (const f of ['projectId', 'assigneeId', 'status', 'dueDate', 'createdAt']) C.createIndex(t => t[f], { indexType: BTreeIndex })
    await C.preload()
    const ok = async tx => { await tx.isPersisted.promise }
    const ask = f => queryOnce(q => f(q.from({ t: C })))
    return {
      bulkInsert: tasks => ok(C.insert(tasks)),
      insert: t => ok(C.insert(t)),
      get: id => C.get(id),
      byProject: pid => ask(q => q.where(({ t }) => eq(t.projectId, pid))),
      byProjectStatus: (pid, st) => ask(q => q.where(({ t }) => and(eq(t.projectId, pid), eq(t.status, st)))),
      dueRange: (lo, hi, n) => ask(q => q.where(({ t }) => and(gte(t.dueDate, lo), lte(t.dueDate, hi))).orderBy(({ t }) => t.dueDate, 'asc').limit(n)),
      async page(n, cursor) {
        const rows = await ask(q => (cursor == null ? q : q.where(({ t }) => lt(t.createdAt, cursor))).orderBy(({ t }) => t.createdAt, 'desc').limit(n))
        return { rows, cursor: rows.at(-1)?.createdAt }
      },
      async countByStatus() {
        const r = await ask(q => q.groupBy(({ t }) => t.status).select(({ t }) => ({ status: t.status, c: count(t.id) })))
        return { todo: 0, in_progress: 0, done: 0, ...Object.fromEntries(r.map(x => [x.status, x.c])) }
      },
      patch: (id, f) => ok(C.update(id, d => { Object.assign(d, f) })),
      bulkPatch: ps => ok(C.update(ps.map(p => p.key), ds => { ds.forEach((d, i) => Object.assign(d, ps[i].fields)) })),
      async live(pid, cb) {
        const lq = createLiveQueryCollection(q => q.from({ t: C }).where(({ t }) => eq(t.projectId, pid)))
        await lq.preload()
        cb(lq.toArray)
        const sub = lq.subscribeChanges(() => cb(lq.toArray))
        return () => { sub.unsubscribe(); lq.cleanup() }
      },
      scan: () => C.toArray,
      warm() {},
      async close() { await C.cleanup(); idb.close() },
    }
  },
}
