// Packuments: Redhouse, Verdaccio and nginx (the same bytes as files) answer the same requests.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Redhouse, freePort } from '../tests/e2e/redhouse.mjs'
import { Table, interleave, wrk } from './measure.mjs'
import { Nginx, Verdaccio } from './peers.mjs'
import { packageOf10kB } from './package.mjs'

const small = '@bench/small'
const many = '@bench/many'

async function seed(url, token) {
  const put = async (name, version) => {
    const answer = await fetch(`${url}/${name.replace('/', '%2f')}`, {
      method: 'PUT', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: packageOf10kB(name, version),
    })
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  await put(small, '1.0.0')
  for (let i = 0; i < 150; i++) await put(many, `1.${i}.0`)
}

async function body(url, headers) {
  const answer = await fetch(url, { headers })
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
  return Buffer.from(await answer.arrayBuffer())
}

export default async function registry({ rounds, seconds }) {
  const r = await Redhouse.start({ args: ['--anonymous-reads', '--platform-scope', '@bench'] })
  let v, n
  try {
    v = await Verdaccio.start()
    const token = await r.token('admin', 'bench')
    await seed(`${r.url}/npm`, token)
    await seed(v.url, v.token)
    const port = await freePort()
    n = await Nginx.start(`server { listen 127.0.0.1:${port}; root ROOT; gzip_static on; }`.replace('ROOT', join(r.data, 'bench-root')))
    const root = join(r.data, 'bench-root', '@bench')
    mkdirSync(root, { recursive: true })
    const auth = { authorization: `Bearer ${token}` }
    for (const name of [small, many]) {
      const bytes = await body(`${r.url}/npm/${name}`, auth)
      writeFileSync(join(root, name.split('/')[1]), bytes)
      writeFileSync(join(root, `${name.split('/')[1]}.gz`), gzipSync(bytes, { level: 9 }))
      if (Object.keys(JSON.parse(bytes).versions).length !== (name === small ? 1 : 150)) throw new Error(`${name}: not what was published`)
    }
    const servers = {
      Redhouse: [[r.ready.pid], `${r.url}/npm/`],
      Verdaccio: [v.pids, `${v.url}/`],
      nginx: [n.pids, `http://127.0.0.1:${port}/`],
    }
    const table = new Table('Packuments', `wrk, one thread, 32 connections, ${seconds} s a round. Requests per second of the server's processor time. nginx serves the bytes that Redhouse answers as files (gzip: compressed before).`)
    const cases = {
      'one version': [small, {}],
      '150 versions, gzip': [many, { 'accept-encoding': 'gzip' }],
    }
    const found = {}
    for (const [what, [name, headers]] of Object.entries(cases)) {
      const measures = {}
      for (const [server, [pids, url]] of Object.entries(servers))
        measures[server] = async () => (await wrk(pids, url + name, { seconds, headers })).perCpu
      measures['Redhouse, with a token'] = async () => (await wrk(servers.Redhouse[0], servers.Redhouse[1] + name, { seconds, headers: { ...headers, ...auth } })).perCpu
      found[what] = {}
      for (const [server, values] of Object.entries(await interleave(measures, rounds)))
        found[what][server] = table.row(`${what}: ${server}`, 'requests per CPU second', values)
    }
    const one = found['one version']
    const full = found['150 versions, gzip']
    table.figure('one version: times Verdaccio', one.Redhouse / one.Verdaccio, 'least', 20)
    table.figure('one version: part of nginx', one.Redhouse / one.nginx, 'least', 0.6)
    table.figure('150 versions gzip: times Verdaccio', full.Redhouse / full.Verdaccio, 'least', 200)
    table.figure('one version with a token: part of without', one['Redhouse, with a token'] / one.Redhouse, 'least', 0.9)
    table.figure('150 versions gzip with a token: part of without', full['Redhouse, with a token'] / full.Redhouse, 'least', 0.9)
    return table
  } finally {
    await n?.stop()
    await v?.stop()
    await r.stop()
  }
}
