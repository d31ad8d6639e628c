// What the local and the synced table of Holdfast share: schema, reads and writes.
import { defineSchema, defineTable, v } from 'holdfast'

export const schema = defineSchema({
  projects: defineTable({ name: v.string() }),
  tasks: defineTable({
    projectId: v.id('projects'), title: v.string(), status: v.union(v.literal('todo'), v.literal('in_progress'), v.literal('done')),
    priority: v.union(v.literal('low'), v.literal('medium'), v.literal('high')), assigneeId: v.string(), dueDate: v.number(), createdAt: v.number(), updatedAt: v.number(),
  }).index('by_due_date', ['dueDate']).index('by_status', ['status']),
})

export function adapt(db) {
  let projectId
  return {
    async prepare() { projectId = await db.insert('projects', { name: 'the project' }) },
    insertMany: rows => db.insertMany('tasks', rows.map(({ row }) => ({ projectId, ...row }))),
    patch: (key, fields) => db.patch(key, fields),
    async edit(edits) {
      // Each a mutation of its own, and so a change of its own; those of one task are saved together.
      for (let i = 0; i < edits.length; i += 100) await Promise.all(edits.slice(i, i + 100).map(({ key, fields }) => db.patch(key, fields)))
    },
    byDue: n => db.query('tasks').withIndex('by_due_date').take(n),
    all: () => db.query('tasks').collect(),
    stats: () => db.stats(),
    close: () => db.close(),
  }
}
