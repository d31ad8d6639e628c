// Holdfast, from the root's dist/ build (see ../build.mjs for how the name resolves).
// The workload's own ids stay in the plain field `id`, beside Holdfast's _id: its rows carry 20 bytes more than raw's.
import { openDatabase, defineSchema, defineTable, v } from 'holdfast'

const schema = defineSchema({
  tasks: defineTable({
    id: v.string(), projectId: v.string(), assigneeId: v.optional(v.string()), title: v.string(), description: v.optional(v.string()),
    status: v.union(v.literal('todo'), v.literal('in_progress'), v.literal('done')), priority: v.union(v.literal('low'), v.literal('medium'), v.literal('high')),
    dueDate: v.optional(v.number()), completedAt: v.optional(v.number()), createdAt: v.number(), updatedAt: v.number(),
  }).index('by_project', ['projectId']).index('by_assignee', ['assigneeId']).index('by_status', ['status'])
    .index('by_due_date', ['dueDate']).index('by_created', ['createdAt']).index('by_project_and_status', ['projectId', 'status']),
})
const INDEXES = ['by_project', 'by_assignee', 'by_status', 'by_due_date', 'by_created', 'by_project_and_status']

export default {
  label: 'Holdfast', packages: ['holdfast'], store: 'paged tree and log in IndexedDB, pages in WASM memory',
  async open({ name }) {
    const db = await openDatabase({ name, schema })
    const q = () => db.query('tasks')
    const nothing = x => x.filter(f => f.eq(f.field('id'), '')).collect()        // reads every row of a range, returns none
    return {
      bulkInsert: tasks => db.insertMany('tasks', tasks),
      insert: t => db.insert('tasks', t),
      get: key => db.get(key),
      byProject: pid => q().withIndex('by_project', r => r.eq('projectId', pid)).collect(),
      byProjectStatus: (pid, st) => q().withIndex('by_project_and_status', r => r.eq('projectId', pid).eq('status', st)).collect(),
      dueRange: (lo, hi, n) => q().withIndex('by_due_date', r => r.gte('dueDate', lo).lte('dueDate', hi)).take(n),
      async page(n, cursor) { const p = await q().order('desc').paginate({ numItems: n, cursor }); return { rows: p.page, cursor: p.continueCursor } },
      async countByStatus() {
        const c = s => q().withIndex('by_status', r => r.eq('status', s)).count()
        const [todo, in_progress, done] = await Promise.all([c('todo'), c('in_progress'), c('done')])
        return { todo, in_progress, done }
      },
      patch: (key, f) => db.patch(key, f),
      increment: key => db.mutate(async ({ db }) => { await db.patch(key, { dueDate: (await db.get(key)).dueDate + 1 }) }),
      bulkPatch: ps => db.mutate(async ({ db }) => { for (const p of ps) await db.patch(p.key, p.fields) }),
      scan: () => q().collect(),
      async warm() {
        await nothing(q())
        for (const ix of INDEXES) await nothing(q().withIndex(ix))
        await nothing(q().withIndex('by_id')).catch(() => {})        // the untimed first gets load these pages too
      },
      live(pid, cb) {
        const live = db.live(q().withIndex('by_project', r => r.eq('projectId', pid)))
        const tell = () => { if (live.value) cb(live.value) }
        live.subscribe(tell)
        tell()
        return () => live.stop()
      },
      stats: () => db.stats(),
      close: () => db.close(),
    }
  },
}
