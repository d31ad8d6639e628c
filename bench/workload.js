// The "projects and tasks" workload: seeded, the same on every run, made in batches so that a million
// rows never have to be in memory at once; with checksums and the oracle (plain array code).

export function rng(seed) {           // mulberry32
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
const A32 = 'abcdefghijkmnpqrstuvwxyz23456789'
function makeId(prefix, r) {
  let s = prefix
  for (let i = 0; i < 20 - prefix.length; i++) s += A32[(r() * 32) | 0]
  return s
}
const SYL = ['ba', 'co', 'du', 'fe', 'gi', 'ha', 'jo', 'ku', 'le', 'mi', 'no', 'pu', 're', 'sa', 'ti', 'vo', 'wu', 'xe', 'ya', 'zi']
function makeVocabulary(r, size) {
  const set = new Set()
  while (set.size < size) {
    let w = ''
    const n = 2 + ((r() * 3) | 0)
    for (let i = 0; i < n; i++) w += SYL[(r() * 20) | 0] + (r() < 0.2 ? 'n' : '')
    set.add(w)
  }
  return [...set]
}
export const STATUS = ['todo', 'in_progress', 'done']
const PRIORITY = ['low', 'medium', 'high']
const T0 = 1767225600000
const pick = (r, a) => a[(r() * a.length) | 0]
export function shuffled(r, a) {
  const b = a.slice()
  for (let i = b.length - 1; i > 0; i--) { const j = (r() * (i + 1)) | 0; [b[i], b[j]] = [b[j], b[i]] }
  return b
}

export const BATCH = 10000

/** What all batches of a workload of `n` tasks share; about 100 tasks a project at every n. */
export function makeWorld(n, seed = 42) {
  const r = rng(seed)
  const vocab = makeVocabulary(r, 2000)
  const users = Array.from({ length: 50 }, () => makeId('u', r))
  const projects = Array.from({ length: Math.max(1, Math.floor(n / 100)) }, () => makeId('p', r))
  return { n, seed, vocab, users, projects }
}

/** Tasks number `start` to `start + count - 1`. `createdAt` and `dueDate` are unique, `createdAt` increases. */
export function makeTasks(world, start, count) {
  const r = rng(world.seed + Math.imul(start + 1, 2654435761))
  const { vocab, users, projects } = world
  const words = k => { let s = ''; for (let i = 0; i < k; i++) s += (i ? ' ' : '') + vocab[Math.min(1999, Math.floor(2000 * Math.pow(r(), 2.2)))]; return s }
  return Array.from({ length: count }, (_, k) => {
    const i = start + k
    const createdAt = T0 + i * 1000 + ((r() * 999) | 0)
    const status = pick(r, STATUS)
    const t = { id: makeId('t', r), projectId: pick(r, projects), title: words(3 + ((r() * 6) | 0)), status, priority: pick(r, PRIORITY), createdAt, updatedAt: createdAt + ((r() * 1e6) | 0) }
    if (r() < 0.8) t.assigneeId = pick(r, users)
    if (r() < 0.7) t.description = words(1 + ((r() * 60) | 0))
    if (r() < 0.6) t.dueDate = T0 + ((r() * 1e5) | 0) * 2000000 + i
    if (status === 'done') t.completedAt = createdAt + ((r() * 1e7) | 0)
    return t
  })
}
export function generate(n) {
  const world = makeWorld(n)
  const tasks = []
  for (let i = 0; i < n; i += BATCH) for (const t of makeTasks(world, i, Math.min(BATCH, n - i))) tasks.push(t)
  return { world, tasks }
}

// ---- checksums: null, undefined and absent count as the same --------------------------------------
const FIELDS = ['id', 'projectId', 'assigneeId', 'title', 'description', 'status', 'priority', 'dueDate', 'completedAt', 'createdAt', 'updatedAt']
function hashStr(s, h) {
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619)
  return h
}
export function rowHash(t) {
  let h = 2166136261
  for (const f of FIELDS) { const v = t[f]; if (v !== undefined && v !== null) h = hashStr(typeof v + v, hashStr(f, h)) }
  return h >>> 0
}
/** `{ rows, sum }` of a set of rows; sums of disjoint sets add up. */
export function sumOf(rows) {
  let sum = 0
  for (const t of rows) sum = (sum + rowHash(t)) >>> 0
  return { rows: rows.length, sum }
}
export const addSums = (...a) => a.reduce((x, y) => ({ rows: x.rows + y.rows, sum: (x.sum + y.sum) >>> 0 }), { rows: 0, sum: 0 })
export const showSum = s => `${s.rows}:${s.sum.toString(16)}`
/** A checksum of rows whose order does not (`u…`) or does (`o…`) matter. */
export function checksum(rows, ordered = false) {
  if (!ordered) return 'u' + showSum(sumOf(rows))
  let s = rows.length
  for (const t of rows) s = (Math.imul(s, 31) + rowHash(t)) >>> 0
  return `o${rows.length}:${s.toString(16)}`
}

// ---- oracle: a plain model of the table ------------------------------------------------------------
export class Model {
  constructor(tasks) { this.m = new Map(tasks.map(t => [t.id, t])) }      // rows are replaced, never changed
  rows() { return [...this.m.values()] }
  get(id) { return this.m.get(id) }
  insert(t) { this.m.set(t.id, t) }
  patch(id, f) { this.m.set(id, { ...this.m.get(id), ...f }) }
  sum() { return sumOf(this.rows()) }
}
export function groupBy(rows, key) {
  const g = new Map()
  for (const t of rows) { const k = key(t); const a = g.get(k); if (a) a.push(t); else g.set(k, [t]) }
  return g
}
