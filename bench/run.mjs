// Measures Redhouse beside what a user would take instead.
//   node bench/run.mjs [--short] [--write] [NAME…]     names: registry, tarballs, search, publish, install, crowd, proxy, instance, server
// --short: one quick round, to prove that it works (CI); --write: keeps the tables in bench/RESULTS.md.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
// What ./up and ./test prepared: Node.js 24 and its npm.
process.env.PATH = `${join(root, 'build', 'bin')}:${process.env.PATH}`
process.env.REDHOUSE_BINARY ??= join(root, 'build', 'redhouse')

const flags = process.argv.slice(2).filter((a) => a.startsWith('--'))
const wanted = process.argv.slice(2).filter((a) => !a.startsWith('--'))
const short = flags.includes('--short')
const budget = short ? { rounds: 1, seconds: 1, starts: 1, instances: 2 } : { rounds: 3, seconds: 4, starts: 5, instances: 10 }
const names = ['registry', 'tarballs', 'search', 'publish', 'install', 'crowd', 'proxy', 'instance', 'server']
const load = () => loadavg().map((n) => n.toFixed(1)).join(' ')

const results = []
let failed = 0
for (const name of names.filter((n) => wanted.length === 0 || wanted.includes(n))) {
  console.log(name)
  const before = load()
  try {
    const { default: bench } = await import(`./${name}.mjs`)
    const table = await bench(budget)
    results.push({ table, load: `${before} before, ${load()} after` })
  } catch (error) {
    failed++
    console.log(`not ok ${name}: ${error.stack}`)
  }
}

const commit = () => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}
if (flags.includes('--write') && results.length) {
  const model = /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor'
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), [
    '# Results', '',
    'Written by `node bench/run.mjs --write` (release build; the measured programs take turns in every round; median of ' +
      `${budget.rounds} rounds, of ${budget.starts} for starts). Load generator and servers share the machine, so the ratios count, not the rates.`, '',
    `Machine: ${cpus().length} cores, ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB. Commit ${commit()}, ${new Date().toISOString().slice(0, 10)}.`, '',
    ...results.map(({ table, load: l }) => `${table.markdown()}\nLoad average: ${l}.\n`),
  ].join('\n'))
}
console.log(`${results.length} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
