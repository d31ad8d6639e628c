// Bundles the harness and each engine alone (minified) into out/www. Assets named as
// new URL('x.wasm', import.meta.url) are copied beside the bundle that names them.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const here = path.dirname(fileURLToPath(import.meta.url))
export const www = path.join(here, 'out', 'www')

/** The browser entry of a built Holdfast package, or undefined. `from`: a package folder or a file. */
export function holdfastEntry(from = path.join(here, '..')) {
  if (fs.existsSync(from) && fs.statSync(from).isFile()) return path.resolve(from)
  const pick = x => typeof x === 'string' ? x : x && typeof x === 'object' ? ['browser', 'import', 'module', 'default'].map(k => pick(x[k])).find(Boolean) : undefined
  const found = []
  try {
    const p = JSON.parse(fs.readFileSync(path.join(from, 'package.json'), 'utf8'))
    found.push(pick(p.exports?.['.'] ?? (p.exports && !Object.keys(p.exports)[0]?.startsWith('.') ? p.exports : undefined)), p.browser, p.module, p.main)
  } catch {}
  found.push('dist/index.js')
  return found.filter(x => typeof x === 'string').map(x => path.join(from, x)).find(f => fs.existsSync(f))
}

const assets = (outdir, holdfast) => ({
  name: 'assets',
  setup(b) {
    const missing = { errors: [{ text: 'Holdfast is not built: run npm run build in the root' }] }
    b.onResolve({ filter: /^holdfast$/ }, () => holdfast ? { path: holdfast } : missing)
    b.onResolve({ filter: /^holdfast\/sync$/ }, () => holdfast ? { path: path.join(path.dirname(holdfast), 'sync.js') } : missing)
    // Node's own modules, named in branches a browser never takes
    b.onResolve({ filter: /^(node:.*|fs|fs\/promises|path|url|module|worker_threads|crypto|os|ws|process|util)$/ }, a => ({ path: a.path, namespace: 'empty' }))
    b.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {}', loader: 'js' }))
    b.onLoad({ filter: /\.m?js$/ }, a => {
      const text = fs.readFileSync(a.path, 'utf8'), dir = path.dirname(a.path)
      for (const m of text.matchAll(/new URL\(\s*["'`]([^"'`$]+)["'`]\s*,\s*import\.meta\.url/g)) {
        const f = path.resolve(dir, m[1])
        if (!fs.existsSync(f) || !fs.statSync(f).isFile()) continue
        const to = path.join(outdir, m[1].replace(/^(\.\.?\/)+/, ''))
        fs.mkdirSync(path.dirname(to), { recursive: true })
        if (/\.m?js$/.test(f)) esbuild.buildSync({ entryPoints: [f], outdir: path.dirname(to), bundle: true, splitting: true, minify: true, format: 'esm', target: 'esnext', logLevel: 'silent', external: ['node:*', 'fs', 'path', 'url', 'module', 'crypto', 'worker_threads'] })
        else fs.copyFileSync(f, to)
      }
      // "../wasm/x.wasm" would leave the bundle's folder
      return { contents: text.replace(/new URL\(\s*(["'`])(?:\.\.\/)+([^"'`$]+)\1(\s*,\s*import\.meta\.url)/g, 'new URL($1./$2$1$3'), loader: 'js' }
    })
  },
})

/** Builds what the named engines need; returns `{ engine: message }` of those that could not be built. */
export async function build(names, { holdfast, harness = 'harness.js' } = {}) {
  fs.rmSync(www, { recursive: true, force: true })
  fs.mkdirSync(www, { recursive: true })
  fs.copyFileSync(path.join(here, 'page.html'), path.join(www, 'index.html'))
  const common = {
    bundle: true, minify: true, format: 'esm', target: 'esnext', logLevel: 'silent', legalComments: 'none',
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' }, conditions: ['browser', 'production'], mainFields: ['browser', 'module', 'main'],
  }
  await esbuild.build({ ...common, entryPoints: [path.join(here, harness)], outfile: path.join(www, 'harness.js') })
  const failed = {}
  for (const n of names) {
    const file = [path.join(here, 'engines', n + '.js'), path.join(here, 'test', n + '.js')].find(f => fs.existsSync(f))
    if (!file) { failed[n] = `no such engine: ${n}`; continue }
    const outdir = path.join(www, n), entry = { index: file }, text = fs.readFileSync(file, 'utf8')
    fs.mkdirSync(outdir, { recursive: true })
    try {
      for (const m of text.matchAll(/^\/\/ worker: (\S+)/gm)) entry[path.basename(m[1], '.js')] = path.join(here, 'engines', m[1])
      for (const m of text.matchAll(/^\/\/ asset: (\S+)/gm)) fs.copyFileSync(path.join(here, 'node_modules', m[1]), path.join(outdir, path.basename(m[1])))
      // What is imported later, when it is needed, is a file of its own, as an app's bundler has it; scripts of workers stay whole.
      const splitting = Object.keys(entry).length === 1
      await esbuild.build({ ...common, splitting, entryPoints: entry, outdir, plugins: [assets(outdir, holdfastEntry(holdfast))] })
    } catch (e) { failed[n] = e.errors?.[0]?.text ?? e.message }
  }
  return failed
}
