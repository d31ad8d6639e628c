// Markdown from the JSON of a run:  node bench/documents/report.mjs bench/out/documents.json
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { grid, kb, ms } from '../report.mjs'

const PASS = ok => ok ? 'PASS' : '**MISS**'
const times = x => `${x < 9.95 ? x.toFixed(2) : Math.round(x)}×`
const percent = x => `${Math.round(x * 100)} %`
/** What stays: records of the log that are in pages already are deleted later. */
const keptBytes = v => v.logRecords === 0 ? v.bytes - (v.stores.log ?? 0) : v.bytes
/** The longest that the page could not be had: a long task, or what the most urgent task had to wait where there was none. */
const blockedFor = b => Math.max(b.longestTask, b.longestWait)

/** Floors and goals are judged from `judgedFrom` rows on. */
export function table(r, { judgedFrom = 10000 } = {}) {
  const { n, machine: m } = r, isJudged = n >= judgedFrom
  const find = name => r.runs.find(e => e.engine === name)
  const synced = find('holdfast'), locals = r.runs.filter(e => e.engine === 'holdfast-local'), repo = find('automerge'), yjs = find('yjs')
  const local = key => { const all = locals.map(e => e.rows[key]?.med).filter(x => x != null); return all.length ? all.reduce((a, b) => a + b, 0) / all.length : null }
  const verdicts = []
  /** A row: what was measured, what it is compared with, and what floor and goal say to that. */
  const judge = (label, key, value, beside, ratio, floor, goal) => {
    const bad = synced?.bad.engine ?? synced?.bad[key]
    if (value == null || value === '') { if (bad) verdicts.push([label, /WRONG/.test(bad) ? 'WRONG' : 'failed', '', '', '', '', '', '']); return }
    const [floorText, isFloor] = floor ?? ['', null], [goalText, isGoal] = goal ?? ['', null]
    const say = ok => !isJudged || ok == null ? '' : PASS(ok)
    verdicts.push([label, value, beside ?? '', ratio ?? '', floorText, say(isFloor), goalText, say(isGoal)])
  }
  const against = (label, key, [floor, goal]) => {
    const own = synced?.rows[key]?.med, other = local(key), x = own != null && other != null ? own / other : null
    const all = locals.map(e => e.rows[key]?.med).filter(v => v != null).map(ms).join(', ')
    judge(label, key.replace('patchSmall', 'patch'), own == null ? '' : `${ms(own)} ms`, all && `local ${all} ms`, x == null ? '' : times(x), [`${times(floor)} local`, x == null ? null : x <= floor], goal == null ? undefined : [`${times(goal)} local`, x == null ? null : x <= goal])
  }
  const small = Math.max(10, n / 10).toLocaleString('en'), all = n.toLocaleString('en')
  against(`insertMany of ${all}, awaited`, 'bulk', [3, 1.5])
  against(`patch one, awaited, of ${small} rows`, 'patchSmall', [1.5, 1.1])
  against(`patch one, awaited, of ${all} rows`, 'patch', [1.5, 1.1])
  against('cold open to first query', 'cold', [1.1])
  const met = synced?.rows.meet
  if (met) {
    const other = repo?.rows.meet?.ms.med, theirs = yjs?.rows.meet?.ms.med
    judge(`${r.edits} changes on each side, then meet: time`, 'meet', `${ms(met.ms.med)} ms`, [other && `automerge-repo ${ms(other)}`, theirs && `Yjs ${ms(theirs)} ms`].filter(Boolean).join(', '), theirs ? `${times(met.ms.med / theirs)} Yjs` : '', ['faster than automerge-repo', other == null ? null : met.ms.med < other], ['as Yjs', theirs == null ? null : met.ms.med <= theirs * 1.1])
    const otherBytes = repo?.rows.meet?.bytes.med, theirBytes = yjs?.rows.meet?.bytes.med
    judge('… bytes that crossed', 'meet', kb(met.bytes.med), [otherBytes && `automerge-repo ${kb(otherBytes)}`, theirBytes && `Yjs ${kb(theirBytes)}`].filter(Boolean).join(', '), theirBytes ? `${times(met.bytes.med / theirBytes)} Yjs` : '')
  } else judge('meet', 'meet')
  const blocked = synced?.rows.blocked
  judge(`page blocked by a merge of ${all} remote changes: longest task`, 'blocked', blocked && `${ms(blockedFor(blocked))} ms`, blocked && `${blocked.longTasks} tasks over 50 ms; longest frame ${ms(blocked.longestFrame)} ms; merged in ${ms(blocked.ms)} ms`, '', ['50 ms', blocked && blockedFor(blocked) <= 50], ['16 ms', blocked && blockedFor(blocked) <= 16])
  const held = synced?.rows.memory
  judge(`memory with a document of ${all} rows open and connected`, 'memory', held && kb(held.connected.total), held && `not connected ${kb(held.alone.total)}${held.merged ? `, after the merge ${kb(held.merged.total)}` : ''}`, '', ['100 MB', held && held.connected.total <= 100e6], ['50 MB', held && held.connected.total <= 50e6])
  const mine = synced?.rows.stored, base = locals.map(e => e.rows.stored).find(Boolean)
  const more = mine && base ? keptBytes(mine) / keptBytes(base) - 1 : null
  judge('bytes stored for a synced row beyond a local one', 'stored', more == null ? '' : percent(more), more == null ? '' : `${Math.round(keptBytes(mine) / n)} and ${Math.round(keptBytes(base) / n)} bytes a row${mine.logRecords || base.logRecords ? ', the log not empty' : ''}`, '', ['100 %', more == null ? null : more <= 1], ['50 %', more == null ? null : more <= 0.5])
  if (r.sizes) {
    const { core, docs } = r.sizes
    judge('core with its JavaScript, gzipped', 'size', kb(core.gzip), `of it WASM ${kb(core.wasm)}`, '', ['250 kB', core.gzip <= 250e3], ['200 kB', core.gzip <= 200e3])
    judge('docs with its JavaScript, gzipped', 'size', kb(docs.gzip), `of it WASM ${kb(docs.wasm)}`, '', ['650 kB', docs.gzip <= 650e3], ['550 kB', docs.gzip <= 550e3])
  }
  if (r.actors?.calls) {
    const { calls: c } = r.actors
    judge(`document of ${r.actors.rows.toLocaleString('en')} rows at ${r.actors.actors.toLocaleString('en')} actors: load`, 'actors', `${ms(c.load)} ms`, `stock automerge ${ms(c.stockLoad)} ms`, times(c.load / c.stockLoad))
    judge('… their changes taken in', 'actors', `${ms(c.receive)} ms`, `stock automerge ${ms(c.stockApply)} ms; ${ms(c.saved)} ms more when they are saved`, times(c.receive / c.stockApply))
  }
  const out = ['# Documents', '', `Measured on ${r.date}: ${m.cpu || 'a processor without a name'}, ${m.cores} cores, ${m.memGiB} GiB of memory, ${m.system}, ${m.browser ?? 'no browser'} (headless, a profile on disk), Node ${m.node} as driver.`, '', `One document of ${all} rows with eight scalar fields. Medians; how each row is measured stands in README.md.`]
  const versions = Object.assign({}, ...r.runs.map(e => e.versions ?? {}))
  out.push('', 'Versions: ' + Object.entries(versions).map(([k, v]) => `${k} ${v}`).join(', ') + '.', '', '## Holdfast\'s synced table', '')
  if (!isJudged) out.push(`Floors and goals are for ${judgedFrom.toLocaleString('en')} rows and more: at this N they don't apply.`, '')
  out.push(grid(['row', 'measured', 'beside', 'ratio', 'floor', 'met', 'goal', 'met'], verdicts))

  const cell = (e, key, f) => { const v = e.rows[key]; return v != null ? f(v) : e.bad.engine || e.bad[key] ? (/WRONG/.test(e.bad[key] ?? e.bad.engine) ? 'WRONG' : 'failed') : '' }
  const time = v => `${ms(v.med)} (${ms(v.p95)})${v.cut ? '†' : ''}`
  const ROWS = [
    [`insertMany of ${all}`, 'bulk', time], [`patch one of ${small}`, 'patchSmall', time], [`patch one of ${all}`, 'patch', time], ['cold open to first query', 'cold', time],
    [`first meeting, ${all} rows to an empty replica`, 'meet', v => `${ms(v.first.ms)}, ${kb(v.first.bytes)}`],
    [`${r.edits} changes on each side, then meet`, 'meet', v => `${ms(v.ms.med)} (${ms(v.ms.min)} to ${ms(Math.max(...v.ms.samples))}), ${kb(v.bytes.med)}`],
    [`merge of ${all} changes: until merged`, 'blocked', v => ms(v.ms)], ['… longest task; tasks over 50 ms', 'blocked', v => `${ms(v.longestTask)}; ${v.longTasks}`],
    ['… longest wait of an urgent task; all over 4 ms', 'blocked', v => `${ms(v.longestWait)}; ${ms(v.blocked)}`], ['… longest gap between frames', 'blocked', v => ms(v.longestFrame)],
    ['memory, document open', 'memory', v => kb(v.alone.total)], ['… and connected', 'memory', v => v.connected ? kb(v.connected.total) : ''],
    ['… of it JavaScript of page, workers; WASM of both', 'memory', v => { const x = v.connected ?? v.alone; return x.parts.map(p => kb(p.js)).join(' + ') + '; ' + x.parts.map(p => kb(p.wasm)).join(' + ') }],
    ['… after the merge', 'memory', v => v.merged ? kb(v.merged.total) : ''],
    ['bytes stored', 'stored', v => kb(keptBytes(v)) + (v.logRecords ? ', log not empty' : '') + (v.bytes > keptBytes(v) ? `, and ${kb(v.bytes - keptBytes(v))} of the log to be deleted` : '')], ['… as navigator.storage.estimate() has it', 'stored', v => kb(v.usage)],
  ]
  const shown = ROWS.filter(([, key]) => r.runs.some(e => e.rows[key] || e.bad[key]))
  if (shown.length) out.push('', '## All engines', '', grid(['ms, median (p95)', ...r.runs.map(e => (e.label ?? e.engine) + (e.role ? `, ${e.role}` : ''))], shown.map(([label, key, f]) => [label, ...r.runs.map(e => cell(e, key, f))])))
  const stalled = r.runs.filter(e => e.stalls || e.rows.meet?.stalls)
  if (stalled.length) out.push('', ...stalled.map(e => `${e.label ?? e.engine}: ${(e.stalls ?? 0) + (e.rows.meet?.stalls ?? 0)} times both had the same and one of them did not find out: in one page they had to be connected again, in two pages what the other one knew was taken for it.`))
  const bad = [...r.runs.flatMap(e => Object.entries(e.bad).map(([k, v]) => `- ${e.label ?? e.engine}, ${k}: ${v}`)), ...(r.actors?.failed ? [`- actors: ${r.actors.failed}`] : [])]
  if (bad.length) out.push('', '## Failures', '', ...bad)
  return out.join('\n') + '\n'
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))))
