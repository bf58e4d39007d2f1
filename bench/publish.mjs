// Publishes of 10 kB by 8 and by 32 clients at once; Redhouse answers once they are on disk.
import { Agent, request } from 'node:http'
import { Redhouse } from '../tests/e2e/redhouse.mjs'
import { Table, cpuTime, interleave } from './measure.mjs'
import { Verdaccio } from './peers.mjs'
import { packageOf10kB } from './package.mjs'

let made = 0

export function publishOne(agent, base, name, token, body) {
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
async function round(pids, base, token, count, clients) {
  const documents = Array.from({ length: count }, () => {
    const name = `@bench/p${made++}`
    return [name, packageOf10kB(name, '1.0.0')]
  })
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const before = cpuTime(pids)
  const start = process.hrtime.bigint()
  await Promise.all(Array.from({ length: clients }, async () => {
    for (let next = documents.pop(); next; next = documents.pop()) await publishOne(agent, base, next[0], token, next[1])
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
    const table = new Table('Publishes', 'Packages of 10 kB, each a new name. Redhouse answers when the package is synced to disk; Verdaccio does not sync.')
    const found = await interleave({
      'Redhouse, 8 clients': () => round([r.ready.pid], `${r.url}/npm`, token, 250 * seconds, 8),
      'Verdaccio, 8 clients': () => round(v.pids, v.url, v.token, 50 * seconds, 8),
      'Redhouse, 32 clients': () => round([r.ready.pid], `${r.url}/npm`, token, 250 * seconds, 32),
    }, rounds)
    const perCpu = {}, rate = {}
    for (const [who, values] of Object.entries(found)) {
      perCpu[who] = table.row(who, 'publishes per CPU second', values.map((x) => x.perCpu))
      rate[who] = table.row(who, 'publishes per second', values.map((x) => x.rate))
    }
    table.figure('8 clients, publishes per CPU second: times Verdaccio', perCpu['Redhouse, 8 clients'] / perCpu['Verdaccio, 8 clients'], 'least', 5)
    table.figure('32 clients, publishes per second', rate['Redhouse, 32 clients'], 'least', 500)
    return table
  } finally {
    await v?.stop()
    await r.stop()
  }
}

// node bench/publish.mjs URL PREFIX CLIENTS, with TOKEN: publishes until its input ends, then tells how many.
if (process.argv[1] === import.meta.filename) {
  const [url, prefix, clients] = process.argv.slice(2)
  const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) })
  let going = true
  process.stdin.on('end', () => (going = false)).resume()
  await Promise.all(Array.from({ length: Number(clients) }, async () => {
    while (going) {
      const name = `@bench/${prefix}${made++}`
      await publishOne(agent, url, name, process.env.TOKEN, packageOf10kB(name, '1.0.0'))
    }
  }))
  agent.destroy()
  console.log(made)
}
