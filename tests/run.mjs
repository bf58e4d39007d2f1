// Runs the suites one after another, shows what each says of itself, and ends with `N passed, N failed`.
import { spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const logs = join(root, 'build', 'log')
mkdirSync(logs, { recursive: true })

const files = (dir, ending) =>
  existsSync(join(root, dir))
    ? readdirSync(join(root, dir)).filter((f) => f.endsWith(ending)).sort().map((f) => `${dir}/${f}`)
    : []
const node = (...args) => ['node', ['--test', '--test-reporter=tap', '--test-concurrency=1', ...args]]
const plugins = existsSync(join(root, 'plugins'))
  ? readdirSync(join(root, 'plugins')).flatMap((p) => files(`plugins/${p}/test`, '.test.js').concat(files(`plugins/${p}/test`, '.test.mjs')))
  : []

// name, command, minutes it may take
const suites = [
  ['check', ['bash', ['tests/check/run']], 5],
  ['unit', ['ctest', ['--preset', 'dev', '-L', 'unit|replay']], 10],
  ['threads', ['ctest', ['--preset', 'tsan', '-L', 'threads']], 10],
  ['plugins', node(...plugins), 10],
  ['hostile', node(...files('tests/hostile', '.test.mjs')), 15],
  ['e2e', node(...files('tests/e2e', '.test.mjs')), 30],
]

function count(name, text) {
  const ctest = text.match(/(\d+)% tests passed, (\d+) tests failed out of (\d+)/)
  if (ctest) return { passed: ctest[3] - ctest[2], failed: Number(ctest[2]) }
  const tap = (word) => [...text.matchAll(new RegExp(`^# ${word} (\\d+)$`, 'gm'))].reduce((n, m) => n + Number(m[1]), 0)
  if (/^# tests \d+$/m.test(text)) return { passed: tap('pass'), failed: tap('fail') + tap('cancelled') }
  const plain = [...text.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1)
  return plain ? { passed: Number(plain[1]), failed: Number(plain[2]) } : { passed: 0, failed: 0 }
}

function failures(text) {
  const lines = text.split('\n')
  return lines.flatMap((line, i) => (/^\s*not ok |^FAIL|\*\*\*(Failed|Timeout)|\[  FAILED/.test(line) ? lines.slice(i, i + 14) : []))
}

async function run([name, [command, args], minutes]) {
  const started = Date.now()
  const log = createWriteStream(join(logs, `${name}.log`))
  const child = spawn(command, args, { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let late = false
  const timer = setTimeout(() => {
    late = true
    process.kill(-child.pid, 'SIGKILL')
  }, minutes * 60000)
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const code = await new Promise((done) => child.on('close', done))
  clearTimeout(timer)
  await new Promise((done) => log.end(done))
  const text = readFileSync(join(logs, `${name}.log`), 'utf8')
  const result = count(name, text)
  // A suite that dies, hangs or runs nothing has failed, whatever it counted.
  if ((code !== 0 && result.failed === 0) || late || result.passed + result.failed === 0) result.failed++
  const seconds = ((Date.now() - started) / 1000).toFixed(0)
  console.log(`${name}: ${result.passed} passed, ${result.failed} failed in ${seconds} s${late ? ' (its time was over)' : ''}`)
  if (result.failed) console.log(failures(text).slice(0, 200).join('\n') || text.split('\n').slice(-60).join('\n'))
  return result
}

const wanted = process.argv.slice(2)
const total = { passed: 0, failed: 0 }
for (const suite of suites.filter(([name]) => wanted.length === 0 || wanted.includes(name))) {
  const { passed, failed } = await run(suite)
  total.passed += passed
  total.failed += failed
}
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1)
