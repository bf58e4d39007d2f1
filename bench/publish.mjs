// Publishes of 10 kB by 8 clients at once; Redhouse answers once they are on disk.
import { Agent, request } from 'node:http'
import { Redhouse } from '../tests/e2e/redhouse.mjs'
import { Table, cpuTime, interleave } from './measure.mjs'
import { Verdaccio } from './peers.mjs'
import { packageOf10kB } from './package.mjs'

const clients = 8
let made = 0

function put(agent, base, name, token, body) {
  const url = new URL(`${base}/${name.replace('/', '%2f')}`)
  return new Promise((done, fail) => {
    const req = request(url, {
      agent, method: 'PUT',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), authorization: `Bearer ${token}` },
    }, (answer) => {
      let text = ''
      answer.on('data', (data) => (text += data))
      answer.on('end', () => (answer.statusCode < 300 ? done() : fail(new Error(`${base}: ${answer.statusCode} ${text}`))))
    })
    req.on('error', fail)
    req.setTimeout(30000, () => req.destroy(new Error(`${base}: no answer`)))
    req.end(body)
  })
}

// Each publish is a package of its own, made before the clock starts.
async function round(pids, base, token, count) {
  const documents = Array.from({ length: count }, () => {
    const name = `@bench/p${made++}`
    return [name, packageOf10kB(name, '1.0.0')]
  })
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const before = cpuTime(pids)
  const start = process.hrtime.bigint()
  await Promise.all(Array.from({ length: clients }, async () => {
    for (let next = documents.pop(); next; next = documents.pop()) await put(agent, base, next[0], token, next[1])
  }))
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const cpu = Number(cpuTime(pids) - before) / 1e9
  agent.destroy()
  return { rate: count / seconds, perCpu: count / cpu }
}

export default async function publish({ rounds, seconds }) {
  const r = await Redhouse.start({ args: ['--platform-scope', '@bench'] })
  let v
  try {
    v = await Verdaccio.start()
    const token = await r.token('admin', 'bench')
    const table = new Table('Publishes', `${clients} clients, packages of 10 kB, each a new name. Redhouse answers when the package is synced to disk; Verdaccio does not sync.`)
    const found = await interleave({
      Redhouse: () => round([r.ready.pid], `${r.url}/npm`, token, 250 * seconds),
      Verdaccio: () => round(v.pids, v.url, v.token, 50 * seconds),
    }, rounds)
    const medians = {}
    for (const [server, values] of Object.entries(found)) {
      medians[server] = table.row(server, 'publishes per CPU second', values.map((x) => x.perCpu))
      medians[`${server} rate`] = table.row(server, 'publishes per second', values.map((x) => x.rate))
    }
    table.figure('publishes per CPU second: times Verdaccio', medians.Redhouse / medians.Verdaccio, 'least', 5)
    table.figure('publishes per second: times Verdaccio', medians['Redhouse rate'] / medians['Verdaccio rate'], 'least', 5)
    return table
  } finally {
    await v?.stop()
    await r.stop()
  }
}
