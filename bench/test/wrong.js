// A deliberately wrong engine, for check.mjs: every method here has its own lie, each a small one.
import raw from '../engines/raw-idb.js'

const alter = rows => rows.map((r, i) => i === rows.length - 1 ? { ...r, title: r.title + '.' } : r)
export default {
  ...raw, label: 'wrong on purpose',
  async open(o) {
    const db = await raw.open(o)
    let writes = 0
    return {
      ...db,
      get: async id => ({ ...(await db.get(id)), updatedAt: 1 }),                                  // a stale field
      byProject: async p => (await db.byProject(p)).slice(1),                                      // a row short
      byProjectStatus: async (p, s) => { const r = await db.byProjectStatus(p, s); return [...r, r[0]] },   // a row twice
      dueRange: async (a, b, n) => { const r = await db.dueRange(a, b, n); [r[0], r[1]] = [r[1], r[0]]; return r },   // out of order
      page: async (n, c) => { const p = await db.page(n, c); return { ...p, rows: alter(p.rows) } },          // a changed row
      countByStatus: async () => { const c = await db.countByStatus(); c.todo++; return c },
      insert: t => ++writes % 100 ? db.insert(t) : undefined,                                       // a lost write in a hundred
    }
  },
}
