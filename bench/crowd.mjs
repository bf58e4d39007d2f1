// A server with 10,000 packages: its start, its memory while all of them are read, and readers while others publish.
import { spawn } from 'node:child_process'
import { Agent } from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redhouse } from '../tests/e2e/redhouse.mjs'
import { Table, interleave, median, wrk } from './measure.mjs'
import { packageOf10kB } from './package.mjs'
import { publishOne } from './publish.mjs'

const packages = 10000
const clients = 8
const readers = 4
const pause = 2 // ms that a reader waits between two requests, on average

// Publishes all of them.
async function seed(r, token) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  let made = 0
  await Promise.all(Array.from({ length: clients }, async () => {
    while (made < packages) {
      const name = `@bench/p${made++}`
      await publishOne(agent, `${r.url}/npm`, name, token, packageOf10kB(name, '1.0.0'))
    }
  }))
  agent.destroy()
}

// Others who publish as fast as they can, in a process that leaves the processor to whoever is measured, as one on another machine does
// (where the system shares the processor by session, nice alone counts within one); ends with how many.
const behind = 'if [ -w /proc/self/autogroup ]; then echo 19 > /proc/self/autogroup; fi; exec nice -n 19 node "$@"'
function others(r, token, prefix) {
  const child = spawn('setsid', ['--wait', 'sh', '-c', behind, 'sh', join(import.meta.dirname, 'publish.mjs'), `${r.url}/npm`, prefix, String(clients)],
    { env: { ...process.env, TOKEN: token }, stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (data) => (said += data))
  const ended = new Promise((done) => child.once('exit', done))
  return { async end() { child.stdin.end(); await ended; return Number(said) } }
}

const resident = (pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1000

// From before the exec to the line on --ready-fd.
async function restart(r) {
  await r.term()
  const since = process.hrtime.bigint()
  await r.serve()
  return Number(process.hrtime.bigint() - since) / 1e6
}

const every = (path) => `
local n = 0
function request()
  n = (n + 7919) % ${packages}
  return wrk.format("GET", string.format("${path}", n, n))
end
`

export default async function crowd({ rounds, seconds, starts }) {
  const r = await Redhouse.start({ args: ['--anonymous-reads', '--platform-scope', '@bench'] })
  try {
    const token = await r.token('admin', 'bench')
    await seed(r, token)
    const table = new Table('A crowd', `${packages.toLocaleString('en-US')} packages of 10 kB. Memory: resident, after every packument and tarball was asked for by wrk. Readers: ${readers} that pause ${pause} ms after each answer (wrk before all others at the processor), alone and while ${clients} clients publish as fast as they can.`)
    const ms = []
    for (let i = 0; i < starts; i++) ms.push(await restart(r))
    const started = table.row('exec to ready', 'ms', ms)
    const idle = resident(r.ready.pid)
    const scripts = { packument: '/npm/@bench/p%d', tarball: '/npm/@bench/p%d/-/p%d-1.0.0.tgz', paced: '/npm/@bench/p%d' }
    for (const [name, path] of Object.entries(scripts)) {
      scripts[name] = join(r.data, `${name}.lua`)
      writeFileSync(scripts[name], every(path) + (name === 'paced' ? `function delay() return math.random(0, ${2 * pause}) end\n` : ''))
    }
    const read = (name, connections) => wrk([r.ready.pid], r.url, { seconds, connections, script: scripts[name], prompt: name === 'paced' })
    table.row('memory after the start', 'MB (resident)', [idle])
    table.row('packuments of all', 'requests per CPU second', [(await read('packument', 32)).perCpu])
    table.row('tarballs of all', 'requests per CPU second', [(await read('tarball', 32)).perCpu])
    const serving = table.row('memory while serving them', 'MB (resident)', [resident(r.ready.pid)])
    let turn = 0
    const published = []
    const found = await interleave({
      alone: () => read('paced', readers),
      'while others publish': async () => {
        const load = others(r, token, `q${turn++}x`)
        await sleep(1000)
        const one = await read('paced', readers)
        published.push((await load.end()) / (seconds + 1))
        return one
      },
    }, rounds)
    const p99 = {}
    for (const [name, values] of Object.entries(found)) p99[name] = table.row(`readers, ${name}`, 'ms (p99)', values.map((x) => x.p99))
    table.row('publishes meanwhile', 'a second', [median(published)])
    table.figure('exec to the ready line', started, 'most', 100, ' ms')
    table.figure('memory while serving', serving, 'most', 64, ' MB')
    table.figure('p99 of readers while others publish: times alone', p99['while others publish'] / p99.alone, 'most', 2)
    return table
  } finally {
    await r.stop()
  }
}
