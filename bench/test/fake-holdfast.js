// Not Holdfast: its API names over plain IndexedDB, so that check.mjs can try the adapter, keys that are not the rows'
// own ids, opaque cursors, stats and the verdicts without the real package.
export const v = { string: () => 0, number: () => 0, optional: () => 0, literal: () => 0, union: () => 0 }
export const defineTable = () => { const t = { indexes: {}, index(n, f) { t.indexes[n] = f; return t } }; return t }
export const defineSchema = s => s
const req = q => new Promise((res, rej) => { q.onsuccess = () => res(q.result); q.onerror = () => rej(q.error) })
const done = tx => new Promise((res, rej) => { tx.oncomplete = () => res(); tx.onabort = () => rej(tx.error) })

export async function openDatabase({ name, schema }) {
  const q = indexedDB.open(name, 1)
  q.onupgradeneeded = () => {
    const s = q.result.createObjectStore('tasks', { keyPath: '_id' })
    s.createIndex('by_creation_time', '_creationTime')
    for (const [n, f] of Object.entries(schema.tasks.indexes)) s.createIndex(n, f.length > 1 ? f : f[0])
  }
  const idb = await req(q)
  let last = 0
  const born = () => (last = Math.max(Date.now(), last + 0.001))
  const row = d => ({ ...d, _id: crypto.randomUUID(), _creationTime: born() })
  const write = async f => { const tx = idb.transaction('tasks', 'readwrite'), fin = done(tx); const r = f(tx.objectStore('tasks')); await fin; return r }
  const patchIn = (s, id, fields) => { const g = s.get(id); g.onsuccess = () => s.put(Object.assign(g.result, fields)) }
  const query = () => {
    let ix = 'by_creation_time', range = null, dir = 'next', none = false
    const store = () => idb.transaction('tasks').objectStore('tasks').index(ix)
    const self = {
      withIndex(n, f) {
        ix = n === 'by_id' ? 'by_creation_time' : n
        const eq = []
        let lo, hi
        const r = { eq: (_, x) => { eq.push(x); return r }, gte: (_, x) => { lo = x; return r }, lte: (_, x) => { hi = x; return r } }
        f?.(r)
        range = eq.length ? IDBKeyRange.only(eq.length > 1 ? eq : eq[0]) : lo !== undefined ? IDBKeyRange.bound(lo, hi) : null
        return self
      },
      order(d) { dir = d === 'desc' ? 'prev' : 'next'; return self },
      filter() { none = true; return self },
      collect: async () => none ? [] : req(store().getAll(range)),
      take: n => req(store().getAll(range, n)),
      count: () => req(store().count(range)),
      async paginate({ numItems, cursor }) {
        const page = await req(store().getAll({ query: cursor ? IDBKeyRange.upperBound(JSON.parse(cursor).at, true) : null, count: numItems, direction: dir }))
        return { page, isDone: page.length < numItems, continueCursor: JSON.stringify({ at: page.at(-1)?._creationTime }) }
      },
    }
    return self
  }
  return {
    query,
    get: id => req(idb.transaction('tasks').objectStore('tasks').get(id)),
    insert: async (_, d) => (await write(s => { const r = row(d); s.add(r); return r }))._id,
    insertMany: async (_, ds) => (await write(s => ds.map(d => { const r = row(d); s.add(r); return r._id }))),
    patch: (id, f) => write(s => patchIn(s, id, f)),
    mutate: f => write(s => f({ db: { get: id => req(s.get(id)), patch: (id, x) => patchIn(s, id, x) } })),
    stats: () => ({ logRecords: 0, logBytes: 0, pageCacheBytes: 3e6, pageCacheBudget: 2e6, wasmBytes: 1e6, budgets: { wasm: 2e6 } }),
    async close() { idb.close() },
  }
}
