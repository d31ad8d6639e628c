// The app of www with 100,000 tasks: how soon its list is shown, and how smoothly it scrolls. Alone: node bench/app.mjs [opens]
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { serveBuilt } from '../scripts/serve.mjs'
import { FLAGS, findBrowser, stat } from './driver.mjs'

const TASKS = 100000
const SCROLL_MS = 5000
const STEP_PX = 240, STEP_MS = 30     // of the wheel: 8,000 px a second, 120 rows

/** In the page, from its first line: when rows were painted, counted from the start of the navigation. */
const watchOpening = () => {
  globalThis.shown = new Promise(resolve => {
    const look = () => {
      if (!document.querySelector('section:not(.unknown) tbody tr[data-id] button')) return requestAnimationFrame(look)
      // The frame that has them is painted when a task after it begins.
      requestAnimationFrame(() => { const { port1, port2 } = new MessageChannel(); port1.onmessage = () => resolve(performance.now()); port2.postMessage(0) })
    }
    requestAnimationFrame(look)
  })
}
/** Starts to note frames and long tasks; the second call ends it. */
const watchFrames = () => {
  const frames = [], tasks = []
  let last = performance.now(), isOver = false
  const observer = new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => e.duration)))
  observer.observe({ entryTypes: ['longtask'] })
  const tick = now => { frames.push(now - last); last = now; if (!isOver) requestAnimationFrame(tick) }
  requestAnimationFrame(now => { last = now; requestAnimationFrame(tick) })
  let blank = 0, looks = 0
  const timer = setInterval(() => { looks++; if (document.querySelector('tbody tr.coming')) blank++ }, 50)
  globalThis.endFrames = () => { isOver = true; observer.disconnect(); clearInterval(timer); return { frames, tasks, blank: blank / looks } }
}

/** Answers milliseconds: `open` from navigation to the first rows painted, `frames` while one scrolls. */
export async function measureApp({ opens = 12, scrolls = 3, tasks = TASKS, cpu } = {}) {
  const server = await serveBuilt('www', { port: 4600 + process.pid % 300 })
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-app-'))
  let context
  try {
    context = await chromium.launchPersistentContext(profile, { executablePath: findBrowser(), args: FLAGS, viewport: { width: 1280, height: 800 } })
    const filling = await context.newPage()
    await filling.goto(server.url)
    await filling.getByRole('button', { name: 'Add sample data' }).click()
    for (let had = 0; had < tasks; had += TASKS) {
      await filling.getByRole('button', { name: 'Generate 100,000 tasks' }).click()
      await filling.getByText(/^100,000 tasks in/).waitFor({ timeout: 300000 })
    }
    await filling.getByText('Empty: the tree holds everything.').waitFor({ timeout: 60000 })
    await filling.evaluate(() => navigator.serviceWorker.ready)
    await filling.close()
    const open = async () => {
      const page = await context.newPage()
      await page.addInitScript(watchOpening)
      await page.goto(server.url)
      const ms = await page.evaluate(() => globalThis.shown)
      const total = Number((await page.locator('[data-status=all] strong').innerText()).replaceAll(',', ''))
      if (total < tasks) throw new Error(`WRONG: ${total} tasks are there`)
      return { page, ms }
    }
    const openMs = []
    for (let i = 0; i <= opens; i++) {
      const { page, ms } = await open()
      if (i > 0) openMs.push(ms)        // the first one after the filling is not counted
      await page.close()
    }
    const frames = [], longest = [], long = []
    let blank = 0, rows = 0
    for (let i = 0; i < scrolls; i++) {
      const { page } = await open()
      await page.waitForTimeout(1000)
      const box = await page.locator('.scroller').boundingBox()
      await page.mouse.move(box.x + 200, box.y + 200)
      await page.evaluate(watchFrames)
      const end = Date.now() + SCROLL_MS
      while (Date.now() < end) { await page.mouse.wheel(0, STEP_PX); await page.waitForTimeout(STEP_MS) }
      const got = await page.evaluate(() => globalThis.endFrames())
      rows = await page.locator('.scroller').evaluate(e => Math.round(e.scrollTop / 66))
      if (rows < 50) throw new Error(`WRONG: it has scrolled by ${rows} rows only`)
      frames.push(...got.frames); longest.push(Math.max(...got.frames)); long.push(...got.tasks); blank += got.blank / scrolls
      await page.close()
    }
    return { tasks, open: stat(openMs), frames: stat(frames), longest, longTasks: long.length, longestTask: Math.max(0, ...long), blank, rows }
  } finally {
    await context?.close()
    await server.close()
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const got = await measureApp({ opens: Number(process.argv[2] ?? 12) })
  console.log(JSON.stringify(got, (k, v) => k === 'samples' ? undefined : typeof v === 'number' ? +v.toFixed(2) : v, 1))
}
