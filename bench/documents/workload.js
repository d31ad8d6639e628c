// The rows of one document: the tasks of one project, with eight scalar fields, and what is changed of them. `createdAt` is
// unique and says which row is which, in every engine.
import { STATUS, makeTasks, makeWorld, rng, shuffled } from '../workload.js'

const FIELDS = ['title', 'status', 'priority', 'assigneeId', 'dueDate', 'createdAt', 'updatedAt']
/** What the eighth field holds in engines that make no ids; those of Holdfast are as long. */
export const PROJECT = 'p'.padEnd(32, '0')

/** `{ key, row }` of each of n tasks; the field `projectId` is the engine's own. */
export function makeRows(n) {
  const world = makeWorld(n)
  return makeTasks(world, 0, n).map((t, i) => ({
    key: t.id,
    row: { title: t.title, status: t.status, priority: t.priority, assigneeId: t.assigneeId ?? world.users[i % 50], dueDate: t.dueDate ?? t.createdAt + 86400000 + i, createdAt: t.createdAt, updatedAt: t.updatedAt },
  }))
}

/** Changes of `count` rows, `{ at, fields }` each. The two sides change different fields, so what comes of it is known. */
export function makeEdits(n, count, side, round = 0) {
  const order = shuffled(rng(1000 * (round + 1) + side), Array.from({ length: n }, (_, i) => i))
  return Array.from({ length: count }, (_, i) => ({
    at: order[i % n],
    fields: side === 0 ? { status: STATUS[(i + round) % 3], updatedAt: 1920000000000 + round * 1e6 + i } : { priority: ['low', 'high'][(i + round) % 2], title: `changed elsewhere ${round} ${i}` },
  }))
}

/** The same changes on plain rows. */
export const applyEdits = (rows, edits) => { for (const { at, fields } of edits) Object.assign(rows[at], fields) }
export const plainRows = n => makeRows(n).map(x => x.row)

function hashText(s, h) {
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619)
  return h
}
const hash = row => FIELDS.reduce((h, f) => hashText(typeof row[f] + row[f], hashText(f, h)), 2166136261) >>> 0
/** A checksum of rows in any order. */
export function sum(rows) {
  let s = 0
  for (const row of rows) s = (s + hash(row)) >>> 0
  return `${rows.length}:${s.toString(16)}`
}
/** A checksum of rows in this order. */
export function orderedSum(rows) {
  let s = rows.length
  for (const row of rows) s = (Math.imul(s, 31) + hash(row)) >>> 0
  return `o${rows.length}:${s.toString(16)}`
}
/** What the first `count` by dueDate are. */
export const firstDue = (rows, count) => orderedSum([...rows].sort((a, b) => a.dueDate - b.dueDate).slice(0, count))
